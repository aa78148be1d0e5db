/* From recorded messages to sorted rows and back out, on the real processes and PostgreSQL: what counts,
 * what is folded, and that killing a process changes nothing in the end. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { outageDay, START } from '../../demo/outage-day.mjs'
import { startBreakwater } from '../lib/breakwater.mjs'
import { until } from '../lib/wait.mjs'

let bw, api
before(async () => {
    bw = await startBreakwater({ env: { BREAKWATER_MOST_DEATHS: '1000' } })
    api = await bw.signIn()
    bw.sql('update brand set undo_ms = 0, undo_reply_ms = 0')
})
after(() => bw?.stop())

const number = statement => Number(bw.sql(statement)[0][0])
/* In the data directory, where the user that everything runs as may write. */
const out = name => join(bw.base, 'var', `${name}.out`)
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/* Adds a replay channel that plays the messages at once; resolves when all are sorted. */
async function play(name, messages, meanwhile = async () => {}) {
    const file = join(bw.base, `${name}.jsonl`)
    const known = number('select count(*) from message')
    writeFileSync(file, messages.map(message => JSON.stringify(message)).join('\n') + '\n')
    bw.command(['channel', 'add', 'replay', name, `file=${file}`, 'speed=0', `start=${START}`, `out=${out(name)}`])
    await meanwhile()
    await until(`${name} is sorted`, () =>
        number('select count(*) from message') >= known + messages.length && number('select count(*) from intake') === 0, { seconds: 90 })
}

/* Numbers that the writers keep, against the rows that they count. */
function checkCounters() {
    assert.equal(number('select count(*) from message where inbound'), number('select count(*) from assignment'), 'each inbound message has one verdict')
    assert.equal(number('select count(distinct seq) from assignment'), number('select count(*) from assignment'), 'no place in the order is taken twice')
    const [[people, messages]] = bw.sql(`select sum(people), sum(messages) from volume where kind = 'all'`)
    const [[realPeople, realMessages]] = bw.sql(`select count(distinct (date_bin('5 min', m.sent_at, 'epoch'), a.person_id)), count(*)
        from assignment s join message m on m.id = s.message_id join author a on a.id = m.author_id where s.is_complaint`)
    assert.deepEqual([people, messages], [realPeople, realMessages], 'volume counts people once per five minutes')
    assert.equal(number(`select count(*) from incident i where phase <> 'dismissed' and people <> (select count(*) from member m
        where m.incident_id = i.id and removed_at is null)`), 0, 'incidents count their members')
    assert.equal(number(`select count(*) from inbox i where messages <> (select count(*) from message m where m.conversation_id = i.conversation_id and inbound)`), 0,
        'conversations count what the customer wrote')
    assert.equal(number(`select count(*) from (select distinct conversation_id from message where inbound except select conversation_id from inbox) x`), 0,
        'every conversation is in the inbox')
}

test('repeats fold, replies end a conversation, praise does not count', async () => {
    const line = (id, author, text, more = {}) => ({ id, ts: START - 60 + Number(id.slice(1)) / 10, channel: 'x', author, text, ...more })
    await play('small', [
        line('a1', 'jana', 'Meine Karte wird an der Kasse abgelehnt, was ist los?'),
        line('a2', 'jana', 'Meine Karte wird an der Kasse abgelehnt, was ist los?', { thread: 'a1', parent: 'a1' }),
        line('a3', 'paul', 'my parcel never arrived, where is it?'),
        line('a4', 'paul', 'Sorry, it is on its way. ^MW', { thread: 'a3', parent: 'a3', outbound: true }),
        line('a5', 'zoe', 'Danke für den tollen Tee, ihr seid super!'),
    ])
    const rows = Object.fromEntries(bw.sql('select i.handle || i.name, i.state, i.triage, i.messages, i.unanswered from inbox i').map(([name, ...rest]) => [name, rest]))
    assert.deepEqual(rows.jana, ['waiting', 'complaint', '2', '2'])
    assert.equal(rows.paul[0], 'done', 'a colleague answered elsewhere')
    assert.deepEqual(rows.zoe.slice(0, 2), ['waiting', 'other'])
    assert.equal(number(`select count(*) from assignment where is_repeat`), 1)
    checkCounters()
})

test('the same once more adds nothing', async () => {
    const before = bw.sql('select count(*) from message')[0][0]
    bw.sql(`update channel_state set cursor = null where channel_id = (select id from channel where name = 'small')`)
    bw.command(['channel', 'pause', 'small'])
    await until('it stops', () => bw.children(/ collect /).length === 0)
    bw.command(['channel', 'resume', 'small'])
    await until('it has read the file again', () => bw.sql(`select cursor->>'line' from channel_state`)[0]?.[0] === '5')
    assert.equal(bw.sql('select count(*) from message')[0][0], before)
})

test('a day, with the core and the collector killed again and again', async () => {
    const day = outageDay().map(({ message }) => message)
    await play('day', day, async () => {
        for (let i = 0; i < 10; i++) {
            await sleep(350)
            for (const pid of bw.children(i % 2 ? / core/ : / collect /)) process.kill(pid, 'SIGKILL')
        }
    })
    assert.equal(number(`select count(*) from message where channel_id = (select id from channel where name = 'day')`), day.length)
    checkCounters()
})

test('the core goes on from a lost memory with the same clusters', async () => {
    const [[cluster]] = bw.sql('select cluster_id from assignment where cluster_id is not null group by 1 order by count(*) desc limit 1')
    const top = number('select max(cluster_id) from assignment')
    bw.sql('delete from engine_state')
    for (const pid of bw.children(/ core/)) process.kill(pid, 'SIGKILL')
    const sample = bw.sql(`select m.body from assignment s join message m on m.id = s.message_id where s.cluster_id = ${cluster} order by s.confidence desc limit 1`)[0][0]
    await play('later', [{ id: 'l1', ts: START, channel: 'x', author: 'late', text: `${sample} auch bei mir` }])
    const [[now]] = bw.sql(`select cluster_id from assignment order by seq desc limit 1`)
    assert.ok(now === cluster || Number(now) > top, `cluster ${now}: neither the old one (${cluster}) nor a new one`)
    checkCounters()
})

test('an update reaches everybody once, though the collector is killed while it sends', async () => {
    const { items } = await api('GET', 'incidents?state=open')
    const incident = items[0]
    assert.ok(incident.people > 50, `${incident.people} people`)
    const message = { texts: { de: 'Kartenzahlungen schlagen zurzeit fehl.' }, fallback: 'de', fields: {} }
    const preview = await api('POST', `incidents/${incident.id}/preview`, message)
    const update = await api('POST', `incidents/${incident.id}/updates`, { ...message, token: 'once-only-token', expect: preview.recipients })
    const again = await api('POST', `incidents/${incident.id}/updates`, { ...message, token: 'once-only-token', expect: preview.recipients })
    assert.equal(again.id, update.id, 'the same click again is the same update')
    for (let i = 0; i < 6; i++) {
        await sleep(120)
        for (const pid of bw.children(/ collect /)) process.kill(pid, 'SIGKILL')
    }
    const open = `select count(*) from delivery where update_id = ${update.id} and state in ('queued', 'sending', 'unknown')`
    await until('all is sent', () => number(open) === 0, { seconds: 60 })
    const sent = bw.sql(`select name from channel where kind = 'replay'`).flatMap(([name]) => {
        try { return readFileSync(out(name), 'utf8').trim().split('\n').map(line => JSON.parse(line)) } catch { return [] }
    })
    assert.equal(sent.length, preview.recipients)
    assert.equal(new Set(sent.map(({ to }) => to)).size, sent.length, 'nobody is told twice')
    await until('the core knows who was told', () => number(`select told from incident where id = ${incident.id}`) === preview.recipients)
    assert.equal(number(`select count(*) from inbox where incident_id = ${incident.id} and state = 'waiting'`), 0, 'who was told is parked')
})

test('somebody who was told and asks something else is waited for again', async () => {
    const [[handle, thread]] = bw.sql(`select a.external_id, c.thread from inbox i join conversation c on c.id = i.conversation_id join author a on a.id = c.author_id
        where i.state = 'parked' and i.network = 'x' and i.channel_id = (select id from channel where name = 'day') limit 1`)
    const channel = 'day'
    const file = join(bw.base, `${channel}.jsonl`)
    const line = { id: 'again', ts: START + 2000, channel: 'x', author: handle, thread, parent: thread, text: 'Andere Frage: stellt ihr auch Praktikanten im Lager ein?' }
    writeFileSync(file, readFileSync(file, 'utf8') + JSON.stringify(line) + '\n')
    for (const pid of bw.children(/ collect /)) process.kill(pid, 'SIGKILL')
    await until('it is sorted', () => number(`select count(*) from assignment s join message m on m.id = s.message_id where m.external_id = 'again'`) === 1, { seconds: 60 })
    const [[state, incident]] = bw.sql(`select i.state, coalesce(i.incident_id, 0) from inbox i join conversation c on c.id = i.conversation_id
        join author a on a.id = c.author_id where c.thread = '${thread}' and a.external_id = '${handle}'`)
    assert.deepEqual([state, incident], ['waiting', '0'])
})

test('the same failure again after the all-clear is a new incident, of those whom it hits now', async () => {
    const [first] = (await api('GET', 'incidents?state=open')).items
    await api('PATCH', `incidents/${first.id}`, { version: first.version, phase: 'resolved' })
    const newest = number('select max(id) from incident')
    const texts = outageDay().filter(({ gold, message }) => gold.incident === 'card' && gold.kind === 'outage' && message.lang === 'de').slice(0, 40)
    await play('second', texts.map(({ message }, i) => ({ id: `s${i}`, ts: START + i, channel: 'x', author: `second-${i}`, text: message.text })))
    /* one more batch: the core looks at what was resolved when it sorts */
    await play('third', texts.map(({ message }, i) => ({ id: `t${i}`, ts: START + 60 + i, channel: 'x', author: `third-${i}`, text: `${message.text} Schon wieder` })))
    const open = bw.sql(`select id, people from incident where phase = 'suspected' and id > ${newest} order by people desc`)
    assert.ok(open.length >= 1 && Number(open[0][1]) >= 10, `incidents opened afterwards: ${JSON.stringify(open)}`)
    assert.equal(number(`select count(*) from member m join author a on a.id = m.person_id where m.incident_id = ${open[0][0]}
        and a.external_id not like 'second-%' and a.external_id not like 'third-%'`), 0, 'nobody of the first wave is in it')
})
