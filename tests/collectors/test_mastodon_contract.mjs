/* What the connector asks, and what the fake server of its tests answers, held against the published
 * description of Mastodon's API by Prism: neither may drift away from it. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startDrive } from '../lib/drive.mjs'
import { startPrism } from '../lib/peers.mjs'
import { startFakeMastodon } from './fake_mastodon.mjs'

const spec = fileURLToPath(new URL('../specs/mastodon.json.gz', import.meta.url))
const ends = []
after(async () => {
    for (const end of ends) await end()
})

test('every request and answer is as described', async () => {
    const fake = await startFakeMastodon()
    ends.push(fake.stop)
    const prism = await startPrism({ spec, upstream: fake.url, strict: true })
    ends.push(prism.stop)
    const drive = startDrive({ env: { BREAKWATER_ALLOW_PRIVATE_URLS: 'yes' } })
    ends.push(drive.stop)
    await drive.open('mastodon', { server: prism.url }, { token: fake.token })

    const checked = await drive.check()
    assert.equal(checked.error, undefined, checked.message)
    const petra = fake.account('petra@sand.example', { name: 'Petra' })
    fake.publish(fake.account('help'), 'hello all')
    const first = await drive.poll()
    assert.equal(first.error, undefined, first.message)

    const root = fake.publish(petra, '@help the card is refused', { notify: true })
    const later = fake.publish(petra, '@help again', { to: root.id, notify: true, visibility: 'direct' })
    fake.publish(petra, '@help hm', { to: fake.publish(petra, 'x').id, notify: true })
    const second = await drive.poll(first.cursor)
    assert.equal(second.error, undefined, second.message)
    assert.equal(second.messages.length, 3)

    for (const status of [root, later]) {
        const order = {
            brand: 1, delivery: Number(status.id.slice(-4)), attempt: 1, attempt_at: fake.at() * 1000, handed: true,
            body: 'It works again.', lang: 'en', direct: status.visibility === 'direct', to_external_id: status.id,
            to_extra: { visibility: status.visibility }, author_id: petra.acct, author_handle: `@${petra.acct}`,
        }
        const sent = await drive.send(order)
        assert.equal(sent.sent, true, sent.message)
        const found = await drive.findSent(order)
        assert.equal(found.external_id, sent.external_id, found.message)
        const other = await drive.findSent({ ...order, body: 'Not this' })
        assert.equal(other.found, 'not', other.message)
    }
    assert.deepEqual(
        [...new Set(fake.requests.map(({ method, path }) => `${method} ${path.replace(/\d{6,}/, ':id')}`))].sort(),
        [
            'GET /api/v1/accounts/1/statuses',
            'GET /api/v1/accounts/verify_credentials',
            'GET /api/v1/notifications',
            'GET /api/v1/statuses/:id/context',
            'GET /api/v2/instance',
            'POST /api/v1/statuses',
        ],
    )

    /* and it would be noticed */
    fake.publish(petra, '@help odd', { notify: true, sensitive: 'perhaps' })
    const odd = await drive.poll(second.cursor)
    assert.ok(odd.error, 'an answer against the description')
    const wrong = await fetch(`${prism.url}/api/v1/statuses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${fake.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ status: 'x', visibility: 'everybody' }),
    })
    assert.ok(wrong.status >= 400, 'a request against the description')
})
