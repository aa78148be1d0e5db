/* breakwater up: the first start and the next, what it refuses, and what it gets over. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { parts } from '../lib/kill.mjs'
import { freePorts, publicDirectory } from '../lib/peers.mjs'
import { until } from '../lib/wait.mjs'

const program = resolve(process.env.BREAKWATER ?? 'build/breakwater')
const release = resolve(process.env.BREAKWATER_RELEASE ?? program)
const asRoot = process.getuid() === 0
const outer = publicDirectory('test-up')
chmodSync(outer, 0o777)
const running = new Set()
after(async () => {
    for (const up of running) for (const pid of family(up.pid)) end(pid, 'SIGKILL')
    rmSync(outer, { recursive: true, force: true })
})

const directory = name => join(outer, name)
const environment = more => ({
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(BREAKWATER_|DATABASE_URL|PG)/.test(name))),
    ...more,
})

/* `breakwater up` on data directory `data`. `before` are words in front of it (setpriv …). */
function start(data, { args = ['--no-demo'], env = {}, before = [], port, binary = program } = {}) {
    const all = [...before, binary, 'up', '--data-dir', data, '--listen', `127.0.0.1:${port}`, ...args]
    const child = spawn(all[0], all.slice(1), { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
    const up = { pid: child.pid, data, said: '', complained: '', status: null }
    running.add(up)
    child.stdout.on('data', text => (up.said += text))
    child.stderr.on('data', text => (up.complained += text))
    up.ended = new Promise(done => child.once('close', (code, signal) => {
        running.delete(up)
        done((up.status = code ?? signal))
    }))
    up.isReady = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200
    up.ready = () => until('/readyz says 200', () => {
        if (up.status !== null) throw new Error(`breakwater up ended with ${up.status}:\n${up.complained}`)
        return up.isReady()
    }, { seconds: 120, every: 20 }).then(() => up)
    up.stop = () => {
        child.kill('SIGTERM')
        return up.ended
    }
    up.parts = () => parts(up.pid)
    up.part = name => up.parts().find(part => part.name === name)?.pid
    return up
}

const startAnywhere = async (data, options) => start(data, { port: await freePorts(), ...options })

/* It ends by itself, not with 0, and one line on stderr says why and what to do. */
async function refused(up, pattern) {
    await until('it gives up', () => up.status !== null, { seconds: 120 })
    assert.equal(await up.ended, 1, up.complained)
    assert.match(up.complained, /^breakwater up: [^\n]+\n$/)
    assert.match(up.complained, pattern)
}

function command(data, args, { fails = false } = {}) {
    const { status, stdout, stderr } = spawnSync(program, args, { env: environment({ BREAKWATER_DATA_DIR: data }), encoding: 'utf8' })
    assert.equal(status === 0, !fails, `breakwater ${args.join(' ')}: ${stderr}`)
    return stdout
}

function sql(data, text) {
    const { status, stdout, stderr } = spawnSync('psql', ['-XAtq', '-c', text,
        `host=${join(data, 'run')} port=5432 dbname=breakwater user=breakwater`], { env: environment(), encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return stdout.trim()
}

/* What the system says of a process; nothing when it is gone. */
function statusOf(pid) {
    try {
        return readFileSync(`/proc/${pid}/status`, 'utf8')
    } catch {
        return ''
    }
}
const alive = pid => /^State:\s+[^ZX\s]/m.test(statusOf(pid))

/* A process and all below it. */
function family(pid) {
    const below = readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(name =>
        ({ pid: Number(name), parent: Number(statusOf(name).match(/^PPid:\s+(\d+)/m)?.[1]) }))
    const all = [pid]
    for (const each of all) all.push(...below.filter(({ parent }) => parent === each).map(child => child.pid))
    return all
}

/* One that may have ended by itself meanwhile. */
function end(pid, signal) {
    try {
        process.kill(pid, signal)
    } catch (error) {
        if (error.code !== 'ESRCH') throw error
    }
}

const gone = pids => until('no process is left', () => !pids.some(alive), { seconds: 60 })

/* A file for a replay channel: `count` messages, `each` seconds apart. */
function recording(name, count, each) {
    const path = join(outer, name)
    writeFileSync(path, Array.from({ length: count }, (_, i) => JSON.stringify({
        id: `m${i}`, ts: 1_700_000_000 + i * each, channel: 'x', author: `author${i}`, text: `the card reader in shop ${i} is broken again`,
    })).join('\n') + '\n')
    chmodSync(path, 0o644)
    return path
}

const count = data => Number(sql(data, 'select count(*) from message'))

test('a first start, and a second that finds everything as it was', async t => {
    const data = directory('first')
    const file = recording('first.jsonl', 300, 0)
    const port = await freePorts()
    const up = await start(data, { port }).ready()
    assert.match(up.said, new RegExp(`http://127\\.0\\.0\\.1:${port}/first#\\S{20,}`))
    assert.equal(command(data, ['brand', 'list']), '', 'no demo was asked for')
    command(data, ['brand', 'add', 'acme', 'Acme'])
    writeFileSync(directory('password'), 'correct horse battery\n')
    command(data, ['user', 'add', 'ada@acme.example', '--role', 'admin', '--password-file', directory('password')])
    command(data, ['channel', 'add', 'replay', 'recorded', `file=${file}`, 'speed=0'])
    await until('all messages are in', () => count(data) === 300, { seconds: 60 })
    await until('all are sorted', () => sql(data, 'select count(*) from intake') === '0', { seconds: 60 })
    const people = command(data, ['user', 'list'])
    const seen = () => sql(data, `select md5(string_agg(m::text, '|' order by id)) from message m`)
    const before = seen()
    const key = readFileSync(join(data, 'key'))
    assert.equal(await up.stop(), 0, up.complained)

    const began = Date.now()
    const again = await start(data, { port }).ready()
    t.diagnostic(`ready again after ${((Date.now() - began) / 1000).toFixed(2)} s`)
    assert.ok(Date.now() - began < 30_000)
    assert.equal(seen(), before)
    assert.equal(command(data, ['user', 'list']), people)
    assert.match(people, /^ada@acme\.example\t/)
    assert.deepEqual(readFileSync(join(data, 'key')), key)
    assert.doesNotMatch(again.said, /first#/, 'there is an admin already')

    /* what does not go beside it */
    await refused(await startAnywhere(data), /runs already .*--data-dir/)
    await refused(start(directory('second'), { port }), new RegExp(`127\\.0\\.0\\.1:${port} is in use .*--listen`))

    /* a newer program was here */
    sql(data, `insert into migration (number, name) values (999, '999_later.sql')`)
    assert.equal(await again.stop(), 0, again.complained)
    await refused(start(data, { port }), /schema 999 .*newer program/)
})

test('a directory that cannot be used is refused in one line, and stays as it was', async () => {
    const closed = directory('closed')
    mkdirSync(closed, { mode: asRoot ? 0o700 : 0o000 })
    if (asRoot) await refused(await startAnywhere(join(closed, 'data')), /cannot reach .*--data-dir/)
    else await refused(await startAnywhere(join(closed, 'data')), /cannot make the data directory/)
    chmodSync(closed, 0o700)
    assert.deepEqual(readdirSync(closed), [])

    const foreign = directory('foreign')
    mkdirSync(foreign, { mode: 0o755 })
    writeFileSync(join(foreign, 'letters.txt'), 'mine')
    await refused(await startAnywhere(foreign), /letters\.txt.*empty --data-dir/)
    assert.deepEqual(readdirSync(foreign), ['letters.txt'])

    const old = directory('old')
    mkdirSync(join(old, 'postgresql'), { recursive: true })
    writeFileSync(join(old, 'key'), Buffer.alloc(32, 7), { mode: 0o600 })
    writeFileSync(join(old, 'postgresql', 'PG_VERSION'), '9\n')
    if (asRoot) spawnSync('chown', ['-R', 'postgres:', old])
    await refused(await startAnywhere(old), /PostgreSQL 9, which is not installed: install postgresql-9/)
    assert.equal(readFileSync(join(old, 'postgresql', 'PG_VERSION'), 'utf8'), '9\n')
    writeFileSync(join(old, 'postgresql', 'PG_VERSION'), '')
    await refused(await startAnywhere(old), /PG_VERSION cannot be read: .*--data-dir/)
    assert.deepEqual(readdirSync(join(old, 'postgresql')), ['PG_VERSION'])

    if (!asRoot) return
    const [aim, link] = [directory('aim'), directory('link')]
    mkdirSync(aim)
    symlinkSync(aim, link)
    await refused(await startAnywhere(link), /is a link .*--data-dir/)
    assert.equal(statSync(aim).uid, 0, 'root does not give away what a link names')
})

test('a busy port is said at once', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise(listening => server.once('listening', listening))
    try {
        await refused(start(directory('busy'), { port: server.address().port }), /is in use .*--listen/)
    } finally {
        server.close()
    }
})

test('a full disk', async t => {
    const small = directory('small')
    mkdirSync(small)
    const mounted = asRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m,mode=777', 'tmpfs', small]).status === 0
    if (!mounted) return t.skip('only root can make a small disk')
    try {
        await refused(await startAnywhere(join(small, 'data')), /the disk is full: .*free some space/)
        writeFileSync(join(small, 'fill'), Buffer.alloc(1))
        spawnSync('dd', ['if=/dev/zero', `of=${join(small, 'fill')}`, 'bs=64k'])
        await refused(await startAnywhere(join(small, 'data')), /the disk is full: .*free some space/)
    } finally {
        spawnSync('umount', [small])
    }
})

test('each part is killed in turn while messages come in: it comes back and nothing is lost', async () => {
    const data = directory('killed')
    /* killed while the database is made */
    const first = await startAnywhere(data)
    await until('initdb is at work', () => existsSync(join(data, 'postgresql.new', 'PG_VERSION')), { seconds: 60, every: 5 })
    process.kill(first.pid, 'SIGKILL')
    await first.ended
    assert.ok(!existsSync(join(data, 'postgresql')))
    const up = await (await startAnywhere(data)).ready()
    assert.ok(!existsSync(join(data, 'postgresql.new')))
    command(data, ['brand', 'add', 'acme', 'Acme'])
    command(data, ['channel', 'add', 'replay', 'recorded', `file=${recording('steady.jsonl', 400, 0.04)}`, 'speed=1'])
    await until('messages come in', () => count(data) > 20, { seconds: 60 })
    for (const name of ['collect', 'core', 'web', 'postgresql']) {
        const before = up.part(name)
        assert.ok(before, `${name} runs`)
        process.kill(before, 'SIGKILL')
        await until(`${name} is back`, async () => ![undefined, before].includes(up.part(name)) && (await up.isReady()), { seconds: 60 })
        assert.match(up.complained, new RegExp(`${name}.* was ended by signal 9 .* it is started again`))
    }
    await until('all messages are in', () => count(data) === 400, { seconds: 90 })
    await until('all are sorted', () => sql(data, 'select count(*) from intake') === '0', { seconds: 60 })
    assert.equal(sql(data, 'select count(distinct external_id) from message'), '400')
    assert.equal(sql(data, 'select count(*) from assignment'), '400')

    /* killed itself, with no chance to end the others */
    const pids = family(up.pid)
    assert.ok(pids.length > 5, `${pids.length} processes`)
    process.kill(up.pid, 'SIGKILL')
    const next = await (await startAnywhere(data)).ready()
    assert.ok(!pids.some(alive), 'the earlier ones are gone before the next begins')
    assert.equal(count(data), 400)

    /* all at one moment, as when the power fails */
    const all = family(next.pid)
    all.forEach(pid => end(pid, 'SIGSTOP'))
    all.forEach(pid => end(pid, 'SIGKILL'))
    await gone(all)
    const last = await (await startAnywhere(data)).ready()
    assert.equal(count(data), 400)
    const lastPids = family(last.pid)
    assert.equal(await last.stop(), 0, last.complained)
    await gone(lastPids)

    /* a pid file of then, with a number that another process has now */
    writeFileSync(join(data, 'postgresql', 'postmaster.pid'), `${process.pid}\n${join(data, 'postgresql')}\n0\n5432\n`)
    const since = await (await startAnywhere(data)).ready()
    assert.doesNotMatch(since.complained, /started again/)
    assert.equal(await since.stop(), 0, since.complained)
})

test('what keeps dying is given up', async () => {
    const data = directory('dying')
    const up = await (await startAnywhere(data, { env: { BREAKWATER_MOST_DEATHS: '2' } })).ready()
    const atWork = () => until('the collector is at work', () => up.part('collect') &&
        sql(data, `select count(*) from pg_stat_activity where usename = 'breakwater_collect'`) !== '0', { seconds: 60 })
    const killed = async (name, signal = 'SIGKILL') => {
        const pid = await until(`${name} runs`, () => up.part(name), { seconds: 60 })
        process.kill(pid, signal)
        await until('it is gone', () => up.part(name) !== pid)
    }
    command(data, ['brand', 'add', 'acme', 'Acme'])
    command(data, ['channel', 'add', 'replay', 'recorded', `file=${recording('dying.jsonl', 3, 0)}`])
    for (let i = 0; i < 2; i++) { /* no deaths */
        await atWork()
        await killed('collect', 'SIGTERM')
    }
    await killed('collect')
    await killed('collect')
    await until('the channel is given up', () => /collect.* not started again.*'breakwater channel pause'/.test(up.complained), { seconds: 60 })
    assert.ok(await up.isReady(), 'the others go on')
    assert.equal(up.part('collect'), undefined)
    command(data, ['channel', 'pause', 'recorded'])
    await new Promise(done => setTimeout(done, 3000)) /* it looks for channels once a second */
    command(data, ['channel', 'resume', 'recorded'])
    await atWork()

    /* one more process for all channels: its collector waits, and ends with the channel */
    const beside = spawn(program, ['collect', '--database-url', `host=${join(data, 'run')} port=5432 dbname=breakwater user=breakwater`],
        { env: environment({ BREAKWATER_KEY_FILE: join(data, 'key'), BREAKWATER_MOST_DEATHS: '2' }), stdio: ['ignore', 'ignore', 'pipe'] })
    running.add(beside)
    let complained = ''
    beside.stderr.on('data', text => (complained += text))
    await until('it waits', () => /another process collects/.test(complained), { seconds: 60 })
    const waiting = family(beside.pid)[1]
    await new Promise(done => setTimeout(done, 2500)) /* it tries once a second */
    assert.equal(complained.match(/another process collects/g).length, 1, complained)
    assert.ok(alive(waiting), complained)
    command(data, ['channel', 'remove', 'recorded'])
    await until('both collectors are gone', () => !alive(waiting) && !up.part('collect'), { seconds: 60 })
    const besideEnded = new Promise(done => beside.once('close', done))
    beside.kill('SIGTERM')
    assert.equal(await besideEnded, 0)
    running.delete(beside)

    const pids = family(up.pid)
    await killed('web')
    await killed('web')
    assert.equal(await up.ended, 1)
    assert.match(up.complained, /web was ended by signal 9 .*death 2 in five minutes: it is not started again/)
    assert.match(up.complained, /\nbreakwater up: stopped, because a process that is needed keeps dying\n$/)
    await gone(pids)
})

test('a server that is there already is used with --database-url', async () => {
    const theirs = directory('theirs')
    const server = await (await startAnywhere(theirs)).ready()
    sql(theirs, 'create database existing')
    const url = `host=${join(theirs, 'run')} port=5432 dbname=existing user=breakwater`
    const data = directory('guest')
    const up = await (await startAnywhere(data, { args: ['--no-demo', '--database-url', url] })).ready()
    assert.deepEqual(up.parts().map(part => part.name).sort(), ['core', 'web'])
    assert.ok(!existsSync(join(data, 'postgresql')))
    assert.equal(command(data, ['brand', 'add', 'guest', 'Guest', '--database-url', url]), 'brand guest added\n')
    assert.equal(command(theirs, ['brand', 'list']), '')
    assert.equal(await up.stop(), 0, up.complained)
    assert.equal(await server.stop(), 0, server.complained)
    await refused(await startAnywhere(data, { args: ['--database-url', url] }), /database/)
})

/* The users and groups of all of these that live. */
const identities = pids => pids.map(pid => statusOf(pid).match(/^(Uid|Gid|Groups):.*/gm)?.join(' ')).filter(Boolean)

test('started as root, nothing runs as root', { skip: asRoot ? false : 'the tests do not run as root' }, async () => {
    const up = await (await startAnywhere(directory('root'), { args: [] })).ready()
    await until('the collector of the demo runs', () => up.part('collect'), { seconds: 60 })
    const pids = family(up.pid)
    assert.ok(identities(pids).length >= 5, `${identities(pids)}`)
    for (const identity of identities(pids)) assert.doesNotMatch(identity, /\s0\b/)
    assert.match(command(directory('root'), ['brand', 'list']), /^demo\tHafenladen\tdemo\n$/)
    assert.equal(command(directory('root'), ['brand', 'remove', 'demo']), 'brand demo is gone\n')
    assert.equal(command(directory('root'), ['brand', 'list']), '')
    assert.equal(await up.stop(), 0, up.complained)
})

test('started as an ordinary user', { skip: asRoot ? false : 'all of the above was' }, async () => {
    const home = directory('home')
    const [uid, gid] = [65534, 65534]
    mkdirSync(home, { mode: 0o700 })
    chownSync(home, uid, gid)
    /* where that user can reach it, also when the program was built in a closed folder */
    const binary = directory('breakwater')
    copyFileSync(release, binary)
    chmodSync(binary, 0o755)
    const before = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups']
    const up = await (await startAnywhere(join(home, 'data'), { before, binary, env: { HOME: home } })).ready()
    const all = identities(family(up.pid))
    assert.ok(all.length >= 5, `${all}`)
    for (const identity of all) assert.match(identity, /Uid:\s+65534\s+65534\s+65534\s+65534/)
    command(join(home, 'data'), ['brand', 'add', 'acme', 'Acme'])
    assert.equal(await up.stop(), 0, up.complained)
})
