/* Tools over the phrase banks: seeded random numbers, choices, templates, slips of the keyboard. */

/* mulberry32: numbers in [0, 1) from a 32-bit seed. */
export function generator(seed) {
    let state = seed >>> 0
    return () => {
        state = (state + 0x6d2b79f5) >>> 0
        let t = state
        t = Math.imul(t ^ (t >>> 15), t | 1)
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296
    }
}

/* A key of `weights`, as often as its weight says. */
export function choiceOf(weights, random) {
    const entries = Object.entries(weights)
    let left = random() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) if ((left -= weight) < 0) return key
    return entries[entries.length - 1][0]
}

/* Takes one of each [a|b|c] and fills each {slot} with slots.slot(). */
export function expand(template, slots, random) {
    const chosen = template.replace(/\[([^\]]*)\]/g, (_, list) => {
        const options = list.split('|')
        return options[Math.floor(random() * options.length)]
    })
    return chosen
        .replace(/\{(\w+)\}/g, (_, slot) => slots[slot]())
        .replace(/ {2,}/g, ' ')
        .trim()
}

/* One slip in one longer word: two letters swapped, one lost, or one twice. */
export function typo(text, random) {
    const words = text.split(' ')
    const long = words.map((word, i) => i).filter(i => /^\p{L}{5,}$/u.test(words[i]))
    if (long.length === 0) return text
    const at = long[Math.floor(random() * long.length)]
    const letters = [...words[at]]
    const i = 1 + Math.floor(random() * (letters.length - 3))
    const way = random()
    if (way < 0.5) letters.splice(i, 2, letters[i + 1], letters[i])
    else if (way < 0.8) letters.splice(i, 1)
    else letters.splice(i, 0, letters[i])
    words[at] = letters.join('')
    return words.join(' ')
}
