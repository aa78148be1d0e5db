/* The three hundred mails are what their descriptions say. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { parseHeaders } from '../lib/mail.mjs'
import { corpus, expectedAnswers, MAILS, SENDERS, SUPPORT } from './corpus.mjs'

const mails = corpus()
const of = kind => mails.filter(({ expect }) => expect.kind === kind)

function digest(list) {
    const hash = createHash('sha256')
    for (const { raw, ...rest } of list) hash.update(raw).update(JSON.stringify(rest))
    return hash.digest('hex')
}

test('the same mails each time', () => assert.equal(digest(corpus()), digest(mails)))

test('300 mails from 120 customers, of every kind', () => {
    assert.equal(mails.length, MAILS)
    const customers = new Set(
        mails.map(({ from }) => from).filter(from => /^sender\d{3}@/.test(from)),
    )
    assert.equal(customers.size, SENDERS)
    const counts = { unrelated: 60, automatic: 20, broken: 14, empty: 1, huge: 1, thread: 5 }
    for (const [kind, count] of Object.entries(counts)) assert.equal(of(kind).length, count, kind)
    assert.equal(of('outage').length, 199)
    assert.equal(new Set(of('unrelated').map(({ text }) => text)).size, 60)
})

test('two outages in four languages, each customer in one of them', () => {
    for (const incident of ['card', 'login']) {
        const languages = mails
            .filter(({ expect }) => expect.incident === incident)
            .map(({ lang }) => lang)
        for (const lang of ['de', 'en', 'fr', 'lb'])
            assert.ok(languages.filter(other => other === lang).length >= 5, `${incident} ${lang}`)
    }
    const incidents = new Map()
    for (const { from, expect } of mails.filter(mail => mail.expect.incident)) {
        assert.equal(incidents.get(from) ?? expect.incident, expect.incident, from)
        incidents.set(from, expect.incident)
    }
    assert.equal(incidents.size, 87)
})

test('who writes about an outage is answered, nobody else', () => {
    const answers = expectedAnswers(mails)
    assert.equal(answers.size, 87)
    assert.ok(answers.has('alice@customer.test') && !answers.has('sender012@customer.test'))
    for (const { from, expect } of mails) {
        assert.equal(expect.answered, expect.incident !== null)
        assert.equal(expect.answerTo === null, !expect.answered)
        if (!expect.answered) assert.ok(!answers.has(from), from)
    }
})

test('the headers say what the descriptions say', () => {
    const ids = new Set()
    for (const { raw, messageId, from, to, expect, references } of mails) {
        const headers = parseHeaders(raw.subarray(0, 20000))
        assert.equal(to, SUPPORT)
        if (messageId === null) assert.equal(expect.kind, 'broken')
        else {
            assert.equal(headers['message-id'], messageId)
            assert.ok(!ids.has(messageId))
            ids.add(messageId)
        }
        if (expect.damage !== 'noise') assert.ok(headers.from.includes(from))
        if (expect.kind !== 'broken')
            assert.ok(!/[^\x20-\x7e\t]/.test(Object.values(headers).join('')), messageId)
        if (references?.length > 1) {
            assert.equal(headers['in-reply-to'], `<${references.at(-2).slice(1, -1)}>`)
            assert.deepEqual(headers.references.split(/\s+/), references.slice(0, -1))
        } else if (references) assert.equal(headers.references, undefined)
    }
})

test('parents come before what answers them', () => {
    const seen = new Set()
    for (const { messageId, references } of mails) {
        seen.add(messageId)
        for (const id of references ?? []) assert.ok(seen.has(id), `${id} before ${messageId}`)
    }
    const thread = of('thread')
    assert.deepEqual(
        thread.map(({ references }) => references.length),
        [1, 2, 3, 4, 5],
    )
    assert.equal(new Set(thread.map(({ from }) => from)).size, 1)
    for (const quoted of [/^> /m, /^_{32}\n(Von|From|De) ?:/m])
        assert.ok(
            thread.some(({ text }) => quoted.test(text)),
            quoted,
        )
})

test('the special ones are there', () => {
    const [huge] = of('huge')
    assert.ok(huge.raw.length > 29.9e6 && huge.raw.length < 31e6)
    const [empty] = of('empty')
    assert.ok(empty.raw.toString().endsWith('\r\n\r\n') && parseHeaders(empty.raw).subject === '')
    const seven = mails.filter(({ from }) => from === 'sender007@customer.test')
    assert.equal(seven.length, 3)
    assert.equal(new Set(seven.map(({ text }) => text)).size, 1)
    const names = address =>
        mails
            .filter(({ from }) => from === address)
            .map(({ raw }) => /^From: (.*?)\s*<?sender/m.exec(raw)[1])
    const ten = names('sender010@customer.test').filter(Boolean)
    assert.ok(ten.length > 0 && names('sender011@customer.test').some(name => ten.includes(name)))
    for (const shape of [
        'html',
        'flowed',
        'latin',
        'base64',
        'quoted',
        'alternative',
        'picture',
        'plain',
    ])
        assert.ok(
            of('outage').some(mail => mail.shape === shape),
            shape,
        )
    assert.ok(
        mails.some(({ raw }) =>
            /^Subject: =\?utf-8\?q\?/im.test(raw.subarray(0, 2000).toString('latin1')),
        ),
    )
    assert.ok(of('automatic').filter(({ envelopeFrom }) => envelopeFrom === '').length >= 9)
    for (const { raw, expect } of of('broken').filter(mail => mail.expect.damage !== 'bad base64'))
        assert.ok(raw.includes(expect.marker), expect.damage)
    assert.equal(of('broken').filter(({ expect }) => !expect.readable).length, 4)
})

test('lines end in CRLF and are short enough for SMTP', () => {
    for (const { raw, expect, messageId } of mails.filter(
        mail => mail.expect.kind !== 'huge' && mail.expect.damage !== 'noise',
    )) {
        const text = raw.toString('latin1')
        assert.ok(!/[^\r]\n|\r[^\n]/.test(text), `${expect.damage ?? messageId}`)
        assert.ok(
            text.split('\r\n').every(line => line.length < 998),
            messageId,
        )
    }
})
