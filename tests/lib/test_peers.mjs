/* The servers that the integration tests stand on start, do what the helpers say, and are gone afterwards. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { openSmtp, readMailbox, sendMail, withImap } from './mail.mjs'
import { mailUnavailable, startFaultProxy, startMail, startMastodon } from './peers.mjs'
import { until } from './wait.mjs'

const peers = []
after(() => Promise.all(peers.map(peer => peer.stop())))

function started(peer) {
    peers.push(peer)
    return peer
}

function refused(port) {
    return new Promise(resolve => {
        const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy() && false))
        socket.once('error', () => resolve(true))
    })
}

const raw = [
    'From: =?utf-8?q?J=C3=BCrgen?= <sender002@customer.test>',
    'To: support@example.test',
    'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
    'References: <a@customer.test>',
    '\t<b@customer.test>',
    'Message-ID: <peers-1@customer.test>',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=iso-8859-1',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Sch=F6ne Gr=FC=DFe',
    '.dot',
    '',
].join('\r\n')

test('mail: in by SMTP, out by IMAP as it was sent', { skip: mailUnavailable }, async () => {
    const mail = started(await startMail({ senders: 3 }))
    assert.deepEqual(mail.senders.slice(1), ['sender002@customer.test', 'sender003@customer.test'])
    await sendMail(mail, { from: mail.senders[1], to: 'support@example.test', raw })
    const smtp = openSmtp(mail)
    await smtp.send({ from: '', to: mail.senders[2], raw: 'Subject: null sender\r\n\r\nx\r\n' })
    await assert.rejects(
        smtp.send({ from: mail.senders[0], to: 'sender004@customer.test', raw }),
        /550/,
    )
    smtp.close()

    const filled = address => async () => {
        const messages = await readMailbox(mail, address)
        return messages.length > 0 && messages
    }
    const inbox = await until('the mail is in the inbox', filled('support@example.test'))
    assert.equal(inbox.length, 1)
    const [message] = inbox
    assert.equal(message.from, mail.senders[1])
    assert.equal(message.subject, 'Grüße')
    assert.equal(message.text, 'Schöne Grüße\n.dot\n')
    assert.equal(message.headers['message-id'], '<peers-1@customer.test>')
    assert.equal(message.headers.references, '<a@customer.test>\t<b@customer.test>')
    assert.equal(message.headers['return-path'], `<${mail.senders[1]}>`)
    assert.ok(!message.flags.has('\\Seen'))
    assert.ok(message.raw.includes('Sch=F6ne'))

    const bounce = await until('the null sender comes through', filled(mail.senders[2]))
    assert.equal(bounce[0].headers['return-path'], '<>')
    assert.deepEqual(await readMailbox(mail, mail.senders[0]), [])
    await assert.rejects(
        withImap({ ...mail, password: () => 'wrong' }, mail.senders[0], () => {}),
        error => error.authenticationFailed === true,
    )

    await mail.stop()
    for (const port of [mail.smtp, mail.submission, mail.smtps, mail.imap, mail.imaps])
        assert.ok(await refused(port), `port ${port}`)
    assert.ok(!existsSync(mail.base))
})

test('mastodon: a mention reaches the brand', async () => {
    const mastodon = started(await startMastodon())
    const call = async (user, path, body) => {
        const headers = { authorization: `Bearer ${mastodon.users[user].token}` }
        const form = body && new URLSearchParams(body)
        const answer = await fetch(mastodon.url + path, {
            method: body ? 'POST' : 'GET',
            headers,
            body: form,
        })
        assert.equal(answer.status, 200, path)
        return answer.json()
    }
    await call('alice', '/api/v1/statuses', {
        status: '@brand the card is refused',
        visibility: 'public',
    })
    const mentions = await until('the brand is told', async () => {
        const notices = await call('brand', '/api/v1/notifications?limit=10')
        const found = notices.filter(entry => entry.type === 'mention')
        return found.length > 0 && found
    })
    assert.equal(mentions.length, 1)
    assert.match(mentions[0].status.content, /the card is refused/)
    await mastodon.stop()
    assert.ok(await refused(mastodon.port))
})

test('fault proxy: breaks and mends a connection', async () => {
    const behind = started(await startFaultProxy({ target: '127.0.0.1:9' }))
    const proxy = started(
        await startFaultProxy({ target: `127.0.0.1:${new URL(behind.env.FAULT_CONTROL).port}` }),
    )
    const ask = () => fetch(`http://127.0.0.1:${proxy.port}/`).then(answer => answer.status)
    assert.equal(await ask(), 200)
    await proxy.fault({ refuse: true, kill: true })
    await assert.rejects(ask())
    await proxy.fault({})
    assert.equal(await ask(), 200)
})
