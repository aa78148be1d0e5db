/* All of Breakwater on this machine for a test: `breakwater up` in a directory of its own, on a free port. */
import { spawn, spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import { freePorts, publicDirectory } from './peers.mjs'
import { until } from './wait.mjs'

const program = resolvePath(process.env.BREAKWATER ?? 'build/breakwater')
const running = new Set()
process.on('exit', () => running.forEach(child => child.kill('SIGTERM')))

/* `env` is for it and its commands; `brand` is made at the start. */
export async function startBreakwater({ env = {}, brand = 'acme' } = {}) {
    const base = publicDirectory('up')
    const port = await freePorts()
    const url = `http://127.0.0.1:${port}`
    const options = { cwd: base, env: { ...process.env, ...env } }
    const child = spawn(program, ['up', '--listen', `127.0.0.1:${port}`, '--no-demo'], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(child)
    let said = ''
    let status = null
    child.stdout.on('data', data => (said += data))
    child.stderr.on('data', data => (said += data))
    const ended = new Promise(resolve => child.once('exit', code => resolve((status = code ?? -1))))

    await until('breakwater is ready', async () => {
        if (status !== null) throw new Error(`breakwater up ended with ${status}:\n${said}`)
        const answer = await fetch(`${url}/readyz`).catch(() => null)
        return answer?.status === 200 && /\/first#\S+/.test(said)
    }, { seconds: 90 })

    /* `breakwater ARGS`; a `secret` is given as a file. Its output. */
    function command(args, { secret } = {}) {
        const file = join(base, 'secret')
        if (secret) writeFileSync(file, secret + '\n', { mode: 0o600 })
        const { status: code, stdout, stderr } = spawnSync(program, secret ? [...args, '--secret-file', file] : args, { ...options, encoding: 'utf8' })
        if (secret) rmSync(file)
        if (code !== 0) throw new Error(`breakwater ${args.join(' ')}: ${stderr || stdout}`)
        return stdout
    }

    /* The first admin, signed in: api('GET', 'overview') asks /api/b/BRAND/overview. */
    async function signIn() {
        const token = said.match(/\/first#(\S+)/)[1]
        const body = { token, name: 'Ada Berg', email: 'ada@acme.example', password: 'correct horse battery' }
        const headers = { origin: url, 'content-type': 'application/json' }
        const answer = await fetch(`${url}/api/first-admin`, { method: 'POST', headers, body: JSON.stringify(body) })
        if (!answer.ok) throw new Error(`first admin: ${answer.status} ${await answer.text()}`)
        const cookie = answer.headers.get('set-cookie').split(';')[0]
        const { csrf } = await answer.json()
        return async (method, path, sent) => {
            const reply = await fetch(`${url}/api/b/${brand}/${path}`, {
                method, headers: { ...headers, cookie, 'x-csrf-token': csrf }, body: sent && JSON.stringify(sent),
            }).catch(error => {
                throw new Error(`${method} ${path}: ${error.cause ?? error}; breakwater said:\n${said}`)
            })
            const text = await reply.text()
            if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`)
            return text ? JSON.parse(text) : null
        }
    }

    /* One statement, as the owner of the tables: its rows as arrays of text. */
    function sql(statement) {
        const args = ['-h', join(base, 'var/run'), '-U', 'breakwater', '-d', 'breakwater', '-XAtqc', statement]
        const { status: code, stdout, stderr } = spawnSync('psql', args, { encoding: 'utf8' })
        if (code !== 0) throw new Error(`${statement}: ${stderr}`)
        return stdout.trim().split('\n').filter(Boolean).map(line => line.split('|'))
    }

    /* The pids of its processes whose command line matches: core, web, collect, postgres. */
    function children(pattern) {
        const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(child.pid)], { encoding: 'utf8' })
        return stdout.split('\n').filter(line => pattern.test(line)).map(line => Number(line.trim().split(/\s+/)[0]))
    }

    command(['brand', 'add', brand, 'Acme'])
    return {
        base, url, pid: child.pid, command, signIn, sql, children, said: () => said,
        stop: async () => {
            child.kill('SIGTERM')
            await ended
            running.delete(child)
            rmSync(base, { recursive: true, force: true })
            const fault = said.match(/^.*(?:Sanitizer|runtime error:)[^]*/m)
            if (fault) throw new Error(`a sanitizer spoke in one of the processes:\n${fault[0].slice(0, 4000)}`)
        },
    }
}
