/* The picture in README.md: the demo's largest incident, `seconds` after the first start of the program.
 * node tools/screenshot.mjs [FILE] [SECONDS], after `make` and `make deps-test`. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { launch, openPage } from '../tests/web/ui/browser.mjs'
import { freePorts } from '../tests/lib/peers.mjs'

const file = resolve(process.argv[2] ?? 'docs/inbox.png')
const seconds = Number(process.argv[3] ?? 150)
const outer = mkdtempSync(join(tmpdir(), 'breakwater-picture-'))
chmodSync(outer, 0o777)
const began = Date.now()
const up = spawn(resolve('build/breakwater'), ['up', '--data-dir', join(outer, 'data'), '--listen', `127.0.0.1:${await freePorts()}`],
    { stdio: ['ignore', 'pipe', 'inherit'] })
let browser
try {
    const link = await new Promise((found, failed) => {
        let said = ''
        up.stdout.on('data', text => {
            said += text
            const match = said.match(/http:\/\/\S+\/first#\S+/)
            if (match) found(match[0])
        })
        up.once('exit', code => failed(new Error(`breakwater up ended with ${code}`)))
    })
    browser = await launch()
    const { page } = await openPage(browser, link, { width: 1280, height: 900 })
    await page.getByLabel('Your name').fill('Ada Berg')
    await page.getByLabel('E-mail').fill('ada@hafenladen.example')
    await page.getByLabel('Password').fill('correct horse battery')
    await page.getByRole('button', { name: 'Make the account' }).click()
    await page.waitForURL('**/b/demo')
    await new Promise(done => setTimeout(done, began + seconds * 1000 - Date.now()))
    await page.goto(new URL('/b/demo', link).href)
    await page.locator('.row', { hasText: 'suspected' }).first().click()
    await page.getByRole('heading', { name: 'Status message' }).waitFor()
    await page.waitForTimeout(2000)
    await page.screenshot({ path: file })
    console.log(file)
} finally {
    await browser?.close()
    up.kill('SIGTERM')
    if (up.exitCode === null) await new Promise(done => up.once('exit', done))
    rmSync(outer, { recursive: true, force: true })
}
