/* The whole way of the 300 mails of corpus.mjs: in by SMTP, sorted by Breakwater, two incidents answered over its API,
 * and then read from the customers' mailboxes who got what. */
import assert from 'node:assert/strict'
import { openSmtp, readMailbox } from '../lib/mail.mjs'
import { until } from '../lib/wait.mjs'
import { SUPPORT, expectedAnswers } from './corpus.mjs'

const TEXTS = {
    card: {
        de: 'Kartenzahlungen schlagen seit 15 Uhr fehl. Wir arbeiten daran.',
        en: 'Card payments have been failing since 3 pm. We are working on it.',
        fr: 'Les paiements par carte échouent depuis 15 h. Nous y travaillons.',
    },
    login: {
        de: 'Die Anmeldung führt zurzeit im Kreis. Wir arbeiten daran.',
        en: 'Signing in leads back to its own form at the moment. We are working on it.',
        fr: 'La connexion tourne en rond pour le moment. Nous y travaillons.',
    },
}

/* Each person's mails in their order, `connections` people at a time. */
export async function sendAll(mail, mails, { connections = 4 } = {}) {
    const smtp = openSmtp(mail, { connections })
    const people = new Map()
    for (const each of mails) people.set(each.from, [...(people.get(each.from) ?? []), each])
    const queue = [...people.values()]
    const work = async () => {
        for (let own; (own = queue.shift());)
            for (const { envelopeFrom, to, raw } of own) await smtp.send({ from: envelopeFrom, to, raw })
    }
    try {
        await Promise.all(Array.from({ length: connections }, work))
    } finally {
        smtp.close()
    }
}

/* All pages of a list. */
async function list(api, path) {
    const items = []
    for (let after = null; ;) {
        const page = await api('GET', `${path}${path.includes('?') ? '&' : '?'}limit=200${after ? `&after=${encodeURIComponent(after)}` : ''}`)
        items.push(...page.items)
        if (!page.next) return items
        after = page.next
    }
}

const conversations = api => list(api, 'conversations?view=all')

/* The inbox once all mails are somewhere in it: { conversations with their history, quarantine }. */
export async function waitForAll(api, mails, seconds) {
    let found = 0
    const [items, quarantine] = await until(`all ${mails.length} mails are in the inbox or in quarantine`, async () => {
        const overview = await api('GET', 'overview')
        const inbox = await conversations(api)
        const held = await list(api, 'quarantine')
        found = inbox.reduce((sum, { messages }) => sum + messages, 0) + held.length
        return found >= mails.length && overview.unsorted === 0 && [inbox, held]
    }, { seconds, every: 500 }).catch(error => {
        throw new Error(`${error.message} (${found} are)`)
    })
    const full = []
    for (const item of items) full.push({ ...item, ...(await api('GET', `conversations/${item.id}`)) })
    return { conversations: full, quarantine }
}

const words = text => text.normalize('NFC').replace(/\s+/g, ' ').trim()

/* What of a mail's text has to be in the inbox whatever is cut off it: a word it is known by, or the paragraph
 * after its greeting. */
function telling({ text, expect }) {
    if (expect.marker) return expect.marker
    return text ? words(text.split('\n\n')[1] ?? text).slice(0, 60) : null
}

/* Nothing is missing, nothing is there twice, and what is in quarantine says why. */
export function checkInbox(mails, { conversations: inbox, quarantine }) {
    const inbound = inbox.flatMap(({ handle, history }) =>
        history.filter(message => message.inbound).map(message => ({ handle, text: words(message.text) })))
    assert.equal(inbound.length + quarantine.length, mails.length)
    for (const item of quarantine) assert.ok(item.reason.length > 10, 'a reason in words')
    const missing = []
    for (const each of mails) {
        const sign = telling(each)
        const there = inbound.some(({ handle, text }) =>
            handle === each.from.toLowerCase() && (sign === null || text.includes(words(sign))))
        if (!there) missing.push(each)
    }
    const unreadable = missing.filter(({ expect }) => !expect.readable)
    assert.deepEqual(missing.filter(({ expect }) => expect.readable && expect.kind !== 'automatic')
        .map(({ from, expect }) => [from, expect]), [])
    assert.ok(unreadable.length <= quarantine.length)
    const perSender = new Map()
    for (const { handle } of inbound) perSender.set(handle, (perSender.get(handle) ?? 0) + 1)
    for (const sender of new Set(mails.filter(({ expect }) => expect.kind === 'outage' || expect.kind === 'thread').map(({ from }) => from))) {
        const written = mails.filter(({ from }) => from === sender).length
        assert.ok(perSender.get(sender) <= written, `${sender} wrote ${written}, the inbox has ${perSender.get(sender)}`)
    }
    const thread = mails.filter(({ expect }) => expect.kind === 'thread')
    const threaded = inbox.filter(({ handle }) => handle === thread[0].from)
    assert.deepEqual(threaded.map(({ messages }) => messages), [thread.length], 'a thread is one conversation')
}

/* What agents do before they send: one incident per outage, with everybody in it whom it hit and nobody else. Takes
 * what Breakwater has found as its start; resolves to the incidents and to how much had to be put right. */
export async function sortOut(api, mails) {
    const answers = expectedAnswers(mails)
    const truth = new Map()
    for (const { from, expect } of mails) if (expect.incident) truth.set(from, expect.incident)
    const inbox = await conversations(api)
    const byPerson = new Map()
    const corrections = { found: 0, merged: 0, added: 0, removed: 0 }
    const sorted = {}

    const members = id => list(api, `incidents/${id}/members?state=all`)
    for (const incident of await list(api, 'incidents?state=open')) {
        corrections.found++
        const votes = {}
        for (const { handle } of await members(incident.id)) votes[truth.get(handle)] = (votes[truth.get(handle)] ?? 0) + 1
        const [name] = Object.entries(votes).sort(([, a], [, b]) => b - a)[0] ?? []
        if (!TEXTS[name]) continue
        if (!sorted[name]) sorted[name] = incident.id
        else {
            const { version } = await api('GET', `incidents/${incident.id}`)
            await api('POST', `incidents/${incident.id}/merge`, { into: sorted[name], version })
            corrections.merged++
        }
    }
    for (const name of Object.keys(TEXTS)) {
        const right = new Set([...truth].filter(([, incident]) => incident === name).map(([from]) => from))
        const wanted = inbox.filter(({ handle }) => right.has(handle))
        if (!sorted[name]) sorted[name] = (await api('POST', 'incidents', { title: name, conversations: [wanted[0].id] })).id
        const present = await members(sorted[name])
        for (const member of present)
            if (!right.has(member.handle)) {
                await api('DELETE', `incidents/${sorted[name]}/members/${member.person}`)
                corrections.removed++
            }
        for (const { handle, id } of wanted) {
            if (present.some(member => member.handle === handle) || byPerson.has(handle)) continue
            byPerson.set(handle, id)
            await api('POST', `incidents/${sorted[name]}/members`, { conversation: id })
            corrections.added++
        }
    }
    return { sorted, corrections, people: answers.size }
}

/* One message to each incident; resolves when every delivery has an end. */
export async function answerBoth(api, sorted, seconds) {
    const updates = []
    for (const [name, id] of Object.entries(sorted)) {
        const texts = { texts: TEXTS[name], fallback: 'en', fields: {} }
        const preview = await api('POST', `incidents/${id}/preview`, texts)
        assert.deepEqual(preview.blocked, [])
        updates.push(await api('POST', `incidents/${id}/updates`, { ...texts, token: `wave-${name}`, expect: preview.recipients }))
    }
    let last
    return until('both answers are out', async () => {
        last = await Promise.all(updates.map(({ id }) => api('GET', `updates/${id}`)))
        return last.every(({ recipients, sent, failed, skipped }) => sent + failed + skipped === recipients) && last
    }, { seconds, every: 500 }).catch(error => {
        throw new Error(`${error.message}: ${JSON.stringify(last)}`)
    })
}

/* Exactly one answer to each sender of an outage mail, in their own thread; none to anybody else. */
export async function checkMailboxes(mail, mails) {
    const answers = expectedAnswers(mails)
    const roots = new Map(mails.filter(({ thread }) => thread).map(({ messageId, thread }) => [messageId, thread]))
    const addresses = [...mail.senders, 'alice@customer.test', 'bob@customer.test', 'billing@example.test']
    const wrong = []
    for (const address of addresses) {
        const got = (await readMailbox(mail, address)).filter(({ from }) => from === SUPPORT)
        const expected = answers.get(address)
        if (got.length !== (expected ? 1 : 0)) wrong.push([address, got.length])
        if (!expected || got.length !== 1) continue
        const [{ headers, text }] = got
        assert.ok(expected.messageIds.includes(headers['in-reply-to']), `${address}: answers ${headers['in-reply-to']}`)
        assert.ok(headers.references.split(/\s+/).includes(roots.get(headers['in-reply-to'])), `${address}: ${headers.references}`)
        assert.ok(headers.references.split(/\s+/).at(-1) === headers['in-reply-to'], `${address}: ${headers.references}`)
        assert.ok(Object.values(TEXTS[expected.incident]).some(each => words(text).includes(each)), `${address}: ${text}`)
    }
    assert.deepEqual(wrong, [], 'mailboxes with too few or too many answers')
}

/* The copies that prove the sending are put away, and nobody else's mail was touched. */
export async function checkOwnMailbox(mail, mails) {
    const sent = await until('the copies are in Sent', async () => {
        const copies = await readMailbox(mail, SUPPORT, 'Sent')
        return copies.length >= expectedAnswers(mails).size && copies
    })
    assert.equal(new Set(sent.map(({ headers }) => headers['message-id'])).size, expectedAnswers(mails).size)
    const left = await readMailbox(mail, SUPPORT)
    assert.equal(left.filter(({ headers }) => headers['x-breakwater-id']).length, 0)
    assert.equal(left.length, mails.length)
    assert.ok(left.every(({ flags }) => !flags.has('\\Seen')))
}
