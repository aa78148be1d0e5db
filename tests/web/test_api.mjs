/* The API of `breakwater web`, as docs/api.md promises it, over a real PostgreSQL. */
import { test, before, after } from 'node:test'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../lib/postgres.mjs'
import { until } from '../lib/wait.mjs'
import { sql, wave, PASSWORD } from './fixture.mjs'
import { addUser, breakwater, call, client, closeEvents, events, program, signIn, startWeb } from './server.mjs'

let pg, web, port, boss, agent, comms, reader, stranger
const B = '/api/b/acme'

before(async () => {
    pg = await startPostgres()
    const migrated = breakwater(['migrate'], { url: pg.url })
    assert.equal(migrated.status, 0, migrated.stderr)
    web = await startWeb(pg.url)
    port = web.port
})
after(async () => {
    closeEvents()
    const status = await web?.stop()
    await pg?.stop()
    assert.equal(status, 0, web?.log.join('\n'))
})

test('nobody is there yet: the first admin comes by a link, once', async () => {
    const empty = await call(port, 'GET', '/api/session')
    assert.equal(empty.status, 401)
    assert.equal(empty.body.first, true)
    pg.sql(sql)
    const link = breakwater(['user', 'link'], { url: pg.url })
    assert.equal(link.status, 0, link.stderr)
    const token = /\/first#([\w-]{43})$/.exec(link.stdout.trim())[1]
    assert.equal(pg.sql(`select count(*) from login_link where token_hash = '${token}'::bytea`), '0')
    const form = { token, name: 'Berta Boss', email: 'Boss@Acme.example', password: PASSWORD }
    const short = await call(port, 'POST', '/api/first-admin', { body: { ...form, password: 'short' } })
    assert.deepEqual([short.status, short.body.field], [400, 'password'])
    const made = await call(port, 'POST', '/api/first-admin', { body: form })
    assert.equal(made.status, 200, made.text)
    assert.equal(made.body.user.initials, 'BB')
    assert.deepEqual(made.body.brands.map(b => [b.slug, b.roles]), [['acme', ['admin']], ['other', ['admin']]])
    const again = await call(port, 'POST', '/api/first-admin', { body: { ...form, email: 'b@acme.example' } })
    assert.equal(again.status, 403)
    boss = client(port, made)
    for (const [email, name, roles] of [
        ['ag@acme.example', 'Anna Gent', ['acme:agent']], ['co@acme.example', 'Carl Oms', ['acme:comms']],
        ['rd@acme.example', 'Rita Der', ['acme:reader']], ['st@other.example', 'Stan Ger', ['other:admin']],
        ['th@acme.example', 'Thea Rottle', ['acme:reader']]])
        addUser(pg.url, email, name, roles, PASSWORD)
    ;[agent, comms, reader, stranger] = await Promise.all(
        ['ag@acme.example', 'co@acme.example', 'rd@acme.example', 'st@other.example'].map(email => signIn(port, email, PASSWORD)))
})

test('the password and the token of a session are nowhere in the database', () => {
    const all = pg.sql('select password_hash from app_user union all select encode(token_hash, \'hex\') from session')
    assert.ok(all.startsWith('$argon2id$'))
    assert.ok(!all.includes(PASSWORD))
    const token = agent.cookie.split('=')[1]
    assert.equal(pg.sql(`select count(*) from session where token_hash = convert_to('${token}', 'UTF8')`), '0')
    assert.equal(pg.sql(`select count(*) from session where token_hash = sha256(convert_to('${token}', 'UTF8'))`), '1')
})

test('after five wrong passwords the right one waits too, and others still get in', async () => {
    const tries = []
    for (let i = 0; i < 5; i++)
        tries.push((await call(port, 'POST', '/api/session', { body: { email: 'th@acme.example', password: 'wrong' + i } })).status)
    assert.deepEqual(tries, [401, 401, 401, 401, 401])
    const right = await call(port, 'POST', '/api/session', { body: { email: 'TH@acme.example ', password: PASSWORD } })
    assert.equal(right.status, 429)
    assert.ok(right.headers['retry-after'])
    pg.sql("delete from login_failure where who like 'address:%'")
    const other = await call(port, 'POST', '/api/session', { body: { email: 'rd@acme.example', password: PASSWORD } })
    assert.equal(other.status, 200)
    pg.sql("delete from login_failure")
    const unknown = await call(port, 'POST', '/api/session', { body: { email: 'nobody@acme.example', password: PASSWORD } })
    const wrong = await call(port, 'POST', '/api/session', { body: { email: 'rd@acme.example', password: 'no such' } })
    assert.deepEqual([unknown.status, unknown.body], [wrong.status, wrong.body], 'says nothing about who has an account')
    pg.sql("delete from login_failure")
})

test('tries at the same time count too', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, () =>
        call(port, 'POST', '/api/session', { body: { email: 'th@acme.example', password: 'wrong' } })))
    assert.ok(all.filter(a => a.status === 401).length <= 5)
    assert.equal(all.filter(a => a.status !== 401 && a.status !== 429).length, 0)
    pg.sql("delete from login_failure")
})

test('a change needs the token and an Origin of this host', async () => {
    const path = B + '/conversations/51/claim'
    const cases = [
        [{}, 403], [{ 'X-CSRF-Token': agent.csrf }, 403], [{ Origin: `http://127.0.0.1:${port}` }, 403],
        [{ 'X-CSRF-Token': agent.csrf, Origin: 'http://evil.example' }, 403],
        [{ 'X-CSRF-Token': agent.csrf, Origin: 'null' }, 403],
        [{ 'X-CSRF-Token': boss.csrf, Origin: `http://127.0.0.1:${port}` }, 403],
        [{ 'X-CSRF-Token': agent.csrf, Origin: `http://127.0.0.1:${port}` }, 200],
    ]
    for (const [headers, status] of cases)
        assert.equal((await call(port, 'POST', path, { body: {}, headers: { Cookie: agent.cookie, ...headers } })).status, status, JSON.stringify(headers))
    const planted = await call(port, 'POST', '/api/session', { body: { email: 'rd@acme.example', password: PASSWORD }, headers: { Origin: 'http://evil.example' } })
    assert.equal(planted.status, 403, 'signing in from another site')
    assert.equal((await agent.del(path)).status, 204)
})

test('every call needs a session, a role in the brand, and the role for it', async () => {
    assert.equal((await call(port, 'GET', B + '/overview')).status, 401)
    assert.equal((await call(port, 'GET', B + '/overview', { headers: { Cookie: 'breakwater=x; other=y' } })).status, 401)
    for (const path of ['/overview', '/incidents', '/incidents/7', '/conversations?view=all', '/conversations/51', '/deliveries', '/quarantine', '/quarantine/5/raw', '/events', '/chart'])
        assert.equal((await stranger.get(B + path)).status, 404, path)
    for (const [path, of_acme] of [['/conversations/51', 1], ['/incidents/7', 1], ['/quarantine/5/raw', 1]])
        assert.equal((await stranger.get('/api/b/other' + path)).status, 404, 'another brand\'s id: ' + path)
    assert.equal((await stranger.get('/api/b/other/conversations/61')).status, 200)
    const refused = await agent.post(B + '/incidents/7/updates', { texts: { de: 'x' }, fallback: 'de', token: 'token-of-agent', expect: 40 })
    assert.deepEqual([refused.status, refused.body.who], [403, ['comms', 'admin']])
    assert.equal((await reader.post(B + '/conversations/51/reply', { text: 'x', seen: '51', token: 'token-of-reader' })).status, 403)
    assert.equal((await reader.post(B + '/quarantine/5/dismiss', { why: 'x' })).status, 403)
    assert.equal((await reader.patch(B + '/incidents/7', { version: 1, title: 'x' })).status, 403)
    assert.equal((await reader.get(B + '/incidents/7')).status, 200)
})

test('answers carry what keeps a page safe', async () => {
    for (const path of ['/lib/preact.module.js', '/', '/b/acme/incidents/7', '/healthz', B + '/incidents/7', '/nothing-here']) {
        const { headers } = await agent.get(path)
        assert.match(headers['content-security-policy'], /default-src 'self'.*frame-ancestors 'none'/)
        assert.doesNotMatch(headers['content-security-policy'], /unsafe/)
        assert.equal(headers['x-content-type-options'], 'nosniff')
        assert.equal(headers['x-frame-options'], 'DENY')
    }
    const incident = await agent.get(B + '/conversations/1')
    assert.match(incident.headers['content-type'], /^application\/json/)
    assert.equal(incident.headers['cache-control'], 'no-store')
    assert.match(incident.body.history[0].text, /^<script>/, 'text is data: it comes as it was written')
    const raw = await agent.get(B + '/quarantine/6/raw')
    assert.equal(raw.text, '<html>')
    assert.equal(raw.headers['content-type'], 'application/octet-stream')
    assert.match(raw.headers['content-disposition'], /^attachment/)
    const signed = await call(port, 'POST', '/api/session', { body: { email: 'rd@acme.example', password: PASSWORD } })
    assert.match(signed.headers['set-cookie'][0], /HttpOnly/)
    assert.match(signed.headers['set-cookie'][0], /SameSite=Lax/)
})

test('pages: deep links are the page, files have an ETag, what is not there is 404', async () => {
    const page = await call(port, 'GET', '/b/acme/incidents/7')
    assert.equal(page.status, 200)
    assert.match(page.headers['content-type'], /^text\/html/)
    const file = await call(port, 'GET', '/lib/preact.module.js')
    assert.match(file.headers['content-type'], /^text\/javascript/)
    const same = await call(port, 'GET', '/lib/preact.module.js', { headers: { 'If-None-Match': file.headers.etag } })
    assert.deepEqual([same.status, same.text], [304, ''])
    for (const path of ['/lib/none.js', '/../sql/001_inbox.sql', '/%2e%2e/%2e%2e/sql/001_inbox.sql', '/lib', '/b', '/api', '/api/b/acme', '/index.html.bak'])
        assert.equal((await call(port, 'GET', path)).status, path === '/b' ? 200 : 404, path)
    assert.equal((await call(port, 'POST', '/lib/preact.module.js', { body: {} })).status, 405)
    assert.equal((await agent.call('PATCH', B + '/overview', { body: {} })).status, 405)
})

test('who waits for a lock is told to try again, and nobody else waits', async () => {
    const holder = spawn(pg.psql, ['-X', '-q', '-d', pg.url, '-c', "begin; select 1 from inbox where conversation_id = 53 for update; select pg_sleep(30)"])
    await until('no lock', () => pg.sql("select count(*) from pg_stat_activity where query like '%pg_sleep(30)%' and wait_event = 'PgSleep'") === '1')
    const waiting = Array.from({ length: 3 }, () => agent.post(B + '/conversations/53/claim'))
    const start = Date.now()
    assert.equal((await agent.get(B + '/overview')).status, 200)
    assert.ok(Date.now() - start < 5000)
    pg.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(30)%' and wait_event = 'PgSleep'")
    assert.deepEqual((await Promise.all(waiting)).map(a => a.status), [200, 200, 200])
    holder.kill()
    assert.equal((await agent.del(B + '/conversations/53/claim')).status, 204)
})

test('what is not as it must be is 404 or 400 with a sentence, and never more', async () => {
    for (const id of ['0', '-1', '1e3', '99999999999999999999', '07', 'x', '%00', '1%20', "1'--", '999'])
        assert.equal((await agent.get(B + '/incidents/' + id)).status, 404, id)
    for (const path of ['/conversations?view=none', '/incidents?state=none', '/conversations?after=1', '/conversations?after=x.y', '/incidents?after=1.2.3', '/deliveries?state=nope', '/deliveries?update=x', '/incidents/7/members?from=yesterday']) {
        const answer = await agent.get(B + path)
        assert.equal(answer.status, 400, path)
        assert.ok(answer.body.error.length > 10 && !/database/.test(answer.body.error), answer.text)
    }
    for (const raw of ['', '[]', '"x"', '{', '{"a":1,"a":2}', '{"text":"\\u0000"}', '{"text":7}', '{"text":"a\\u0007b"}', '\xff', '['.repeat(5000)]) {
        const answer = await agent.call('POST', B + '/conversations/51/count', { raw })
        assert.equal(answer.status, 400, raw.slice(0, 20))
        assert.ok(answer.body.error)
    }
    assert.equal((await agent.post(B + '/conversations/51/count', { text: 'x'.repeat(10001) })).status, 400)
    const big = await agent.call('POST', B + '/conversations/51/count', { raw: JSON.stringify({ text: 'x'.repeat((1 << 20) + 1) }) })
    assert.equal(big.status, 413)
    const headers = await agent.call('GET', B + '/overview', { headers: { 'X-Long': 'y'.repeat(20000) } }).catch(error => ({ status: 431 }))
    assert.ok([431, 413].includes(headers.status), String(headers.status))
    assert.equal((await agent.get(B + '/overview')).status, 200, 'and it goes on')
})

/* What `read` gives while the chart's last step is one and the same: a step of five minutes may end meanwhile. */
async function inOneStep(read) {
    for (;;) {
        const step = () => Math.floor(Date.now() / 300000), before = step()
        pg.sql(wave)
        const found = await read()
        if (step() === before) return found
    }
}

test('overview, lists and pages: counts are the rows behind them', async () => {
    const overview = (await agent.get(B + '/overview')).body
    assert.deepEqual(overview.views, { waiting: 2, mine: 0, incidents: 2, parked: 0, failed: 0, other: 1, done: 0, quarantine: 2 })
    assert.equal(overview.brand.name, 'Acme')
    assert.deepEqual(overview.channels.map(c => [c.name, c.state]), [['Acme', 'ok'], ['Old mailbox', 'paused'], ['Support', 'waiting']])
    const waiting = (await agent.get(B + '/conversations?view=waiting')).body
    assert.deepEqual(waiting.items.map(c => c.id), ['51', '52'])
    assert.equal(waiting.next, null)
    const first = (await agent.get(B + '/conversations?view=waiting&limit=1')).body
    const second = (await agent.get(B + `/conversations?view=waiting&limit=1&after=${first.next}`)).body
    assert.deepEqual([first.items[0].id, second.items[0].id], ['51', '52'])
    const all = []
    for (let after = ''; after !== null;) {
        const page = (await agent.get(B + `/conversations?view=all&limit=10${after && '&after=' + after}`)).body
        all.push(...page.items.map(c => c.id))
        after = page.next
    }
    assert.deepEqual([all.length, new Set(all).size], [45, 45])
    const incidents = (await inOneStep(() => agent.get(B + '/incidents'))).body.items
    assert.deepEqual(incidents.map(i => i.id), ['7', '8'])
    assert.deepEqual(incidents[0].spark.slice(-3), [20, 10, 0])
    assert.equal(incidents[0].waiting, 42)
    assert.ok(incidents[0].samples.length >= 2)
})

test('the page of an incident', async () => {
    const incident = (await inOneStep(() => reader.get(B + '/incidents/7'))).body
    assert.deepEqual(incident.terms, ['karte', 'abgelehnt'])
    assert.equal(incident.sample_messages.length, 12)
    assert.equal(incident.sample_messages[0].confidence.toFixed(2), '0.94')
    assert.equal(incident.timeline[0].kind, 'suspected')
    assert.equal(incident.now.per_5min, 10)
    assert.ok(incident.now.normal > 2 && incident.now.normal < 4, String(incident.now.normal))
    assert.match(incident.oldest_waiting_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const chart = (await inOneStep(() => reader.get(B + '/incidents/7/chart?hours=2'))).body
    assert.equal(chart.all.length, 24)
    assert.deepEqual(chart.incident.slice(-3), [20, 10, 0])
    assert.ok(chart.low.every((low, i) => low <= chart.mid[i] && chart.mid[i] <= chart.high[i]))
    assert.equal(chart.marks[0].kind, 'suspected')
    const members = (await reader.get(B + '/incidents/7/members?state=waiting&limit=40')).body
    assert.equal(members.items.length, 40)
    const rest = (await reader.get(B + `/incidents/7/members?state=waiting&limit=40&after=${members.next}`)).body
    assert.deepEqual(rest.items.map(m => m.person), ['41', '42'])
    const window = members.items.slice(4, 6)
    const between = (await reader.get(B + `/incidents/7/members?from=${window[0].last_at}&to=${members.items[6].last_at}`)).body
    assert.ok(between.items.length >= 2 && between.items.length <= 3, String(between.items.length))
    assert.ok(between.items.some(m => m.person === window[1].person))
})

test('an incident is changed by version, and its timeline says who', async () => {
    const { version } = (await comms.get(B + '/incidents/7')).body
    const changed = await comms.patch(B + '/incidents/7', { version, title: 'Card payments', phase: 'identified' })
    assert.equal(changed.status, 200, changed.text)
    assert.deepEqual([changed.body.title, changed.body.phase], ['Card payments', 'identified'])
    assert.deepEqual(changed.body.timeline.slice(0, 2).map(e => [e.kind, e.who]).sort(), [['phase', 'CO'], ['title', 'CO']])
    const old = await boss.patch(B + '/incidents/7', { version, phase: 'resolved' })
    assert.deepEqual([old.status, old.body.incident.phase], [409, 'identified'])
    assert.equal((await comms.patch(B + '/incidents/7', { version: changed.body.version, phase: 'gone' })).status, 400)
    const saved = await agent.put(B + '/incidents/7/drafts', { drafts: { de: 'Hallo {first_name}' }, fields: { workaround: 'bar zahlen' } })
    assert.ok(saved.body.draft_saved_at)
    const again = (await comms.get(B + '/incidents/7')).body
    assert.deepEqual([again.drafts, again.fields.workaround, again.fields.status_url], [{ de: 'Hallo {first_name}' }, 'bar zahlen', ''])
    assert.equal((await agent.put(B + '/incidents/7/drafts', { fields: { secret: 'x' } })).status, 400)
})

test('the preview says what would go to whom', async () => {
    const texts = { de: 'Hallo {first_name}, bitte {workaround}.', en: 'Please wait.' }
    const blocked = (await comms.post(B + '/incidents/7/preview', { texts, fallback: 'de', fields: {} })).body
    assert.deepEqual(blocked.blocked, ['{workaround} has no value: set it on the incident before sending'])
    assert.match((await comms.post(B + '/incidents/7/preview', { texts: { en: 'x {nme}' }, fallback: 'en' })).body.blocked[0], /\{nme\} is no field/)
    assert.match((await comms.post(B + '/incidents/7/preview', { texts: { en: 'x' }, fallback: 'de' })).body.blocked[0], /no text in de/)
    const preview = (await comms.post(B + '/incidents/7/preview', { texts, fallback: 'de', fields: { workaround: 'bar zahlen' } })).body
    assert.deepEqual(preview.blocked, [])
    assert.equal(preview.recipients, 40)
    assert.deepEqual(preview.skipped.sort((a, b) => a.reason < b.reason ? -1 : 1), [
        { reason: 'the channel Old mailbox is paused', people: 1 }, { reason: 'wrote automatically, such mail is never answered', people: 1 }])
    assert.deepEqual(preview.channels.map(c => [c.channel.kind, c.visibility, c.people, c.limit, c.too_long, c.langs]), [
        ['mastodon', 'public', 30, 500, 0, { de: 20, en: 10 }], ['email', 'direct', 10, null, 0, { de: 10 }]])
    assert.match(preview.channels[0].sample, /^@user\d+@sand\.example Hallo \S+, bitte bar zahlen\.$/)
    assert.deepEqual(preview.languages, [{ lang: 'de', people: 29, text: 'de' }, { lang: 'en', people: 10, text: 'en' }, { lang: 'lb', people: 1, text: 'de' }])
    const long = (await comms.post(B + '/incidents/7/preview', { texts: { de: 'x'.repeat(495) }, fallback: 'de' })).body
    assert.equal(long.channels[0].too_long, 30, 'the mention counts: @user1 and a space are 7 more')
    assert.equal(long.channels[0].longest, 495 + '@user10 '.length)
})

const message = { texts: { de: 'Hallo {first_name}, bitte {workaround}.', en: 'Please wait.' }, fallback: 'de', fields: { workaround: 'bar zahlen' } }
const sends = extra => comms.post(B + '/incidents/7/updates', { ...message, expect: 40, ...extra })

test('an update goes to each person once; the same token sends nothing twice', async () => {
    const preview = (await comms.post(B + '/incidents/7/preview', message)).body
    const wrong = await sends({ token: 'token-wrong-number', expect: 41 })
    assert.deepEqual([wrong.status, wrong.body.preview.recipients], [409, 40])
    assert.equal((await sends({ token: 'short' })).status, 400)
    assert.equal((await sends({ token: 'token-too-long-a-text', texts: { de: 'x'.repeat(600) } })).status, 400)
    assert.equal((await sends({ token: 'token-no-value', fields: {} })).status, 400)
    assert.equal(pg.sql('select count(*) from delivery'), '0')

    const answers = await Promise.all(Array.from({ length: 6 }, () => sends({ token: 'token-of-one-click', as_of: preview.as_of })))
    assert.deepEqual(answers.map(a => a.status), [201, 201, 201, 201, 201, 201], answers.map(a => a.text).join('\n'))
    assert.equal(new Set(answers.map(a => a.body.id)).size, 1)
    assert.equal(pg.sql('select count(*), count(distinct person_id), min(state), max(state) from delivery'), '40\t40\tqueued\tqueued')
    assert.equal(pg.sql("select body from delivery where person_id = 1"), 'Hallo b, bitte bar zahlen.')
    assert.equal(pg.sql("select body from delivery where person_id = 25"), 'Please wait.')
    assert.equal(pg.sql("select count(*) from delivery where visibility = 'public' and channel_id = 1"), '30')
    const update = answers[0].body
    assert.deepEqual([update.state, update.recipients, update.queued, update.by], ['pending', 40, 40, 'CO'])
    const other = await sends({ token: 'token-of-another-click' })
    assert.equal(other.status, 409, 'only one at a time')
    assert.equal(pg.sql("select count(*) from audit where action = 'update-send'"), '1')
    const events = (await comms.get(B + '/incidents/7')).body
    assert.deepEqual([events.timeline[0].kind, events.updates.length], ['update', 1])
})

test('undo before it is due: nothing goes out; afterwards only stop helps', async () => {
    const id = pg.sql('select id from incident_update')
    const undone = await comms.post(B + `/updates/${id}/undo`)
    assert.deepEqual([undone.status, undone.body.state, undone.body.skipped, undone.body.queued], [200, 'stopped', 40, 0])
    assert.equal(pg.sql('select distinct reason from delivery'), 'undone by CO')
    const second = (await sends({ token: 'token-second-try' })).body
    pg.sql(`update incident_update set send_at = now() - interval '1 s' where id = ${second.id};
            update delivery set send_at = now() - interval '1 s' where update_id = ${second.id};
            update delivery set state = 'sent', finished_at = now() where update_id = ${second.id} and person_id <= 10;
            update delivery set state = 'unknown', reason = 'no answer' where update_id = ${second.id} and person_id = 11;
            update delivery set state = 'failed', reason = 'mailbox full' where update_id = ${second.id} and person_id = 12`)
    const late = await comms.post(B + `/updates/${second.id}/undo`)
    assert.equal(late.status, 409)
    assert.equal((await comms.get(B + `/updates/${second.id}`)).body.state, 'sending')
    const stopped = await comms.post(B + `/updates/${second.id}/stop`)
    assert.deepEqual([stopped.body.state, stopped.body.sent, stopped.body.skipped, stopped.body.unknown, stopped.body.failed], ['stopped', 10, 28, 1, 1])
    assert.equal(pg.sql(`select distinct reason from delivery where update_id = ${second.id} and state = 'skipped'`), 'stopped by CO')
    const rows = (await comms.get(B + `/deliveries?update=${second.id}&state=failed,unknown`)).body.items
    assert.deepEqual(rows.map(d => [d.state, d.reason, d.channel.kind]), [['unknown', 'no answer', 'mastodon'], ['failed', 'mailbox full', 'mastodon']])
    const overview = (await comms.get(B + '/overview')).body
    const failed = (await comms.get(B + '/conversations?view=failed')).body
    assert.equal(overview.views.failed, 2)
    assert.deepEqual(failed.items.map(c => c.id), ['11', '12'])
})

test('only new: not who was sent something that the core has not marked yet, nor who may have got it', async () => {
    const to = async () => (await comms.post(B + '/incidents/7/preview', { ...message, to: 'new' })).body.recipients
    assert.equal(pg.sql('select count(*) from member where told_at is not null'), '0')
    assert.equal(await to(), 40 - 10 - 1, 'the ten sent and the unknown one')
    assert.equal((await comms.post(B + '/incidents/7/preview', { ...message, to: 'all' })).body.recipients, 40)
    pg.sql('update member set told_at = now() where person_id = 13')
    assert.equal(await to(), 28)
    pg.sql('update member set told_at = null where person_id = 13')
})

test('a person says what became of an unknown delivery', async () => {
    const [unknown, failed] = (await comms.get(B + '/deliveries?state=failed,unknown')).body.items
    assert.equal((await comms.post(B + `/deliveries/${failed.id}/resolve`, { as: 'sent' })).status, 409)
    assert.equal((await comms.post(B + `/deliveries/${unknown.id}/resolve`, { as: 'perhaps' })).status, 400)
    const sent = await comms.post(B + `/deliveries/${unknown.id}/resolve`, { as: 'sent' })
    assert.deepEqual([sent.body.state, sent.body.reason], ['sent', 'marked as sent by CO'])
    assert.equal(pg.sql('select told_at is not null, (select state from inbox where conversation_id = 11), (select told from incident where id = 7) from member where incident_id = 7 and person_id = 11'), 't\tparked\t1')
    const again = await comms.post(B + `/deliveries/${failed.id}/resolve`, { as: 'again' })
    assert.deepEqual([again.body.state, again.body.reason], ['queued', null])
    assert.equal((await comms.post(B + '/deliveries/999999/resolve', { as: 'again' })).status, 404)
    pg.sql("update delivery set state = 'skipped' where state = 'queued'")
})

test('a reply goes to the newest message once; a newer one or a colleague is a 409', async () => {
    const path = B + '/conversations/51'
    const shown = (await agent.get(path)).body
    assert.deepEqual([shown.can_reply, shown.limit.limit, shown.history.length, shown.person.authors[0].network], [true, null, 1, 'email'])
    assert.equal((await agent.put(path + '/draft', { text: 'half a sent' })).status, 204)
    assert.equal((await agent.get(path)).body.draft, 'half a sent')
    assert.equal((await boss.get(path)).body.draft, '', 'a draft is its writer\'s')
    const words = { text: 'Guten Tag', seen: '51', token: 'token-of-a-reply', done: true }
    const [one, two] = await Promise.all([agent.post(path + '/reply', words), agent.post(path + '/reply', words)])
    assert.deepEqual([one.status, two.status, one.body.id], [201, 201, two.body.id], one.text)
    assert.equal(pg.sql(`select state, body, visibility, then_done, message_id, update_id is null from delivery where id = ${one.body.id}`), 'queued\tGuten Tag\tdirect\tt\t51\tt')
    const after = (await agent.get(path)).body
    assert.deepEqual([after.draft, after.pending.length], ['', 1])
    const colleague = await comms.post(path + '/reply', { ...words, token: 'token-of-colleague' })
    assert.equal(colleague.status, 409)
    assert.match(colleague.body.error, /^AG /)
    assert.equal(colleague.body.conversation.id, '51')
    const undone = await agent.post(B + `/deliveries/${one.body.id}/undo`)
    assert.deepEqual([undone.body.state, undone.body.reason], ['skipped', 'undone by AG'])
    assert.equal((await agent.post(B + `/deliveries/${one.body.id}/undo`)).status, 409)
    pg.sql("insert into message (brand_id, channel_id, conversation_id, author_id, external_id, inbound, visibility, network, body, sent_at) values (1, 2, 51, 51, 'm51b', true, 'direct', 'email', 'noch etwas', now())")
    const newer = await agent.post(path + '/reply', { ...words, token: 'token-after-news' })
    assert.deepEqual([newer.status, newer.body.conversation.history.length], [409, 2])
    const seen = newer.body.conversation.history[1].id
    assert.equal((await agent.post(path + '/reply', { ...words, seen, token: 'token-after-news' })).status, 201, 'a refused token is still free')
    assert.equal((await agent.post(B + '/conversations/42/reply', { ...words, seen: '42', token: 'token-to-a-robot' })).status, 400)
    assert.equal((await agent.post(B + '/conversations/41/reply', { ...words, seen: '41', token: 'token-to-a-pause' })).status, 400)
    const long = await agent.post(B + '/conversations/2/reply', { ...words, text: 'x'.repeat(494), seen: '2', token: 'token-too-long' })
    assert.deepEqual([long.status, long.body.field], [400, 'text'], 'the mention counts')
    assert.deepEqual((await agent.post(B + '/conversations/2/count', { text: 'x' })).body, { length: 8, limit: 500, unit: 'mastodon' })
})

test('who was just answered by hand is left out of an update', async () => {
    pg.sql('update delivery set person_id = 5 where token = \'token-after-news\'')
    const preview = (await comms.post(B + '/incidents/7/preview', message)).body
    assert.equal(preview.recipients, 39)
    assert.ok(preview.skipped.some(s => s.reason === 'answered by hand in the last 15 minutes' && s.people === 1))
    pg.sql('update delivery set person_id = 51 where token = \'token-after-news\'')
})

test('who comes after the preview waits as new', async () => {
    const preview = (await comms.post(B + '/incidents/7/preview', message)).body
    const added = await agent.post(B + '/incidents/7/members', { conversation: '52' })
    assert.deepEqual([added.status, added.body.people], [201, 43], added.text)
    assert.equal((await sends({ token: 'token-without-time' })).status, 409)
    const sent = await sends({ token: 'token-with-time', as_of: preview.as_of })
    assert.deepEqual([sent.status, sent.body.recipients], [201, 40], sent.text)
    assert.equal((await comms.post(B + `/updates/${sent.body.id}/undo`)).status, 200)
    assert.equal((await agent.del(B + '/incidents/7/members/52')).status, 204)
    assert.equal((await agent.del(B + '/incidents/7/members/52')).status, 404)
    assert.equal(pg.sql('select people, (select incident_id is null from inbox where conversation_id = 52) from incident where id = 7'), '42\tt')
})

test('claims: one at a time, renewed, released', async () => {
    const path = B + '/conversations/52'
    const mine = await agent.post(path + '/claim')
    assert.deepEqual([mine.body.claimed.user, mine.body.claimed.mine], ['AG', true])
    const theirs = await comms.post(path + '/claim')
    assert.equal(theirs.status, 409)
    assert.match(theirs.body.error, /^AG /)
    assert.equal((await agent.get(B + '/overview')).body.views.mine, 1)
    assert.deepEqual((await agent.get(B + '/conversations?view=mine')).body.items.map(c => c.id), ['52'])
    assert.equal((await comms.get(path)).body.claimed.mine, false)
    pg.sql("update inbox set claimed_until = now() - interval '1 s' where conversation_id = 52")
    assert.equal((await comms.post(path + '/claim')).status, 200, 'a claim runs out')
    assert.equal((await comms.del(path + '/claim')).status, 204)
    assert.equal((await comms.get(path)).body.claimed, null)
})

test('sorting a conversation, by version', async () => {
    const path = B + '/conversations/52'
    const { version } = (await agent.get(path)).body
    const [a, b] = await Promise.all([agent.patch(path, { version, state: 'done' }), comms.patch(path, { version, triage: 'question' })])
    assert.deepEqual([a.status, b.status].sort(), [200, 409])
    const now = (await agent.get(path)).body
    const done = await agent.patch(path, { version: now.version, state: 'done', triage: 'question' })
    assert.deepEqual([done.body.state, done.body.triage], ['done', 'question'])
    assert.deepEqual((await agent.get(B + '/conversations?view=done')).body.items.map(c => c.id), ['52'])
    const moved = await agent.patch(path, { version: done.body.version, state: 'waiting', incident: '8' })
    assert.deepEqual([moved.body.incident.id, moved.body.state], ['8', 'waiting'])
    assert.equal(pg.sql('select people from incident where id = 8'), '1')
    const out = await agent.patch(path, { version: moved.body.version, incident: null })
    assert.equal(out.body.incident, null)
    assert.equal(pg.sql('select people from incident where id = 8'), '0')
    assert.equal((await agent.patch(path, { version: out.body.version, state: 'snoring' })).status, 400)
    assert.equal((await agent.patch(path, { state: 'done' })).status, 400)
    assert.equal((await agent.patch(B + '/conversations/61', { version: 1, state: 'done' })).status, 404)
})

test('an incident by hand, merged, dismissed and opened again', async () => {
    const made = await agent.post(B + '/incidents', { title: 'Mails', conversations: ['51', '52'] })
    assert.deepEqual([made.status, made.body.people, made.body.opened_by], [201, 2, 'person'], made.text)
    assert.equal((await agent.post(B + '/incidents', { title: 'x', conversations: ['61'] })).status, 404, 'another brand\'s conversation')
    assert.equal(pg.sql("select count(*) from incident where title = 'x'"), '0')
    const { version } = made.body
    assert.equal((await comms.post(B + `/incidents/${made.body.id}/merge`, { into: made.body.id, version })).status, 400)
    const merged = await comms.post(B + `/incidents/${made.body.id}/merge`, { into: '7', version })
    assert.deepEqual([merged.status, merged.body.id, merged.body.people], [200, '7', 43], merged.text)
    assert.equal(pg.sql('select incident_id from inbox where conversation_id = 51'), '7')
    assert.equal(pg.sql('select incident_id is null from inbox where conversation_id = 52'), 't', 'who was taken out stays out')
    assert.equal((await comms.post(B + `/incidents/${made.body.id}/merge`, { into: '7', version: version + 1 })).status, 409)
    const over = (await comms.get(B + '/incidents?state=over')).body.items
    assert.deepEqual([over[0].phase, over[0].merged_into], ['dismissed', '7'])
    const gone = await comms.patch(B + '/incidents/7', { version: merged.body.version, phase: 'dismissed' })
    assert.equal(gone.body.phase, 'dismissed')
    assert.equal(pg.sql("select count(*) from inbox where incident_id = 7 and state = 'waiting'"), '0')
    assert.equal(pg.sql('select dismissed_at is not null from cluster where id = 12'), 't')
    assert.equal((await sends({ token: 'token-to-dismissed' })).status, 409)
    const back = await comms.patch(B + '/incidents/7', { version: gone.body.version, phase: 'investigating' })
    assert.equal(back.body.phase, 'investigating')
    assert.equal(pg.sql("select count(*) from inbox where incident_id = 7"), '43')
})

test('quarantine: seen, dismissed once with a reason', async () => {
    const list = (await agent.get(B + '/quarantine')).body.items
    assert.deepEqual(list.map(q => [q.id, q.reason, q.size, q.channel.name]), [['5', 'no header at all', 12, 'Support'], ['6', 'no header at all', 6, 'Support']])
    assert.equal((await agent.post(B + '/quarantine/6/dismiss', {})).status, 400)
    assert.equal((await agent.post(B + '/quarantine/6/dismiss', { why: 'spam' })).status, 204)
    assert.equal(pg.sql('select state, why from quarantine where id = 6'), 'dismissed\tspam')
    assert.equal((await agent.post(B + '/quarantine/6/dismiss', { why: 'again' })).status, 404)
    assert.deepEqual((await agent.get(B + '/quarantine')).body.items.map(q => q.id), ['5'])
})

test('events say what to look at: at once, bundled, and only of the own brand', async () => {
    const mine = events(port, B + '/events', agent.cookie), theirs = events(port, '/api/b/other/events', stranger.cookie)
    assert.equal((await mine.next()).event, 'hello')
    assert.equal((await theirs.next()).event, 'hello')
    await new Promise(resolve => setTimeout(resolve, 400)) /* what was changed before is told by now */
    mine.heard.splice(0)
    const start = Date.now()
    await agent.post(B + '/conversations/52/claim')
    const first = await mine.next()
    assert.deepEqual(first.data, { what: ['overview', 'conversation:52'] })
    assert.ok(first.at - start < 1000, `${first.at - start} ms`)
    const payloads = Array.from({ length: 40 }, (_, i) => `notify inbox, '1 overview,incident:${i % 20}';`).join('\n')
    await new Promise(resolve => setTimeout(resolve, 400))
    pg.sql(`begin;\n${payloads}\ncommit`)
    const heard = [await mine.next()]
    await new Promise(resolve => setTimeout(resolve, 800))
    heard.push(...mine.heard.splice(0))
    assert.ok(heard.length <= 4, `${heard.length} events`)
    assert.equal(new Set(heard.flatMap(e => e.data.what)).size, 21)
    await new Promise(resolve => setTimeout(resolve, 400))
    pg.sql(`notify inbox, '1 ${Array.from({ length: 90 }, (_, i) => `conversation:${i}`)}'`)
    assert.deepEqual((await mine.next()).data, { what: ['all'] }, 'more than can be named')
    assert.equal(theirs.heard.length, 0)
    mine.close()
    theirs.close()
})

test('a stream ends when its session does', async () => {
    const leaving = await signIn(port, 'rd@acme.example', PASSWORD)
    const stream = events(port, B + '/events', leaving.cookie)
    await stream.next()
    assert.equal((await leaving.del('/api/session')).status, 204)
    assert.equal((await leaving.get('/api/session')).status, 401)
    assert.equal(await Promise.race([stream.end, new Promise(resolve => setTimeout(resolve, 20000, 'still open'))]), 'clean')
})

test('nothing of a stopped update is taken, also while its rows are still being marked', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'bw-play-'))
    writeFileSync(join(dir, 'in.jsonl'), '')
    const settings = JSON.stringify({ file: join(dir, 'in.jsonl'), out: join(dir, 'out.jsonl') })
    pg.sql(`insert into channel (brand_id, id, kind, name, settings) values (1, 9, 'replay', 'Play', '${settings}');
        insert into incident_update (brand_id, id, incident_id, texts, fields, fallback, token, recipients, send_at, stopped_at)
            values (1, 900, 8, '{}', '{}', 'de', 'token-900', 2, now(), now()), (1, 901, 8, '{}', '{}', 'de', 'token-901', 1, now(), null);
        insert into delivery (brand_id, id, update_id, channel_id, conversation_id, person_id, message_id, visibility, lang, body, state, send_at)
            select 1, 9000 + n, case when n < 3 then 900 else 901 end, 9, n, n, n, 'public', 'de', 'x' || n, 'queued', now() from generate_series(1, 3) n`)
    const collector = spawn(program, ['collect', '--id', '1', '9'], { env: { ...process.env, DATABASE_URL: pg.url }, stdio: 'ignore' })
    try {
        await until('the other update is not sent', () => pg.sql('select state from delivery where id = 9003') === 'sent')
        assert.equal(pg.sql('select distinct state, attempts from delivery where id in (9001, 9002)'), 'queued\t0')
        pg.sql('update incident_update set stopped_at = null where id = 900; notify outbox, \'1 9\'')
        await until('it does not go on', () => pg.sql("select count(*) from delivery where id > 9000 and state = 'sent'") === '3')
    } finally {
        collector.kill()
        await once(collector, 'exit')
        rmSync(dir, { recursive: true })
    }
})

test('a removed channel leaves no delivery behind that nobody sends or decides', async () => {
    pg.sql(`insert into delivery (brand_id, id, channel_id, conversation_id, person_id, message_id, visibility, lang, body, state, send_at)
            select 1, 9010 + n, 9, n, n, n, 'public', 'de', 'x', (array['queued', 'sending', 'unknown', 'failed'])[n], now() from generate_series(1, 4) n`)
    const removed = breakwater(['channel', 'remove', '--brand', 'acme', 'Play'], { url: pg.url })
    assert.equal(removed.status, 0, removed.stderr)
    assert.deepEqual(pg.sql('select state, send_at, finished_at is not null from delivery where id between 9012 and 9014 order by id').split('\n').map(line => line.split('\t'))
        .map(([state, at, over]) => [state, at === 'infinity', over]), [['unknown', true, 'f'], ['unknown', true, 'f'], ['failed', false, 'f']])
    assert.equal(pg.sql('select state, reason, finished_at is not null from delivery where id = 9011'), 'skipped\tthe channel was removed\tt')
    const [one] = (await comms.get(B + '/deliveries?state=unknown')).body.items.filter(d => d.id === '9012')
    assert.match(one.reason, /^the channel was removed while/)
    assert.equal((await comms.post(B + '/deliveries/9013/resolve', { as: 'again' })).status, 409, 'it would wait for ever')
    assert.equal((await comms.post(B + '/deliveries/9013/resolve', { as: 'sent' })).body.state, 'sent')
})

test('health: alive, ready, figures', async () => {
    assert.equal((await call(port, 'GET', '/healthz')).status, 200)
    assert.equal((await call(port, 'GET', '/readyz')).status, 200)
    const metrics = await call(port, 'GET', '/metrics')
    assert.match(metrics.text, /^breakwater_quarantine_open\{brand="acme"\} 1$/m)
    assert.match(metrics.text, /^breakwater_http_answers_total\{status="4xx"\} [1-9]/m)
    pg.sql("update migration set number = number + 1 where number = (select max(number) from migration)")
    const ahead = await call(port, 'GET', '/readyz')
    assert.equal(ahead.status, 503)
    pg.sql("update migration set number = number - 1 where number = (select max(number) from migration)")
})

test('the database goes away and comes back: 503 with a sentence, then as before', async () => {
    const stream = events(port, B + '/events', agent.cookie)
    await stream.next()
    await pg.kill()
    const away = await agent.get(B + '/overview')
    assert.equal(away.status, 503)
    assert.match(away.body.error, /database/)
    assert.equal((await call(port, 'GET', '/healthz')).status, 200)
    assert.equal((await call(port, 'GET', '/readyz')).status, 503)
    await pg.start()
    await until('it does not come back', async () => (await agent.get(B + '/overview')).status === 200)
    /* What was rung meanwhile is lost: look at everything. (What was changed before may still be told first.) */
    let event
    do event = await stream.next()
    while (!event.data.what.includes('all'))
    stream.close()
})

test('behind a proxy that speaks TLS: cookies are Secure, the address is the caller\'s own', async () => {
    const proxied = await startWeb(pg.url, { BREAKWATER_TLS: 'yes', BREAKWATER_PROXY: 'yes' })
    const from = address => ({ headers: { 'X-Forwarded-For': `10.9.9.9, ${address}` } })
    const signed = await call(proxied.port, 'POST', '/api/session', { body: { email: 'co@acme.example', password: PASSWORD }, ...from('192.0.2.1') })
    assert.match(signed.headers['set-cookie'][0], /; Secure/)
    assert.match(signed.headers['strict-transport-security'], /max-age/)
    for (let i = 0; i < 6; i++)
        await call(proxied.port, 'POST', '/api/session', { body: { email: `x${i}@acme.example`, password: 'wrong' }, ...from('192.0.2.7') })
    const same = await call(proxied.port, 'POST', '/api/session', { body: { email: 'ag@acme.example', password: PASSWORD }, ...from('192.0.2.7') })
    const other = await call(proxied.port, 'POST', '/api/session', { body: { email: 'ag@acme.example', password: PASSWORD }, ...from('192.0.2.8') })
    assert.deepEqual([same.status, other.status], [429, 200])
    assert.equal((await call(proxied.port, 'GET', '/metrics', from('192.0.2.7'))).status, 403, 'figures are for the same machine')
    assert.equal(await proxied.stop(), 0)
})

test('told to stop, it ends its streams cleanly', async () => {
    const second = await startWeb(pg.url)
    const stream = events(second.port, B + '/events', agent.cookie)
    await stream.next()
    assert.equal(await second.stop(), 0)
    assert.equal(await stream.end, 'clean')
})

test('wrong use: one line, status 2; a busy port says what to do', () => {
    for (const args of [['web', '--nope'], ['web', 'x'], ['user'], ['user', 'add'], ['user', 'fly', 'x@y.example'], ['user', 'list', 'x@y.example']]) {
        const done = breakwater(args, { url: pg.url })
        assert.deepEqual([done.status, done.stderr.trim().split('\n').length], [2, 1], args.join(' '))
    }
    const busy = breakwater(['web', '--listen', `127.0.0.1:${port}`], { url: pg.url })
    assert.equal(busy.status, 1)
    assert.match(busy.stderr, /in use.*--listen/)
    assert.match(breakwater(['web', '--help'], {}).stdout, /--database-url/)
})

test('breakwater user: a password is never an argument, and disabling ends sessions', async () => {
    const added = breakwater(['user', 'add', 'new@acme.example', '--role', 'acme:agent'], { url: pg.url, input: PASSWORD + '\n' })
    assert.equal(added.status, 0, added.stderr)
    const person = await signIn(port, 'new@acme.example', PASSWORD)
    assert.match(breakwater(['user', 'list'], { url: pg.url }).stdout, /^new@acme\.example\tN\S*\tnew\tacme:agent/m)
    assert.equal(breakwater(['user', 'add', 'new@acme.example'], { url: pg.url, input: PASSWORD + '\n' }).status, 1, 'taken')
    assert.equal(breakwater(['user', 'password', 'new@acme.example'], { url: pg.url, input: 'short\n' }).status, 1)
    assert.equal(breakwater(['user', 'disable', 'new@acme.example'], { url: pg.url }).status, 0)
    assert.equal((await person.get(B + '/overview')).status, 401)
    await assert.rejects(signIn(port, 'new@acme.example', PASSWORD), /401/)
})
