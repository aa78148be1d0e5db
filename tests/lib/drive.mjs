/* One connector without a database (tests/collectors/drive.c): orders in, answers out, one at a time. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

export function startDrive({ env = {} } = {}) {
    const program = join(dirname(process.env.BREAKWATER ?? 'build/asan/breakwater'), 'tests/collectors/drive')
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    const waiting = []
    const ended = new Promise(resolve => child.once('exit', code => resolve(code)))
    createInterface({ input: child.stdout }).on('line', line => waiting.shift().resolve(JSON.parse(line)))
    ended.then(code => waiting.forEach(each => each.reject(new Error(`drive ended with ${code}`))))
    const order = (what, fields = {}) =>
        new Promise((resolve, reject) => {
            waiting.push({ resolve, reject })
            child.stdin.write(JSON.stringify({ do: what, ...fields }) + '\n')
        })
    return {
        open: (kind, settings, secret) => order('open', { kind, settings, secret }),
        check: () => order('check'),
        poll: cursor => order('poll', cursor ? { cursor } : {}),
        /* Waits for the connection to ring as the collector does between polls: { fd, rang }. */
        wait: seconds => order('wait', { seconds }),
        send: outgoing => order('send', outgoing),
        findSent: outgoing => order('find_sent', outgoing),
        /* Its exit status: not 0 where a sanitizer found something. */
        stop: () => {
            child.stdin.end()
            return ended
        },
    }
}
