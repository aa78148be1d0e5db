/* The Mastodon connector against a server that can be told to fail: nothing lost, nothing twice, nothing wider. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startDrive } from '../lib/drive.mjs'
import { startFakeMastodon } from './fake_mastodon.mjs'

const ends = []
after(() => Promise.all(ends.map(end => end())))

async function setUp({ server = {}, settings = {}, env = { BREAKWATER_ALLOW_PRIVATE_URLS: 'yes' } } = {}) {
    const fake = await startFakeMastodon(server)
    const drive = startDrive({ env })
    ends.push(fake.stop, async () => assert.equal(await drive.stop(), 0, 'drive ended cleanly'))
    const opened = await drive.open('mastodon', { server: fake.url, ...settings }, { token: fake.token })
    return { fake, drive, opened }
}

/* Polls until there is no more at once; all messages, and the last answer. */
async function pollAll(drive, cursor) {
    const messages = []
    for (let i = 0; i < 50; i++) {
        const answer = await drive.poll(cursor)
        assert.equal(answer.error, undefined, answer.message)
        messages.push(...answer.messages)
        cursor = answer.cursor
        if (!answer.more) return { ...answer, messages }
    }
    throw new Error('it never ends')
}

const bodies = answer => answer.messages.map(message => message.body)
const us = iso => Date.parse(iso) * 1000

function outgoing(status, fields = {}) {
    const acct = status.account.acct.includes('@') ? status.account.acct : `${status.account.acct}@acme.example`
    return {
        brand: 1, delivery: 7, attempt: 1, attempt_at: Date.now() * 1000, body: 'It works again.', lang: 'en',
        direct: status.visibility === 'direct' || status.visibility === 'private', to_external_id: status.id,
        to_extra: { visibility: status.visibility }, author_id: acct, author_handle: `@${acct}`, ...fields,
    }
}

test('a new channel begins now, and loses nothing from then on', async () => {
    const { fake, drive } = await setUp()
    const petra = fake.account('petra@sand.example', { name: 'Petra' })
    fake.publish(petra, '@help old', { notify: true })
    const first = await pollAll(drive)
    assert.deepEqual(bodies(first), [])
    const expected = []
    for (let i = 0; i < 205; i++) {
        expected.push(`@help number ${i}`)
        fake.publish(petra, expected[i], { notify: true })
    }
    const second = await pollAll(drive, first.cursor)
    assert.deepEqual(bodies(second), expected)
    assert.equal(second.next_ms, 15000)
    assert.equal(second.messages[0].author_id, 'petra@sand.example')
    assert.equal(second.messages[0].author_name, 'Petra')
    const third = await pollAll(drive, second.cursor)
    assert.deepEqual(bodies(third), [])
    assert.deepEqual(third.cursor, second.cursor)
})

test('a server that gives smaller pages than asked for', async () => {
    const { fake, drive } = await setUp({ server: { limit: 30 } })
    const first = await pollAll(drive)
    const petra = fake.account('petra@sand.example')
    for (let i = 0; i < 100; i++) fake.publish(petra, `@help number ${i}`, { notify: true })
    const second = await pollAll(drive, first.cursor)
    assert.equal(new Set(bodies(second)).size, 100)
})

test('import takes the last ones, oldest first', async () => {
    const { fake, drive } = await setUp({ settings: { import: '100' } })
    const petra = fake.account('petra@sand.example')
    for (let i = 0; i < 150; i++) fake.publish(petra, `@help number ${i}`, { notify: true })
    const first = await pollAll(drive)
    assert.deepEqual(bodies(first), Array.from({ length: 100 }, (_, i) => `@help number ${50 + i}`))
    fake.publish(petra, '@help later', { notify: true })
    assert.deepEqual(bodies(await pollAll(drive, first.cursor)), ['@help later'])
})

test('a mention that comes before any other is not lost', async () => {
    const { fake, drive } = await setUp()
    const first = await pollAll(drive)
    fake.publish(fake.account('petra@sand.example'), '@help first ever', { notify: true })
    assert.deepEqual(bodies(await pollAll(drive, first.cursor)), ['@help first ever'])
})

test('what is not a mention by somebody else is passed over, what cannot be read is kept', async () => {
    const { fake, drive } = await setUp()
    const first = await pollAll(drive)
    const petra = fake.account('petra@sand.example')
    const status = fake.publish(petra, '@help one', { notify: true })
    fake.tell('favourite', petra, status)
    fake.tell('mention', petra, null)
    fake.publish(fake.account('help'), '@help note to self', { notify: true })
    const broken = fake.publish(petra, '@help broken', { notify: true, created_at: 'yesterday' })
    fake.publish(fake.account('robo@sand.example', { bot: true }), '@help beep', { notify: true })
    fake.publish(petra, '@help two', { notify: true, visibility: 'private' })
    const second = await pollAll(drive, first.cursor)
    assert.deepEqual(bodies(second), ['@help one', '@help beep', '@help two'])
    assert.deepEqual(second.messages.map(message => message.direct), [false, false, true])
    assert.equal(second.messages[1].automatic, 'bot')
    assert.equal(second.unreadable.length, 1)
    assert.match(second.unreadable[0].reason, /time/)
    assert.ok(second.unreadable[0].size > broken.content.length)
})

test('threads: the root as far as the server knows it', async () => {
    const { fake, drive } = await setUp()
    const first = await pollAll(drive)
    const [petra, tom] = [fake.account('petra@sand.example'), fake.account('tom')]
    const root = fake.publish(tom, 'is acme down?')
    const middle = fake.publish(petra, '@tom yes', { to: root.id })
    const one = fake.publish(petra, '@help tom asks', { to: middle.id, notify: true })
    const two = fake.publish(tom, '@help me too', { to: one.id, notify: true })
    const lost = fake.publish(tom, '@help who deleted that?', { to: '115', notify: true })
    const before = fake.requests.length
    const second = await pollAll(drive, first.cursor)
    assert.deepEqual(second.messages.map(({ thread, parent }) => [thread, parent]), [
        [root.id, middle.id],
        [root.id, one.id],
        ['115', '115'],
    ])
    assert.equal(second.messages[1].author_id, 'tom@acme.example')
    const looks = fake.requests.slice(before).filter(({ path }) => path.endsWith('/context'))
    assert.deepEqual(looks.map(({ path }) => path.split('/')[4]), [one.id, lost.id], 'a known thread is not asked for')

    /* the thread cannot be read: not stored half, and not for ever */
    const three = fake.publish(petra, '@help and now?', { to: root.id.replace(/..$/, '00'), notify: true })
    fake.fail(/context/, { status: 500, times: 3 })
    for (let i = 0; i < 2; i++) {
        const failed = await drive.poll(second.cursor)
        assert.equal(failed.error, 'TEMPORARY')
    }
    const third = await drive.poll(second.cursor)
    assert.equal(third.error, undefined)
    assert.equal(third.messages[0].external_id, three.id)
    assert.equal(third.messages[0].thread, three.in_reply_to_id)
})

test('the domain in people\'s names is the server\'s own word', async () => {
    const { fake, drive } = await setUp()
    fake.fail(/instance/, { status: 503 })
    assert.equal((await drive.poll()).error, 'TEMPORARY', 'asked again rather than guessed')
    const first = await pollAll(drive)
    fake.publish(fake.account('tom'), '@help hm', { notify: true })
    assert.equal((await pollAll(drive, first.cursor)).messages[0].author_id, 'tom@acme.example')

    const older = await setUp()
    older.fake.fail(/v2.instance/, { status: 404 })
    older.fake.fail(/v1.instance/, { status: 200, body: { uri: 'old.example', version: '3.5.0' } })
    assert.equal((await older.drive.check()).text, '@help@old.example (server version 3.5.0)')
    const none = await setUp()
    none.fake.fail(/instance/, { status: 404, times: 2 })
    assert.equal((await none.drive.check()).text, `@help@${none.fake.host()} (server version unknown)`)
})

const polls = [
    [{ status: 401, body: { error: 'The access token is invalid' } }, 'DENIED'],
    [{ status: 403, body: { error: 'This action is outside the authorized scopes' } }, 'DENIED'],
    [{ status: 500 }, 'TEMPORARY'],
    [{ status: 503, body: '<html>' }, 'TEMPORARY'],
    [{ status: 200, body: '<html>Log in</html>' }, 'TEMPORARY'],
    [{ status: 200, body: { no: 'list' } }, 'TEMPORARY'],
    [{ status: 301, headers: { location: 'https://elsewhere.example/' } }, 'DENIED'],
    [{ status: 429, body: { error: 'Too many requests' } }, 'LIMITED'],
    [{ hangUp: true, times: 2 }, 'TEMPORARY'],
]

test('what goes wrong while polling', async () => {
    const { fake, drive } = await setUp()
    const first = await pollAll(drive)
    fake.publish(fake.account('petra@sand.example'), '@help hello', { notify: true })
    for (const [fault, code] of polls) {
        fake.fail(/notifications/, fault)
        const answer = await drive.poll(first.cursor)
        assert.equal(answer.error, code, JSON.stringify(fault))
        assert.equal(answer.cursor, null)
        assert.doesNotMatch(answer.message, /a-token/)
        const wait = answer.retry_at / 1000 - Date.now()
        if (code === 'LIMITED') assert.ok(wait > 290_000 && wait <= 300_000, `${wait}`)
        else assert.equal(answer.retry_at, 0)
    }
    assert.deepEqual(bodies(await pollAll(drive, first.cursor)), ['@help hello'])
})

test('near the limit the polls are spread', async () => {
    const { fake, drive } = await setUp()
    const first = await pollAll(drive)
    for (const [left, from, to] of [[300, 15_000, 15_000], [9, 55_000, 60_000], [0, 295_000, 300_000]]) {
        fake.fail(/notifications/, { done: true, headers: { 'x-ratelimit-remaining': `${left}` } })
        const answer = await drive.poll(first.cursor)
        assert.equal(answer.error, undefined)
        assert.ok(answer.next_ms >= from && answer.next_ms <= to, `${left}: ${answer.next_ms}`)
    }
})

test('answers written elsewhere come in as ours', async () => {
    const { fake, drive } = await setUp()
    const [help, petra] = [fake.account('help'), fake.account('petra@sand.example', { name: 'Petra' })]
    fake.publish(help, 'our shop is open')
    const first = await pollAll(drive)
    const root = fake.publish(petra, '@help first')
    const question = fake.publish(petra, '@help second', { to: root.id, notify: true })
    const answer = fake.publish(help, '@petra@sand.example done by hand', { to: question.id, visibility: 'unlisted' })
    fake.publish(help, '@petra@sand.example chatter', { to: fake.publish(petra, 'my cat').id })
    fake.publish(help, 'news for all')
    const again = startDrive({ env: { BREAKWATER_ALLOW_PRIVATE_URLS: 'yes' } })
    ends.push(again.stop)
    await again.open('mastodon', { server: fake.url }, { token: fake.token })
    const second = await pollAll(again, first.cursor)
    assert.deepEqual(second.messages.map(({ outbound, body, thread, parent, author_id }) => [outbound, body, thread, parent, author_id]), [
        [false, '@help second', root.id, root.id, 'petra@sand.example'],
        [true, '@petra done by hand', root.id, question.id, 'petra@sand.example'],
    ])
    assert.equal(second.messages[1].external_id, answer.id)
    assert.equal(second.messages[1].author_name, 'Petra')
    assert.equal(second.cursor.own, fake.statuses.at(-1).id)
})

const replies = [
    ['public', 'petra@sand.example', '@petra@sand.example It works again.', 'unlisted'],
    ['unlisted', 'petra@sand.example', '@petra@sand.example It works again.', 'unlisted'],
    ['private', 'petra@sand.example', '@petra@sand.example It works again.', 'private'],
    ['direct', 'tom', '@tom It works again.', 'direct'],
]

test('an answer: mention, visibility, language, thread, key', async () => {
    const { fake, drive } = await setUp()
    for (const [i, [theirs, acct, text, ours]] of replies.entries()) {
        const question = fake.publish(fake.account(acct), '@help hm', { visibility: theirs })
        const order = outgoing(question, { delivery: i, lang: i ? 'de' : '-' })
        const answer = await drive.send(order)
        assert.equal(answer.sent, true, answer.message)
        assert.equal(answer.handed, 1)
        const made = fake.statuses.at(-1)
        const { body, headers } = fake.requests.at(-1)
        assert.deepEqual(body, { status: text, in_reply_to_id: question.id, visibility: ours, ...(i && { language: 'de' }) })
        assert.equal(answer.external_id, made.id)
        assert.equal(answer.permalink, made.url)
        const again = await drive.send({ ...order, attempt: 2, attempt_at: order.attempt_at + 5e6 })
        assert.equal(again.external_id, made.id, 'the same delivery is published once')
        const other = await drive.send({ ...order, delivery: 100 + i })
        assert.notEqual(other.external_id, made.id)
        assert.match(headers['idempotency-key'], /^[0-9a-f]{64}$/)
    }
})

test('what must be private goes out privately, whatever it answers', async () => {
    const { fake, drive } = await setUp()
    const question = fake.publish(fake.account('petra@sand.example'), '@help hm')
    fake.account('tom')
    for (const to_extra of [{ visibility: 'public' }, { visibility: 'unlisted' }, {}, null]) {
        await drive.send(outgoing(question, { direct: true, to_extra, body: `ask @tom about ${JSON.stringify(to_extra)}` }))
        const made = fake.statuses.at(-1)
        assert.equal(made.visibility, 'direct')
        assert.deepEqual(made.mentions.map(({ acct }) => acct), ['petra@sand.example'], 'no further reader')
    }
})

const sends = [
    [{ status: 401, body: { error: 'The access token was revoked' } }, 'DENIED'],
    [{ status: 403, body: { error: 'This action is outside the authorized scopes' } }, 'DENIED'],
    [{ status: 403, body: { error: 'This action is not allowed' } }, 'INVALID'],
    [{ status: 422, body: { error: 'Validation failed: Text limit of 500 characters exceeded' } }, 'INVALID'],
    [{ status: 429, body: { error: 'Too many requests' } }, 'LIMITED'],
    [{ status: 500 }, 'UNKNOWN'],
    [{ status: 504, body: '<html>' }, 'UNKNOWN'],
    [{ status: 200, body: '<html>Log in</html>' }, 'UNKNOWN'],
    [{ status: 200, body: { no: 'status' } }, 'UNKNOWN'],
    [{ status: 302, headers: { location: '/elsewhere' } }, 'DENIED'],
    [{ hangUp: true }, 'UNKNOWN'],
]

test('what goes wrong while sending', async () => {
    const { fake, drive } = await setUp()
    const question = fake.publish(fake.account('petra@sand.example'), '@help hm')
    const before = fake.statuses.length
    for (const [fault, code] of sends) {
        fake.fail(/POST/, fault)
        const answer = await drive.send(outgoing(question))
        assert.deepEqual([answer.sent, answer.error, answer.external_id], [false, code, null], JSON.stringify(fault))
        assert.equal(answer.retry_at > Date.now() * 1000, code === 'LIMITED')
    }
    const gone = await drive.send(outgoing({ ...question, id: '999' }))
    assert.equal(gone.error, 'MISSING')
    const long = await drive.send(outgoing(question, { body: 'long '.repeat(200) }))
    assert.equal(long.error, 'INVALID')
    assert.match(long.message, /500 characters/)
    const posts = fake.requests.filter(({ method }) => method === 'POST').length
    const away = await drive.send(outgoing(question, { database_away: true }))
    assert.deepEqual([away.sent, away.error, away.handed], [false, 'TEMPORARY', 1])
    assert.equal(fake.requests.filter(({ method }) => method === 'POST').length, posts, 'nothing left')
    assert.equal(fake.statuses.length, before)
})

test('an answer whose fate is open is found, or surely not', async () => {
    for (const visibility of ['public', 'direct']) {
        const { fake, drive } = await setUp()
        const question = fake.publish(fake.account('petra@sand.example'), '@help hm', { visibility })
        const attempt_at = us(new Date(fake.at()).toISOString())
        const order = outgoing(question, { attempt_at, handed: true, body: 'Ask @tom.\nIt <works> again & again: https://acme.example/s' })

        fake.fail(/POST/, { hangUp: true })
        assert.equal((await drive.send(order)).error, 'UNKNOWN')
        assert.equal((await drive.findSent(order)).found, 'not')
        assert.equal((await drive.findSent({ ...order, attempt_at: Date.now() * 1000 })).found, 'not yet')

        fake.fail(/POST/, { hangUp: true, done: true })
        assert.equal((await drive.send(order)).error, 'UNKNOWN')
        const made = fake.statuses.at(-1)
        const found = await drive.findSent(order)
        assert.deepEqual([found.found, found.external_id, found.permalink], ['sent', made.id, made.url])

        /* the thread is hidden from us: then among our own */
        for (let i = 0; i < 90; i++) fake.publish(fake.account('help'), `other ${i}`)
        fake.fail(/context/, { status: 404 })
        assert.equal((await drive.findSent(order)).external_id, made.id)
        for (const wrong of [{ body: 'Something else' }, { to_external_id: made.id }, { attempt_at: attempt_at + 600e6 }])
            assert.equal((await drive.findSent({ ...order, ...wrong })).found, 'not', JSON.stringify(wrong))

        fake.fail(/context/, { status: 500 })
        assert.deepEqual((({ found, error }) => [found, error])(await drive.findSent(order)), ['error', 'TEMPORARY'])
        for (let i = 0; i < 400; i++) fake.publish(fake.account('help'), `more ${i}`)
        fake.fail(/context/, { status: 404 })
        assert.equal((await drive.findSent(order)).found, 'unclear')
        const asked = fake.requests.length
        assert.equal((await drive.findSent({ ...order, handed: false })).found, 'not')
        assert.equal(fake.requests.length, asked, 'what was never handed over needs no look')
    }
})

test('settings', async () => {
    const { fake, drive, opened } = await setUp()
    assert.deepEqual(opened, {})
    const checked = await drive.check()
    assert.equal(checked.text, '@help@acme.example (server version 4.5.0)')
    await drive.open('mastodon', { server: fake.url, max_characters: '1000' }, { token: fake.token })
    assert.match((await drive.check()).text, /takes statuses of 500 characters: max_characters=500/)
    fake.fail(/verify_credentials/, { status: 401, body: { error: 'The access token is invalid' } })
    assert.deepEqual((({ text, error }) => [text, error])(await drive.check()), [null, 'DENIED'])
    for (const [settings, secret, wrong] of [
        [{ server: fake.url }, {}, /token/],
        [{ server: '' }, { token: 'x' }, /server/],
        [{ server: 'https://' }, { token: 'x' }, /server/],
        [{ server: 'https://acme.example/path' }, { token: 'x' }, /server/],
        [{ server: 'https://me:pw@acme.example' }, { token: 'x' }, /server/],
        [{ server: 'ftp://acme.example' }, { token: 'x' }, /server/],
        [{ server: 'acme.example', poll_s: 'often' }, { token: 'x' }, /poll_s/],
        [{ server: 'acme.example', import: '1000' }, { token: 'x' }, /import/],
        [{ server: 'acme.example', max_characters: '0' }, { token: 'x' }, /max_characters/],
    ]) {
        const answer = await drive.open('mastodon', settings, secret)
        assert.equal(answer.error, 'INVALID', JSON.stringify(settings))
        assert.match(answer.message, wrong)
    }
    const { drive: strict, opened: refused } = await setUp({ env: { BREAKWATER_ALLOW_PRIVATE_URLS: 'no' } })
    assert.match(refused.message, /clear/)
    await strict.open('mastodon', { server: '127.0.0.1:9' }, { token: 'x' })
    assert.equal((await strict.poll()).error, 'DENIED')
})
