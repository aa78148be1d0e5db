/* The engines alone, as anyone can measure them: render, spikes, classify on stdin and stdout. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'

const program = resolve(process.env.BREAKWATER ?? 'build/breakwater')
const directory = mkdtempSync(join(tmpdir(), 'breakwater-engines-'))
after(() => rmSync(directory, { recursive: true }))
const run = (args, input = '') => spawnSync(program, args, { cwd: directory, input, encoding: 'utf8', timeout: 120_000 })

const message = (id, text, more = {}) => JSON.stringify({ id, ts: 1700000000, channel: 'social', author: 'a', text, ...more })
const columns = output => output.trimEnd().split('\n').map(line => line.split('\t'))


/* What a command says to its first lines while it waits for more. */
function answer(args, lines) {
    const child = spawn(program, args, { cwd: directory, stdio: ['pipe', 'pipe', 'ignore'] })
    return new Promise((done, failed) => {
        const timer = setTimeout(() => failed(new Error(`${args[0]} keeps its answer back`)), 60_000)
        child.stdout.once('data', data => {
            clearTimeout(timer)
            child.stdin.end()
            done(String(data))
        })
        child.stdin.write(lines)
    })
}

test('classify and spikes answer line by line', async () => {
    assert.match(await answer(['classify'], message('a', 'Login geht nicht') + '\n'), /^a\t/)
    assert.match(await answer(['spikes'], 'timestamp,value\n0,1\n'), /^0\t0.0000\t0\n/)
})

test('render counts by the rule of the network', () => {
    const { status, stdout } = run(['render', '--channel', 'mastodon'], '@alice@example.social hi https://x.example/long\n')
    assert.equal(status, 0)
    assert.deepEqual(JSON.parse(stdout), {
        channel: 'mastodon', unit: 'mastodon',
        parts: [{ text: '@alice@example.social hi https://x.example/long', length: 33, limit: 500 }],
    })
    const sms = JSON.parse(run(['render', '--channel', 'sms'], 'ê'.repeat(71)).stdout)
    assert.deepEqual(sms.parts.map(({ length, limit, segments }) => [length, limit, segments]), [[71, 1600, 2]])
    const mail = JSON.parse(run(['render', '--channel', 'email'], 'Guten Tag').stdout)
    assert.deepEqual(mail.parts, [{ text: 'Guten Tag', length: 9, limit: null }])
    const long = JSON.parse(run(['render', '--channel', 'x'], 'Wir melden uns. '.repeat(40)).stdout)
    assert.ok(long.parts.length > 2 && long.parts.every(part => part.length <= 280 && part.text.endsWith('uns.')))
    assert.deepEqual(JSON.parse(run(['render', '--channel', 'x']).stdout).parts, [])
})

test('render takes the limit that the server gave, and says which channel it does not know', () => {
    const parts = limit => JSON.parse(run(['render', '--channel', 'mastodon', '--limit', limit], 'a '.repeat(400)).stdout).parts
    assert.equal(parts('5000').length, 1)
    assert.equal(parts('5000')[0].limit, 5000)
    assert.equal(parts('100').length, 8)
    for (const args of [['--channel', 'pigeon'], [], ['--channel', 'x', '--limit', '-1']]) {
        const { status, stderr } = run(['render', ...args], 'x')
        assert.equal(status, 2)
        assert.match(stderr, /^breakwater render: [^\n]+\n$/)
    }
})

/* Two weeks of five people per step, then fifty. */
const quiet = 2016 * 2
const series = Array.from({ length: quiet + 12 }, (_, i) => [1700006400 + i * 300, i < quiet ? 4 + (i % 3) : 50])

test('spikes rings once, early, and answers each line with one', () => {
    const { status, stdout } = run(['spikes'], 'timestamp,value\n' + series.map(row => row.join(',')).join('\n') + '\n')
    assert.equal(status, 0)
    const rows = columns(stdout)
    assert.deepEqual(rows.map(([timestamp]) => timestamp), series.map(([timestamp]) => String(timestamp)))
    const alarms = rows.flatMap(([, , starts], i) => (starts === '1' ? [i] : []))
    assert.equal(alarms.length, 1)
    assert.ok(alarms[0] >= quiet && alarms[0] < quiet + 3, `alarm at ${alarms[0] - quiet}`)
    for (const [, score, starts] of rows) {
        assert.ok(Number(score) >= 0 && Number(score) <= 1)
        assert.ok(starts === '0' || Number(score) >= 0.5)
    }
    const dated = series.slice(0, 30).map(([at, value]) => `${new Date(at * 1000).toISOString().slice(0, 19).replace('T', ' ')},${value}`)
    const scores = output => columns(output).map(([, score]) => score)
    assert.deepEqual(scores(run(['spikes'], ['timestamp,value', ...dated].join('\n')).stdout), scores(stdout).slice(0, 30))
})

test('spikes goes on after a bad line, says its number and ends with 1', () => {
    const { status, stdout, stderr } = run(['spikes'], 'timestamp,value\n0,1\n300,x\n600\nnever,1\n300,2\n300,2\n600,-1\n900,3\n')
    assert.equal(status, 1)
    assert.deepEqual(columns(stdout).map(([timestamp]) => timestamp), ['0', '300', '900'])
    assert.deepEqual(stderr.match(/line \d+/g), ['line 3', 'line 4', 'line 5', 'line 7', 'line 8'])
    assert.equal(run(['spikes', '--sensitivity', 'loud']).status, 2)
})

test('classify scores messages and says their language and why', () => {
    const { status, stdout } = run(['classify', '--why'], [
        message('a', 'Die Kartenzahlung geht bei mir seit heute morgen nicht'),
        message('b', 'danke, super Service!'), message(7, 'is the app down?'),
    ].join('\n') + '\n')
    assert.equal(status, 0)
    const [a, b, c] = columns(stdout)
    assert.deepEqual([a[0], b[0], c[0]], ['a', 'b', '7'])
    assert.ok(a[1] >= 0.5 && b[1] < 0.2 && c[1] >= 0.5)
    assert.equal(a[2], 'de')
    assert.match(a[3], /geht bei mir seit heute morgen nicht/)
})

test('classify goes on after a bad line, says its number and ends with 1', () => {
    const bad = ['no json', '{"text":"no id"}', '{"id":"x"}', '{"id":"x","text":7}', '{"id":"x\\ty","text":"tab"}', '{"id":"x","ts":"now","text":"ts"}', '"text"']
    const { status, stdout, stderr } = run(['classify'], [message('a', 'ok'), ...bad, '', message('b', 'a\u0000b \u{1F600}')].join('\n'))
    assert.equal(status, 1)
    assert.deepEqual(columns(stdout).map(([id]) => id), ['a', 'b'])
    assert.deepEqual(stderr.match(/line \d+/g), ['line 2', 'line 3', 'line 4', 'line 5', 'line 6', 'line 7', 'line 8'])
})

test('classify learns from judgements, the same from the same ones', () => {
    const gold = join(directory, 'gold.tsv'), messages = []
    const judged = []
    for (let i = 0; i < 30; i++) {
        messages.push(message(`z${i}`, `Zebra Nummer ${i} steht am Zaun`), message(`p${i}`, `der Pinguin ${i} schwimmt nicht mehr`))
        judged.push(`z${i}\t1`, `p${i}\t0`)
    }
    writeFileSync(gold, '#id\tcomplaint\n' + judged.join('\n') + '\n')
    const train = name => {
        const { status } = run(['classify', 'train', '--gold', gold, '--model', join(directory, name)], messages.join('\n'))
        assert.equal(status, 0)
        return readFileSync(join(directory, name))
    }
    assert.deepEqual(train('one'), train('two'))
    const asked = [message('z', 'Zebra hinter dem Zaun'), message('p', 'ein Pinguin schwimmt nicht')].join('\n')
    const before = columns(run(['classify'], asked).stdout), now = columns(run(['classify', '--model', 'one'], asked).stdout)
    assert.ok(before[0][1] < 0.5 && now[0][1] > 0.5)
    assert.ok(now[1][1] < before[1][1] && now[1][1] < 0.5)
})

test('classify refuses what it cannot use', () => {
    writeFileSync(join(directory, 'broken'), 'BWCLASS2 and nothing more')
    writeFileSync(join(directory, 'wrong.tsv'), 'a\tmaybe\n')
    writeFileSync(join(directory, 'strange.tsv'), 'b\t1\n')
    for (const [args, said] of [
        [['--model', 'broken'], /not what a classifier/], [['--model', 'nowhere'], /nowhere/],
        [['train', '--gold', 'wrong.tsv', '--model', 'm'], /line 1/], [['train', '--gold', 'strange.tsv', '--model', 'm'], /no message/],
    ]) {
        const { status, stderr } = run(['classify', ...args], message('a', 'x'))
        assert.equal(status, 1)
        assert.match(stderr, said)
    }
    assert.ok(!existsSync(join(directory, 'm')))
    for (const args of [['train'], ['train', '--model', 'm'], ['--gold', 'x'], ['teach']]) assert.equal(run(['classify', ...args]).status, 2)
})
