/* The demo's outage day keeps what docs/demo.md promises. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { END, outageDay, START } from '../../demo/outage-day.mjs'
import banks from '../../demo/phrases/de.mjs'

const day = outageDay()
const live = day.filter(({ message }) => message.ts >= START)
const share = (list, test) => list.filter(test).length / list.length

function within(value, low, high, what) {
    assert.ok(value >= low && value <= high, `${what}: ${value}`)
}

test('the same day each time', () => assert.deepEqual(outageDay(), day))

test('two weeks of history, then fifteen minutes', () => {
    within(day.length - live.length, 1200, 1400, 'history')
    within(live.length, 1600, 1800, 'live')
    for (const [i, { message }] of day.entries()) {
        assert.ok(i === 0 || day[i - 1].message.ts <= message.ts)
        within(message.ts, START - 14 * 86400, END, message.id)
    }
})

test('each message is complete, ids are unique, threads lead back', () => {
    const byId = new Map()
    for (const { message } of day) {
        assert.ok(!byId.has(message.id))
        byId.set(message.id, message)
        assert.ok(message.text.length > 1 && message.author && message.author_name, message.id)
        assert.ok(!/[[\]{}|]|undefined/.test(message.text + (message.subject ?? '')), message.text)
        assert.equal(message.subject !== undefined, message.channel === 'mail', message.id)
        assert.ok(message.channel !== 'mail' || message.visibility === 'direct')
        assert.ok(!message.permalink || new URL(message.permalink).hostname.endsWith('.example'))
        if (message.parent)
            assert.equal(message.thread, byId.get(message.parent).thread, message.id)
        else assert.equal(message.thread, message.id)
    }
})

test('both incidents begin, top and overlap as documented', () => {
    for (const [incident, begin, top] of [
        ['card', 5, 120],
        ['login', 45, 175],
    ]) {
        const ages = live
            .filter(({ gold }) => gold.incident === incident)
            .map(({ message }) => message.ts - START)
        within(ages.length, 400, 750, `${incident} messages`)
        assert.equal(Math.round(Math.min(...ages)), begin)
        const first = live.filter(
            ({ gold }) => gold.incident === incident && gold.kind === 'outage',
        )
        const perMinute = Array.from(
            { length: 15 },
            (_, minute) =>
                first.filter(({ message }) => Math.floor((message.ts - START) / 60) === minute)
                    .length,
        )
        within(
            (perMinute.indexOf(Math.max(...perMinute)) + 0.5) * 60,
            top - 60,
            top + 60,
            `${incident} top`,
        )
        const late = ages.filter(age => age > 12 * 60).length
        within(late, 1, Math.max(...perMinute) / 4, `${incident} falls off`)
    }
    assert.ok(day.every(({ message, gold }) => gold.incident === '-' || message.ts >= START))
})

test('languages, kinds and people are mixed', () => {
    for (const kind of [
        'outage',
        'repeat',
        'crosspost',
        'followup',
        'retweet',
        'copy',
        'praise',
        'chatter',
        'question',
        'single',
        'advert',
    ])
        assert.ok(
            live.some(({ gold }) => gold.kind === kind),
            kind,
        )
    const known = live.filter(({ message }) => message.channel === 'mastodon')
    within(
        share(known, ({ message }) => message.lang === 'de'),
        0.35,
        0.6,
        'German',
    )
    within(
        share(known, ({ message }) => message.lang === 'lb'),
        0.08,
        0.25,
        'Luxembourgish',
    )
    const counts = {}
    for (const { message } of live) counts[message.author] = (counts[message.author] ?? 0) + 1
    within(
        share(Object.values(counts), count => count <= 2),
        0.97,
        1,
        'one or two messages',
    )
    const outage = live.filter(({ gold }) => gold.kind === 'outage')
    assert.equal(new Set(outage.map(({ message }) => message.text)).size, outage.length)
})

test('a cross-post has the same name on another account and network', () => {
    for (const { message } of live.filter(({ gold }) => gold.kind === 'crosspost')) {
        const first = live.find(
            other =>
                other.message.author_name === message.author_name && other.gold.kind === 'outage',
        )
        assert.ok(
            first &&
                first.message.author !== message.author &&
                first.message.channel !== message.channel,
        )
    }
})

test('every phrase bank has the same parts', async () => {
    for (const lang of ['en', 'fr', 'lb']) {
        const { default: bank } = await import(`../../demo/phrases/${lang}.mjs`)
        assert.deepEqual(Object.keys(bank).sort(), Object.keys(banks).sort())
        for (const kind of Object.keys(banks.single))
            assert.ok(bank.single[kind].length > 0, `${lang} ${kind}`)
    }
})
