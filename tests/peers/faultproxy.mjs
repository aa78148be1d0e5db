// A TCP proxy that breaks connections on request. usage: node faultproxy.mjs CONTROL_PORT LISTEN=HOST:PORT...
// Control (HTTP on 127.0.0.1:CONTROL_PORT): GET / shows all; POST /LISTEN with JSON sets, {} clears:
//   {"latency_ms":200,"jitter_ms":50}   each chunk later           {"rate":1000}        bytes per second, each way
//   {"refuse":true}                     RST at once                {"blackhole":true}   accept, pass nothing, never close
//   {"cut_after":500}                   RST after N answer bytes   {"half_close":500}   clean FIN after N answer bytes
//   {"corrupt_at":100}                  flip one bit of the answer {"once":true}        only for the next connection
//   {"kill":true}                       RST every open connection now
import http from 'node:http'
import net from 'node:net'

const rules = {}, open = {}, seen = {}
const rst = s => { try { s.resetAndDestroy ? s.resetAndDestroy() : s.destroy() } catch (e) {} }
for (const spec of process.argv.slice(3)) {
  const [lp, target] = spec.split('='), i = target.lastIndexOf(':'), host = target.slice(0, i), port = Number(target.slice(i + 1))
  rules[lp] = {}; open[lp] = new Set(); seen[lp] = 0
  net.createServer({ allowHalfOpen: true }, c => {
    const r = { ...rules[lp] }; seen[lp]++
    if (r.once) rules[lp] = {}
    c.on('error', () => {}); open[lp].add(c); c.on('close', () => open[lp].delete(c))
    if (r.refuse) return rst(c)
    if (r.blackhole) { c.resume(); return }
    const u = net.connect({ host, port, allowHalfOpen: true }); u.on('error', () => rst(c)); u.on('close', () => c.destroySoon && c.destroySoon()); c.on('close', () => u.destroy())
    let back = 0
    const pump = (from, to, answer) => {
      let q = Promise.resolve(), queued = 0
      from.on('data', d => {
        queued += d.length; if (queued > 1 << 20) from.pause()
        q = q.then(async () => {
          const wait = (r.latency_ms || 0) + Math.random() * (r.jitter_ms || 0); if (wait) await new Promise(z => setTimeout(z, wait))
          for (let o = 0; o < d.length && !to.destroyed;) {
            let n = r.rate ? Math.min(Math.max(1, Math.floor(r.rate / 10)), d.length - o) : d.length - o
            if (answer) {
              const lim = r.cut_after ?? r.half_close
              if (lim !== undefined) n = Math.min(n, lim - back)
              if (r.corrupt_at !== undefined && back <= r.corrupt_at && r.corrupt_at < back + n) d[o + r.corrupt_at - back] ^= 1
              back += n
              if (n > 0) to.write(d.subarray(o, o + n))
              if (lim !== undefined && back >= lim) { if (r.cut_after !== undefined) setTimeout(() => rst(to), 5); else to.end(); u.destroy(); return }
            } else to.write(d.subarray(o, o + n))
            o += n; if (r.rate) await new Promise(z => setTimeout(z, 100))
          }
          queued -= d.length; if (queued < 1 << 19) from.resume()
        })
      })
      from.on('end', () => { q = q.then(() => to.end()) })
    }
    pump(c, u, false); pump(u, c, true)
  }).listen(Number(lp), '127.0.0.1')
}
http.createServer(async (q, s) => {
  const lp = q.url.slice(1), out = (c, o) => { s.writeHead(c, { 'content-type': 'application/json' }); s.end(JSON.stringify(o) + '\n') }
  if (q.method === 'GET') return out(200, Object.fromEntries(Object.keys(rules).map(k => [k, { rule: rules[k], open: open[k].size, connections: seen[k] }])))
  if (!rules[lp]) return out(404, { error: 'no such port' })
  try {
    const b = JSON.parse(Buffer.concat(await q.toArray()).toString() || '{}')
    if (b.kill) { for (const c of open[lp]) rst(c); delete b.kill }
    rules[lp] = b; out(200, b)
  } catch (e) { out(400, { error: e.message }) }
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'))
