/* `breakwater cluster` and `breakwater suspect` as DESIGN describes them: a line out per line in, the same
 * output for the same input, merges as lines of their own, bad lines told and passed by. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'

const breakwater = process.env.BREAKWATER ?? 'build/breakwater'

function run(command, args, input) {
    const { status, stdout, stderr } = spawnSync(breakwater, [command, ...args], { input, encoding: 'utf8' })
    return { status, stderr, lines: stdout.split('\n').filter(Boolean) }
}

const texts = [
    'Kartenzahlung an der Kasse wird abgelehnt',
    'my card payment was declined at the checkout',
    'paiement par carte refusé à la caisse',
    'my card payment was declined at the checkout',
    'Kaartenzuelung op der Keess gëtt refuséiert',
    'where is the nearest shop with blue mugs?',
]
const message = (i, more = {}) => ({
    id: `m${i}`,
    ts: 1700000000 + i * 60,
    channel: 'mail',
    author: `anna${i}`,
    text: texts[i % texts.length],
    ...more,
})
const stream = (count, more) =>
    Array.from({ length: count }, (_, i) => JSON.stringify(message(i, more)) + '\n').join('')

test('a line out per line in: id, cluster, duplicate or empty, confidence', () => {
    const { status, lines } = run('cluster', [], stream(6))
    assert.equal(status, 0)
    const rows = lines.filter(line => !line.startsWith('#')).map(line => line.split('\t'))
    assert.deepEqual(
        rows.map(([id]) => id),
        ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'],
    )
    for (const row of rows) {
        assert.equal(row.length, 4)
        assert.match(row[1], /^[1-9]\d*$/)
        assert.ok(Number(row[3]) >= 0 && Number(row[3]) <= 1)
    }
    assert.deepEqual(
        rows.map(([, , of]) => of),
        ['', '', '', 'm1', '', ''],
    )
})

test('--final follows the merges that the stream told', () => {
    const live = run('cluster', [], stream(200)).lines
    const into = new Map()
    for (const line of live.filter(text => text.startsWith('# merge\t'))) {
        const [, from, to] = line.split('\t')
        into.set(from, to)
    }
    const current = cluster => {
        while (into.has(cluster)) cluster = into.get(cluster)
        return cluster
    }
    const expected = live
        .filter(line => !line.startsWith('#'))
        .map(line => line.split('\t'))
        .map(([id, cluster, of, confidence]) => [id, current(cluster), of, confidence].join('\t'))
    assert.deepEqual(run('cluster', ['--final'], stream(200)).lines, expected)
})

test('the same input gives the same output', () => {
    for (const command of ['cluster', 'suspect'])
        assert.deepEqual(run(command, [], stream(300)).lines, run(command, [], stream(300)).lines)
})

test('a suspicion names its time, cluster, people and messages', () => {
    const { status, lines } = run('suspect', [], stream(6) + stream(6))
    assert.equal(status, 0)
    assert.equal(lines.length, 1)
    const [ts, cluster, people, ids] = lines[0].split('\t')
    assert.ok(Number(ts) >= 1700000000)
    assert.match(cluster, /^\d+$/)
    assert.ok(ids.split(',').length >= Number(people))
    assert.ok(!ids.split(',').includes('m5'))
})

test('bad lines are told with their number, good ones still processed', () => {
    const input = `${JSON.stringify(message(0))}\nnot json\n{"id":"x"}\n${JSON.stringify(message(1))}\n`
    const { status, stderr, lines } = run('cluster', [], input)
    assert.equal(status, 1)
    assert.equal(lines.filter(line => !line.startsWith('#')).length, 2)
    assert.match(stderr, /line 2\b/)
    assert.match(stderr, /line 3\b/)
})

test('hostile texts take no longer than others of their size', () => {
    const hard = ['\u0301'.repeat(10000), '😡'.repeat(5000), 'a'.repeat(1 << 20), '@'.repeat(1 << 20), 'عربى '.repeat(9000)]
    const all = hard.map((text, i) => JSON.stringify(message(i, { text })) + '\n').join('')
    const start = Date.now()
    const { status, lines } = run('cluster', [], all + '{"id":"n","text":"a\\u0000b"}\n')
    assert.equal(status, 0)
    assert.equal(lines.filter(line => !line.startsWith('#')).length, hard.length + 1)
    assert.ok(Date.now() - start < 10000)
})
