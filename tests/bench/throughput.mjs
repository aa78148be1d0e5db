// throughput [MESSAGES]: from a replay file to sorted rows in PostgreSQL, in messages per second, beside a
// raw COPY of the same rows into the same tables and indexes in the same run (fsync on, the settings of
// `breakwater up`). Prints both and their ratio.
import { execFileSync, spawn } from 'node:child_process'
import { createWriteStream, mkdtempSync, chmodSync, rmSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { outageDay } from '../../demo/outage-day.mjs'

const total = Number(process.argv[2] || 120000)
const breakwater = resolve(process.env.BREAKWATER_RELEASE || 'build/breakwater')
const base = mkdtempSync(join(tmpdir(), 'bw-bench-'))
chmodSync(base, 0o755)
const data = join(base, 'data')

// The demo day again and again with other people and other order numbers, a day apart: nothing is the
// same message twice, and nobody writes more often than in the original.
async function writeFile(path) {
  const out = createWriteStream(path)
  const day = outageDay().map(({ message }) => message)
  const span = day[day.length - 1].ts - day[0].ts + 60
  for (let i = 0; i < total; i++) {
    const round = Math.floor(i / day.length), m = day[i % day.length]
    const line = { ...m, id: `${m.id}-${round}`, ts: m.ts + round * span, author: `${m.author}-${round}`,
      text: round ? `${m.text} #${(i * 7919) % 1000003}` : m.text }
    for (const name of ['thread', 'parent']) if (m[name]) line[name] = `${m[name]}-${round}`
    if (!out.write(JSON.stringify(line) + '\n')) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}

const file = join(base, 'load.jsonl')
await writeFile(file)
const up = spawn(breakwater, ['up', '--no-demo', '--data-dir', data, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
const socket = join(data, 'run')
const psql = (...args) => execFileSync('psql', ['-h', socket, '-U', 'breakwater', '-d', 'breakwater', '-XAtq', '-v', 'ON_ERROR_STOP=1', ...args],
  { encoding: 'utf8' }).trim()
const sleep = ms => new Promise(done => setTimeout(done, ms))
try {
  await once(up.stdout, 'data')
  const url = `host=${socket} port=5432 dbname=breakwater user=breakwater`
  const run = (...args) => execFileSync(breakwater, args, { env: { ...process.env, BREAKWATER_DATABASE_URL: url, BREAKWATER_KEY_FILE: join(data, 'key') } })
  run('brand', 'add', 'load', 'Load')
  await sleep(6000) // the core looks for new brands every five seconds
  const begin = process.hrtime.bigint()
  run('channel', 'add', 'replay', 'load', `file=${file}`, 'speed=0')
  for (let read = 0; read < total || psql('-c', 'select count(*) from intake') !== '0';) {
    await sleep(250)
    read = Number(psql('-c', `select coalesce((cursor->>'line')::int, 0) from channel_state`))
  }
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9
  const sorted = Number(psql('-c', 'select count(*) from assignment'))
  if (sorted !== total) throw new Error(`${sorted} of ${total} messages were sorted`)

  run('channel', 'remove', 'load')
  const tables = ['author', 'conversation', 'message', 'assignment', 'cluster', 'incident', 'incident_event', 'member', 'inbox', 'volume']
  for (const table of tables) psql('-c', `copy ${table} to '${data}/${table}.copy' (format binary)`)
  psql('-c', `truncate ${tables.join(', ')} cascade`, '-c', 'checkpoint')
  let copying = 0
  for (const table of tables) {
    const from = process.hrtime.bigint()
    psql('-c', `copy ${table} from '${data}/${table}.copy' (format binary)`)
    copying += Number(process.hrtime.bigint() - from) / 1e9
  }
  const fsync = psql('-c', 'show fsync')
  console.log(`replay file to sorted rows   ${Math.round(total / seconds)} messages/s  (${total} in ${seconds.toFixed(1)} s, fsync ${fsync})`)
  console.log(`COPY of the same rows        ${Math.round(total / copying)} messages/s  (${copying.toFixed(1)} s, ${tables.length} tables)`)
  console.log(`ratio                        ${(copying / seconds).toFixed(2)}`)
} finally {
  up.kill('SIGTERM')
  await once(up, 'exit')
  rmSync(base, { recursive: true, force: true })
}
