/* Starts the real servers of tests/peers for a test: on free ports, in a base directory of their own
 * that other users may enter, ended by stop() or, should a test forget it, when the test program ends. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const scripts = fileURLToPath(new URL('../peers/', import.meta.url))
const running = new Set()
process.on('exit', () => running.forEach(remove))
for (const [signal, status] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }))
    process.once(signal, () => process.exit(status))

/* Why no mail server can be started here, or false: for the `skip` option of a test. */
export const mailUnavailable = process.getuid() === 0 ? false : 'Postfix and Dovecot need root'

/* A new directory below the system's temporary one (or /tmp, where that is private) for all users. */
export function publicDirectory(name) {
    let parent = tmpdir()
    for (let dir = parent; dir !== dirname(dir); dir = dirname(dir))
        if (!(statSync(dir).mode & 0o001)) parent = '/tmp'
    const dir = mkdtempSync(join(parent, `breakwater-${name}-`))
    chmodSync(dir, 0o755)
    return dir
}

function canListen(port) {
    return new Promise(resolve => {
        const server = createServer()
        server.once('error', () => resolve(false))
        server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
}

/* The first of `count` free ports in a row, below those that the kernel hands out itself. */
export async function freePorts(count = 1) {
    for (let attempt = 0; attempt < 200; attempt++) {
        const first = 15000 + Math.floor(Math.random() * 15000)
        let free = 0
        while (free < count && (await canListen(first + free))) free++
        if (free === count) return first
    }
    throw new Error(`no ${count} free ports in a row`)
}

function remove(base) {
    spawnSync(join(scripts, 'stop-peer'), ['--base', base])
    rmSync(base, { recursive: true, force: true })
    running.delete(base)
}

function readEnv(base) {
    const lines = readFileSync(join(base, 'env'), 'utf8').split('\n').filter(Boolean)
    return Object.fromEntries(
        lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
}

function run(script, args) {
    return new Promise((resolve, reject) => {
        const child = spawn(join(scripts, script), args, { stdio: ['ignore', 'ignore', 'pipe'] })
        let said = ''
        child.stderr.on('data', data => (said += data))
        child.once('error', reject)
        child.once('exit', code => {
            child.stderr.destroy()
            if (code === 0) resolve()
            else reject(new Error(`${script}: ${said.trim().split('\n').slice(-5).join('\n')}`))
        })
    })
}

/* Runs one start script. A port may be taken between the look and the start: then other ports are tried. */
async function start(name, ports, args) {
    const base = publicDirectory(name)
    running.add(base)
    for (let attempt = 1; ; attempt++) {
        const port = await freePorts(ports)
        try {
            await run(`start-${name}`, ['--base', base, '--port', String(port), ...args(port)])
            return { base, port, env: readEnv(base), stop: async () => remove(base) }
        } catch (error) {
            if (attempt === 3 || !/is in use/.test(error.message)) {
                remove(base)
                throw error
            }
        }
    }
}

/* Postfix and Dovecot. Ports by name, `ca` (file), `password(address)`, and `senders`: the addresses
 * sender001@customer.test … beside support@, billing@example.test, alice@, bob@, full@customer.test. */
export async function startMail({ senders = 0 } = {}) {
    const peer = await start('mail', 5, () => ['--senders', String(senders)])
    const { port, env } = peer
    return {
        ...peer,
        host: '127.0.0.1',
        smtp: port,
        submission: port + 1,
        smtps: port + 2,
        imap: port + 3,
        imaps: port + 4,
        ca: env.MAIL_CA,
        senders: Array.from(
            { length: senders },
            (_, i) => `sender${String(i + 1).padStart(3, '0')}@customer.test`,
        ),
        password: address => `secret-${address.split('@')[0]}`,
    }
}

/* snac2, a server with the Mastodon API: `url` and `users` (brand, alice, bob) with their tokens. */
export async function startMastodon() {
    const peer = await start('mastodon', 1, () => [])
    const { url, users } = JSON.parse(readFileSync(join(peer.base, 'accounts.json'), 'utf8'))
    return { ...peer, url, users }
}

/* Prism over the OpenAPI description in file `spec`: a mock, or with `upstream` a checking proxy. */
export async function startPrism({ spec, upstream, strict = false }) {
    const options = [
        '--spec',
        spec,
        ...(upstream ? ['--upstream', upstream] : []),
        ...(strict ? ['--strict'] : []),
    ]
    const peer = await start('prism', 1, () => options)
    return { ...peer, url: `http://127.0.0.1:${peer.port}` }
}

/* A breakable proxy before `target` ("127.0.0.1:5432"): connect to `port`, break it with fault(rule);
 * tests/peers/faultproxy.mjs lists the rules, fault({}) mends it. */
export async function startFaultProxy({ target }) {
    const peer = await start('faultproxy', 2, port => [`${port + 1}=${target}`])
    const control = `http://127.0.0.1:${peer.port}`
    const port = peer.port + 1
    return {
        ...peer,
        port,
        fault: async rule =>
            (
                await fetch(`${control}/${port}`, { method: 'POST', body: JSON.stringify(rule) })
            ).json(),
        connections: async () => (await (await fetch(control)).json())[port],
    }
}
