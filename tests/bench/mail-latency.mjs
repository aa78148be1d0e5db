// mail-latency [MAILS]: from the moment Postfix has accepted a mail to its row in an open browser (Chromium at
// the list of all conversations, never reloaded), with IDLE. Prints p50, p95 and the slowest, in milliseconds.
import { openSmtp } from '../lib/mail.mjs'
import { startBreakwater } from '../lib/breakwater.mjs'
import { mailUnavailable, startMail } from '../lib/peers.mjs'
import { until } from '../lib/wait.mjs'
import { SUPPORT } from '../mail/corpus.mjs'
import { unrelated } from '../mail/unrelated.mjs'
import { launch } from '../web/ui/browser.mjs'

if (mailUnavailable) {
  console.error(`mail-latency: ${mailUnavailable}`)
  process.exit(1)
}
const count = Math.min(Number(process.argv[2] || 45), 200)
process.env.BREAKWATER ??= process.env.BREAKWATER_RELEASE ?? 'build/breakwater'
const mail = await startMail({ senders: count })
const breakwater = await startBreakwater()
const smtp = openSmtp(mail, { connections: 1 })
const browser = await launch()
const sleep = ms => new Promise(done => setTimeout(done, ms))

await breakwater.signIn()
breakwater.command(['channel', 'add', 'email', 'support', `address=${SUPPORT}`, `imap_url=imaps://127.0.0.1:${mail.imaps}`,
  `smtp_url=smtp://127.0.0.1:${mail.submission}`, `ca_file=${mail.ca}`], { secret: mail.password(SUPPORT) })
const context = await browser.newContext()
const page = await context.newPage()
await page.goto(`${breakwater.url}/sign-in`)
await page.getByLabel('E-mail').fill('ada@acme.example')
await page.getByLabel('Password').fill('correct horse battery')
await page.getByRole('button', { name: 'Sign in' }).click()
await page.waitForURL('**/b/**')
await page.goto(`${breakwater.url}/b/acme/all`)
await page.waitForLoadState('networkidle').catch(() => {})

// When each mark was first to be read on the page; a bar that says "1 new" is clicked as a person would.
await page.evaluate(() => {
  globalThis.seenAt = {}
  const look = () => {
    document.querySelector('button.fresh')?.click()
    for (const [mark] of document.body.textContent.matchAll(/mark-\d+-/g)) globalThis.seenAt[mark] ??= Date.now()
  }
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true })
})

const accepted = {}
for (let i = 0; i < count; i++) {
  const [, subject, text] = unrelated[i % unrelated.length]
  const mark = `mark-${i}-`
  const from = mail.senders[i]
  const raw = `From: ${from}\r\nTo: ${SUPPORT}\r\nSubject: =?utf-8?B?${Buffer.from(subject).toString('base64')}?=\r\n` +
    `Message-ID: <latency${i}@customer.test>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${mark} ${text}\r\n`
  await smtp.send({ from, to: SUPPORT, raw })
  accepted[mark] = Date.now()
  await sleep(700 + Math.random() * 800)
}
let seen
await until('every mail is on the page', async () => {
  seen = await page.evaluate(() => globalThis.seenAt)
  return Object.keys(seen).length === count
}, { seconds: 60 }).catch(error => console.error(`mail-latency: ${error.message}: ${Object.keys(seen).length} of ${count} are`))
const times = Object.keys(seen).map(mark => seen[mark] - accepted[mark]).sort((a, b) => a - b)
const at = share => times[Math.min(times.length - 1, Math.floor(times.length * share))]
console.log(`mail-latency: ${times.length} mails, accepted by Postfix to the row in the browser: ` +
  `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, slowest ${times.at(-1)} ms`)

await browser.close()
smtp.close()
await breakwater.stop()
await mail.stop()
process.exit(times.length === count ? 0 : 1)
