/* Ending parts of a running `breakwater up` the hard way. */
import { readFileSync, readdirSync } from 'node:fs'
import { until } from './wait.mjs'

const read = path => {
    try {
        return readFileSync(path, 'utf8')
    } catch {
        return ''
    }
}

/* The processes that `pid` started itself: { pid, name }, name one of collect, core, web, postgresql. */
export function parts(pid) {
    return readdirSync('/proc')
        .filter(name => /^\d+$/.test(name) && Number(read(`/proc/${name}/stat`).match(/\) . (\d+)/)?.[1]) === pid)
        .map(name => {
            const [program, word] = read(`/proc/${name}/cmdline`).split('\0')
            return { pid: Number(name), name: /postgres/.test(program) ? 'postgresql' : word }
        })
}

/* SIGKILL to one of them, once it runs. */
export async function killPart(pid, name) {
    const part = await until(`${name} runs`, () => parts(pid).find(each => each.name === name), { seconds: 60 })
    process.kill(part.pid, 'SIGKILL')
}

/* `api`, that asks again while web or database are away. Only for what may be asked twice. */
export function patient(api, seconds = 60) {
    return (method, path, body) => {
        let last
        return until(`${method} ${path} is answered`, async () => {
            try {
                return { answer: await api(method, path, body) }
            } catch (error) {
                if (!/fetch failed|ECONN|terminated|other side closed|: 5\d\d /.test(`${error.message} ${error.cause ?? ''}`)) throw error
                last = error
                return null
            }
        }, { seconds, every: 200 }).then(({ answer }) => answer, error => {
            throw last && /^after/.test(error.message) ? new Error(`${error.message}: ${last.message}`) : error
        })
    }
}
