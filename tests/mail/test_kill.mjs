/* The way of 300 mails while each process, and PostgreSQL, are killed in turn, and the lines to the mail servers
 * break: the same end as without. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { breakLines } from '../lib/breaking.mjs'
import { startBreakwater } from '../lib/breakwater.mjs'
import { killPart, patient } from '../lib/kill.mjs'
import { mailUnavailable, startFaultProxy, startMail } from '../lib/peers.mjs'
import { SENDERS, SUPPORT, corpus } from './corpus.mjs'
import { answerBoth, checkInbox, checkMailboxes, checkOwnMailbox, sendAll, sortOut, waitForAll } from './wave.mjs'

const PARTS = ['collect', 'core', 'web', 'postgresql']
const ends = []
after(async () => {
    for (const end of ends.reverse()) await end()
})

/* Kills one after the other, `ms` apart, from when `begun` says so, while `work` goes on. */
async function whileKilling(pid, names, ms, begun, work) {
    let over = false
    const worked = work().finally(() => (over = true))
    const killed = (async () => {
        const done = []
        while (!over && !(await begun())) await new Promise(resolve => setTimeout(resolve, 50))
        for (const name of names) {
            if (over) break
            await killPart(pid, name)
            done.push(name)
            await new Promise(resolve => setTimeout(resolve, ms))
        }
        return done
    })()
    const [result, done] = await Promise.all([worked, killed])
    return { result, done }
}

test('killed and cut off in the middle of it, everybody still gets one answer, and nothing is lost', { skip: mailUnavailable }, async t => {
    const mails = corpus()
    const mail = await startMail({ senders: SENDERS })
    ends.push(mail.stop)
    const imap = await startFaultProxy({ target: `127.0.0.1:${mail.imaps}` })
    const smtp = await startFaultProxy({ target: `127.0.0.1:${mail.submission}` })
    ends.push(imap.stop, smtp.stop)
    const breakwater = await startBreakwater({ env: { BREAKWATER_MOST_DEATHS: '1000' } })
    ends.push(breakwater.stop)
    const api = patient(await breakwater.signIn())
    breakwater.command(['channel', 'add', 'email', 'support', `address=${SUPPORT}`, 'from_name=Hafenladen',
        `imap_url=imaps://127.0.0.1:${imap.port}`, `smtp_url=smtp://127.0.0.1:${smtp.port}`, `ca_file=${mail.ca}`,
        'settle_s=2'], { secret: mail.password(SUPPORT) })

    const mendIn = breakLines([imap], 500)
    const incoming = await whileKilling(breakwater.pid, [...PARTS, ...PARTS], 800, () => true, async () => {
        await sendAll(mail, mails)
        t.diagnostic(`lines broken while mail came in: ${await mendIn()} times`)
        return waitForAll(api, mails, 240)
    })
    t.diagnostic(`killed while mail came in: ${incoming.done.join(', ')}`)
    assert.deepEqual(new Set(incoming.done), new Set(PARTS))
    checkInbox(mails, incoming.result)

    const { sorted } = await sortOut(api, mails)
    /* Sending has begun when the first customer has an answer. */
    const begun = async () => (await api('GET', 'deliveries?state=sent')).items.length > 0
    const answered = answerBoth(api, sorted, 400)
    let mendOut
    const outgoing = await whileKilling(breakwater.pid, ['collect', 'postgresql', 'collect', 'core', 'web', 'collect'], 700, async () => {
        if (!(await begun())) return false
        mendOut = breakLines([smtp, imap, smtp], 150)
        setTimeout(async () => t.diagnostic(`lines broken while sending: ${await mendOut()} times`), 8000)
        return true
    }, () => answered)
    await mendOut()
    t.diagnostic(`killed while sending: ${outgoing.done.join(', ')}`)
    assert.ok(outgoing.done.length >= 4, outgoing.done.join())
    await checkMailboxes(mail, mails)
    await checkOwnMailbox(mail, mails)
    assert.doesNotMatch(breakwater.said(), /AddressSanitizer|runtime error/)
})
