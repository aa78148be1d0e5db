/* A PostgreSQL of a test's own: a fresh cluster in a directory that goes with it, reached by a unix socket
 * alone. As root it runs as an unprivileged user, since PostgreSQL refuses root. */
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, readdirSync, rmSync, statSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { until } from './wait.mjs'

const clusters = new Set()
process.on('exit', () => clusters.forEach(cluster => cluster.remove()))
/* A test that is ended from outside clears up too. */
for (const [signal, status] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }))
    process.once(signal, () => process.exit(status))

/* Debian keeps the servers' programs off the PATH. */
function binaries() {
    const root = '/usr/lib/postgresql'
    const versions = existsSync(root) ? readdirSync(root).sort((a, b) => b - a) : []
    for (const version of versions)
        if (existsSync(join(root, version, 'bin/initdb'))) return join(root, version, 'bin')
    throw new Error('PostgreSQL is not installed')
}

function unprivileged() {
    if (process.getuid() !== 0) return {}
    for (const name of ['postgres', 'nobody']) {
        const uid = spawnSync('id', ['-u', name]), gid = spawnSync('id', ['-g', name])
        if (uid.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    }
    throw new Error('there is no unprivileged user to run PostgreSQL as')
}

/* Below the system's temporary directory, or /tmp where other users may not enter that one; the path of a
 * unix socket is short. */
function newDirectory() {
    let parent = tmpdir()
    for (let dir = parent; dir !== dirname(dir); dir = dirname(dir))
        if (!(statSync(dir).mode & 0o001)) parent = '/tmp'
    return mkdtempSync(join(parent, 'bw-pg-'))
}

function run(program, args, options) {
    const result = spawnSync(program, args, { cwd: '/', encoding: 'utf8', ...options })
    if (result.status !== 0) throw new Error(`${program}: ${result.error || result.stderr.trim()}`)
    return result.stdout
}

/**
 * Starts one. `url` is its address for libpq, `psql` the client's path; sql(text) runs statements and gives the rows of the last one,
 * columns by tabs; kill() ends it as a crash would, start() brings it back.
 */
export async function startPostgres({ settings = {} } = {}) {
    const bin = binaries(), dir = newDirectory(), user = unprivileged(), data = join(dir, 'data')
    if (user.uid !== undefined) chownSync(dir, user.uid, user.gid)
    run(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-E', 'UTF8', '--no-locale', '-U', 'postgres', '--no-sync'], user)
    const url = `host=${dir} user=postgres dbname=postgres`
    let server
    const cluster = {
        url,
        dir,
        psql: join(bin, 'psql'),
        sql(text) {
            return run(join(bin, 'psql'), ['-X', '-q', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-d', url], { input: text }).trim()
        },
        async start() {
            const options = { listen_addresses: '', unix_socket_directories: dir, fsync: 'off', ...settings }
            const args = Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])
            server = spawn(join(bin, 'postgres'), ['-D', data, ...args], { cwd: '/', stdio: 'ignore', ...user })
            await until('PostgreSQL does not answer', () =>
                spawnSync(join(bin, 'psql'), ['-X', '-q', '-d', url, '-c', 'select 1'], { stdio: 'ignore' }).status === 0)
        },
        async kill() {
            const gone = new Promise(resolve => server.once('exit', resolve))
            server.kill('SIGQUIT') /* "immediate": as after a crash */
            await gone
        },
        remove() {
            server?.kill('SIGQUIT')
            clusters.delete(cluster)
            for (let attempt = 0; attempt < 50; attempt++) {
                try {
                    return rmSync(dir, { recursive: true, force: true })
                } catch {
                    spawnSync('sleep', ['0.1']) /* the server is still writing */
                }
            }
        },
        async stop() {
            if (server.exitCode === null && server.signalCode === null) await cluster.kill()
            cluster.remove()
        },
    }
    clusters.add(cluster)
    await cluster.start()
    return cluster
}
