/* Waiting, with an end to it. */

/* Calls `check` until it gives something true, and resolves to that; rejects after `seconds`, saying `what`. */
export async function until(what, check, { seconds = 30, every = 100 } = {}) {
    const end = Date.now() + seconds * 1000
    for (;;) {
        const found = await check()
        if (found) return found
        if (Date.now() > end) throw new Error(`after ${seconds} s: ${what}`)
        await new Promise(resolve => setTimeout(resolve, every))
    }
}
