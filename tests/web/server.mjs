/* The real `breakwater web` over a throw-away PostgreSQL, and a client that signs in as somebody. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const program = process.env.BREAKWATER || fileURLToPath(new URL('../../build/breakwater', import.meta.url))

/* Runs a command of the program to its end. */
export function breakwater(args, { url, input = '', env = {} } = {}) {
    return spawnSync(program, args, { encoding: 'utf8', input, env: { ...process.env, DATABASE_URL: url, ...env } })
}

export function addUser(url, email, name, roles, password) {
    const dir = mkdtempSync(join(tmpdir(), 'bw-pw-')), file = join(dir, 'password')
    writeFileSync(file, password + '\n', { mode: 0o600 })
    const done = breakwater(['user', 'add', email, '--name', name, '--password-file', file, ...roles.flatMap(role => ['--role', role])], { url })
    rmSync(dir, { recursive: true })
    if (done.status !== 0) throw new Error(done.stderr)
}

const running = new Set()
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')))

/* Resolves to { port, log, stop, child } when it listens. */
export async function startWeb(url, env = {}) {
    const child = spawn(program, ['web', '--listen', '127.0.0.1:0'], {
        env: { ...process.env, DATABASE_URL: url, BREAKWATER_LOG: 'message', ...env },
        stdio: ['ignore', 'ignore', 'pipe'],
    })
    running.add(child)
    const web = { child, log: [], port: 0 }
    const lines = createInterface({ input: child.stderr })
    await new Promise((resolve, reject) => {
        lines.on('line', line => {
            web.log.push(line)
            const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)
            if (found) resolve((web.port = Number(found[1])))
        })
        child.once('exit', () => reject(new Error(web.log.join('\n'))))
    })
    child.once('exit', (code, signal) => running.has(child) && console.error(`breakwater web ended (${code ?? signal}):\n${web.log.join('\n')}`))
    /* The exit status: 0, or what a sanitizer ended it with. */
    web.stop = async () => {
        running.delete(child)
        if (child.exitCode === null && child.signalCode === null) {
            const gone = once(child, 'exit')
            child.kill('SIGTERM')
            await gone
        }
        return child.exitCode
    }
    return web
}

/* One call over a connection of its own: { status, headers, body (parsed when JSON), text }. */
export function call(port, method, path, { body, headers = {}, raw } = {}) {
    return new Promise((resolve, reject) => {
        const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
        const request = httpRequest({ host: '127.0.0.1', port, method, path, agent: false, headers }, response => {
            const chunks = []
            response.on('data', chunk => chunks.push(chunk))
            response.on('error', reject)
            response.on('end', () => {
                const text = Buffer.concat(chunks).toString()
                const json = /json/.test(response.headers['content-type'] || '')
                resolve({ status: response.statusCode, headers: response.headers, text, body: json && text ? JSON.parse(text) : null })
            })
        })
        request.on('error', reject)
        if (payload !== undefined) {
            request.setHeader('Content-Type', 'application/json')
            request.setHeader('Content-Length', Buffer.byteLength(payload))
            request.write(payload)
        }
        request.end()
    })
}

/* Somebody who is signed in: get, post, put, patch, del, as a browser would call. */
export async function signIn(port, email, password) {
    const answer = await call(port, 'POST', '/api/session', { body: { email, password } })
    if (answer.status !== 200) throw new Error(`${email}: ${answer.status} ${answer.text}`)
    return client(port, answer)
}

export function client(port, answer) {
    const cookie = answer.headers['set-cookie'][0].split(';')[0]
    const headers = { Cookie: cookie, Origin: `http://127.0.0.1:${port}`, 'X-CSRF-Token': answer.body.csrf }
    const as = (method, path, options = {}) => call(port, method, path, { ...options, headers: { ...headers, ...options.headers } })
    return {
        cookie,
        csrf: answer.body.csrf,
        session: answer.body,
        call: as,
        get: path => as('GET', path),
        post: (path, body = {}) => as('POST', path, { body }),
        put: (path, body) => as('PUT', path, { body }),
        patch: (path, body) => as('PATCH', path, { body }),
        del: path => as('DELETE', path),
    }
}

const open = new Set()
export const closeEvents = () => open.forEach(request => request.destroy())

/* Opens the events of a brand: { next(): the next event as { event, data }, close() }. */
export function events(port, path, cookie) {
    const waiting = [], heard = []
    let buffer = '', status, ended
    const end = new Promise(resolve => (ended = resolve))
    const request = httpRequest({ host: '127.0.0.1', port, path, agent: false, headers: { Cookie: cookie } }, response => {
        status = response.statusCode
        response.on('data', chunk => {
            buffer += chunk
            for (let at; (at = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(at + 2)) {
                const lines = buffer.slice(0, at).split('\n')
                const field = name => lines.filter(l => l.startsWith(name + ': ')).map(l => l.slice(name.length + 2)).join('\n')
                if (!field('event')) continue
                const event = { event: field('event'), data: JSON.parse(field('data')), at: Date.now() }
                if (waiting.length) waiting.shift()(event)
                else heard.push(event)
            }
        })
        response.on('end', () => ended('clean'))
        response.on('error', () => ended('broken'))
    })
    request.on('error', () => ended('broken'))
    request.end()
    open.add(request)
    return {
        get status() { return status },
        heard,
        end,
        next: () => heard.length ? Promise.resolve(heard.shift()) : new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error('no event within 10 s')), 10000)
            waiting.push(event => (clearTimeout(timer), resolve(event)))
        }),
        close: () => (open.delete(request), request.destroy()),
    }
}
