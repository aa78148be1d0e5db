/* Lines that break all the time: proxies of startFaultProxy, told to fail one after the other. */
const RULES = [
    { kill: true },
    { cut_after: 4500, once: true },
    { refuse: true, once: true },
    { half_close: 6000, once: true },
    { kill: true, latency_ms: 80, jitter_ms: 200 },
    { cut_after: 9000, once: true },
    { kill: true, cut_after: 5200, once: true },
]

/* Breaks one of `proxies` every `ms`. The answer is a function that ends it, mends them all, and resolves to how
 * often one was broken. */
export function breakLines(proxies, ms) {
    let over = false
    const done = (async () => {
        let count = 0
        for (; !over; count++) {
            await proxies[count % proxies.length].fault(RULES[count % RULES.length])
            await new Promise(resolve => setTimeout(resolve, ms))
        }
        for (const proxy of proxies) await proxy.fault({})
        return count
    })()
    return () => {
        over = true
        return done
    }
}
