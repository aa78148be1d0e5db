/* Complaints in, one incident each, one answer out: 300 mails through Postfix and Dovecot. */
import { after, test } from 'node:test'
import { startBreakwater } from '../lib/breakwater.mjs'
import { mailUnavailable, startMail } from '../lib/peers.mjs'
import { SENDERS, SUPPORT, corpus } from './corpus.mjs'
import { answerBoth, checkInbox, checkMailboxes, checkOwnMailbox, sendAll, sortOut, waitForAll } from './wave.mjs'

const ends = []
after(async () => {
    for (const end of ends.reverse()) await end()
})

test('everybody whom the two outages hit gets one answer in their own thread, and nobody else', { skip: mailUnavailable }, async t => {
    const mails = corpus()
    const mail = await startMail({ senders: SENDERS })
    ends.push(mail.stop)
    const breakwater = await startBreakwater()
    ends.push(breakwater.stop)
    const api = await breakwater.signIn()
    const half = mails.length / 2
    await sendAll(mail, mails.slice(0, half)) /* what has come before the channel is connected */
    breakwater.command(['channel', 'add', 'email', 'support', `address=${SUPPORT}`, 'from_name=Hafenladen',
        `imap_url=imaps://127.0.0.1:${mail.imaps}`, `smtp_url=smtp://127.0.0.1:${mail.submission}`, `ca_file=${mail.ca}`,
        'settle_s=2'], { secret: mail.password(SUPPORT) })
    await sendAll(mail, mails.slice(half))

    const inbox = await waitForAll(api, mails, 180)
    checkInbox(mails, inbox)
    t.diagnostic(`quarantine: ${inbox.quarantine.map(({ reason }) => reason).join('; ') || 'empty'}`)
    const { sorted, corrections } = await sortOut(api, mails)
    t.diagnostic(`incidents found ${corrections.found}; put right by hand: ${corrections.merged} merged, ` +
        `${corrections.added} people added, ${corrections.removed} taken out`)
    await answerBoth(api, sorted, 240)
    await checkMailboxes(mail, mails)
    await checkOwnMailbox(mail, mails)
})
