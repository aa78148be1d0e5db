/* A real server with Mastodon's API: a mention and a private message come in, one answer to an incident and one
 * to a conversation go out, each in the visibility it was asked in. Checked from the customers' side. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startBreakwater } from '../lib/breakwater.mjs'
import { startDrive } from '../lib/drive.mjs'
import { startFaultProxy, startMastodon } from '../lib/peers.mjs'
import { until } from '../lib/wait.mjs'

const ends = []
after(async () => {
    for (const end of ends.reverse()) await end()
})

test('a wave and a private message, answered where they were asked', async () => {
    const mastodon = await startMastodon()
    ends.push(mastodon.stop)
    const breakwater = await startBreakwater({ env: { BREAKWATER_ALLOW_PRIVATE_URLS: 'yes' } })
    ends.push(breakwater.stop)
    const added = breakwater.command(['channel', 'add', 'mastodon', '@brand', `server=${mastodon.url}`, 'poll_s=1'], {
        secret: mastodon.users.brand.token,
    })
    assert.match(added, /^@brand@localhost/)
    const api = await breakwater.signIn()

    const ask = async (user, path, body) => {
        const answer = await fetch(mastodon.url + path, {
            method: body ? 'POST' : 'GET',
            headers: { authorization: `Bearer ${mastodon.users[user].token}` },
            body: body && new URLSearchParams(body),
        })
        return answer.status === 200 ? answer.json() : null
    }
    const publish = (user, status, more) => ask(user, '/api/v1/statuses', { status, ...more })
    /* What reached a customer: answers to one of their statuses. */
    const answers = async (user, to) =>
        (await ask(user, '/api/v1/notifications?limit=40')).filter(({ type, status }) => type === 'mention' && status.in_reply_to_id === to.id)
    const conversation = (what, fits) =>
        until(`${what} is in the inbox`, async () => (await api('GET', 'conversations?view=all')).items.find(fits), { seconds: 60 })

    await until('the channel is polled', async () => (await api('GET', 'overview')).channels[0]?.state === 'ok')
    const open = await publish('alice', '@brand my card is refused at the checkout', { visibility: 'public' })
    const hidden = await publish('bob', '@brand my card is refused, order 4711', { visibility: 'direct' })
    const alices = await conversation('the mention', ({ text }) => /refused at the checkout/.test(text))
    const bobs = await conversation('the private message', ({ text }) => /order 4711/.test(text))
    assert.equal(alices.visibility, 'public')
    assert.equal(bobs.visibility, 'direct')
    assert.match(bobs.handle, /^@bob@/)

    /* one answer to both */
    const incident = await api('POST', 'incidents', { title: 'card payments', conversations: [alices.id, bobs.id] })
    const update = await api('POST', `incidents/${incident.id}/updates`, {
        texts: { en: 'Card payments fail since 9:00. We are on it.' }, fallback: 'en', fields: {}, token: 'live-update', expect: 2,
    })
    const done = await until('both are sent', async () => {
        const now = await api('GET', `updates/${update.id}`)
        return now.sent === 2 && now
    }, { seconds: 120 })
    assert.deepEqual([done.queued, done.failed, done.skipped, done.unknown], [0, 0, 0, 0])
    const toAlice = await until('alice is answered', async () => (await answers('alice', open))[0], { seconds: 60 })
    const toBob = await until('bob is answered', async () => (await answers('bob', hidden))[0], { seconds: 60 })
    for (const { status, account } of [toAlice, toBob]) {
        assert.match(status.content, /Card payments fail since 9:00\. We are on it\./)
        assert.match(account.acct, /^brand/)
    }
    assert.notEqual(toAlice.status.visibility, 'private')
    assert.equal(toBob.status.visibility, 'private')
    const ours = await ask('brand', `/api/v1/statuses/${toBob.status.id}`)
    assert.deepEqual([...new Set(ours.mentions.map(({ acct }) => acct.split('@')[0]))], ['bob'], 'nobody else reads it')
    const timeline = await ask('alice', '/api/v1/timelines/public?limit=40')
    assert.ok(timeline.length > 0 && !timeline.some(({ id }) => id === toBob.status.id))
    const { items } = await api('GET', `deliveries?update=${update.id}`)
    assert.deepEqual(new Set(items.map(({ state }) => state)), new Set(['sent']))
    assert.deepEqual(new Set(items.map(({ permalink }) => permalink)), new Set([toAlice.status.url, toBob.status.url]))

    /* bob writes again in the same thread: the same conversation, answered by hand */
    const asked = await publish('bob', '@brand and when will it work?', { visibility: 'direct', in_reply_to_id: toBob.status.id })
    const again = await conversation('the second question', ({ text }) => /when will it work/.test(text))
    assert.equal(again.id, bobs.id)
    const { history } = await api('GET', `conversations/${bobs.id}`)
    assert.deepEqual(history.map(({ inbound }) => inbound), [true, false, true])
    await api('POST', `conversations/${bobs.id}/reply`, { text: 'At noon.', seen: history.at(-1).id, token: 'live-reply', done: true })
    const later = await until('bob has a second answer', async () =>
        (await ask('bob', '/api/v1/notifications?limit=40')).find(({ status }) => /At noon\./.test(status?.content ?? '')), { seconds: 60 })
    assert.equal(later.status.visibility, 'private')
    assert.equal(later.status.in_reply_to_id, asked.id)

    /* each once, and nothing of it came back as a message of somebody else */
    assert.equal((await answers('alice', open)).length, 1)
    assert.equal((await answers('bob', hidden)).length, 1)
    assert.equal((await api('GET', 'conversations?view=all')).items.length, 2)
    assert.doesNotMatch(breakwater.said(), /fatal|critical|ERROR/)
})

test('a server without idempotency keys: what became of an answer is looked up', async () => {
    const mastodon = await startMastodon()
    ends.push(mastodon.stop)
    const proxy = await startFaultProxy({ target: `127.0.0.1:${mastodon.port}` })
    ends.push(proxy.stop)
    const drive = startDrive({ env: { BREAKWATER_ALLOW_PRIVATE_URLS: 'yes' } })
    ends.push(drive.stop)
    await drive.open('mastodon', { server: `http://127.0.0.1:${proxy.port}`, import: '10' }, { token: mastodon.users.brand.token })
    for (const [user, visibility] of [['alice', 'public'], ['bob', 'direct']])
        await fetch(`${mastodon.url}/api/v1/statuses`, {
            method: 'POST',
            headers: { authorization: `Bearer ${mastodon.users[user].token}` },
            body: new URLSearchParams({ status: `@brand ${user} is here`, visibility }),
        })
    const messages = await until('both have come in', async () => {
        const found = (await drive.poll()).messages
        return found.length === 2 && found
    }, { seconds: 60, every: 500 })
    for (const [i, message] of messages.entries()) {
        const order = {
            brand: 1, delivery: i, attempt: 1, attempt_at: (Date.now() - 100_000) * 1000, handed: true, body: `Answer *${i}* & more: https://acme.example/s`,
            lang: 'en', direct: message.direct, to_external_id: message.external_id, to_extra: message.extra,
            author_id: message.author_id, author_handle: message.author_handle,
        }
        await proxy.fault({ refuse: true, once: true })
        const lost = await drive.send(order)
        assert.match(lost.error, /UNKNOWN|TEMPORARY/)
        assert.equal((await drive.findSent(order)).found, 'not', 'it never arrived')
        await proxy.fault({ cut_after: 1, once: true })
        const cut = await drive.send(order)
        assert.equal(cut.error, 'UNKNOWN', cut.message)
        const found = await until('it is found', async () => {
            const answer = await drive.findSent(order)
            return answer.found === 'sent' && answer
        })
        const context = await fetch(`${mastodon.url}/api/v1/statuses/${message.external_id}/context`, {
            headers: { authorization: `Bearer ${mastodon.users.brand.token}` },
        })
        assert.deepEqual((await context.json()).descendants.map(({ id }) => id), [found.external_id], 'once')
        assert.equal((await drive.findSent({ ...order, body: 'Something else' })).found, 'not')
    }
})
