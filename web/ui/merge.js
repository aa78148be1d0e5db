/* How a list takes in what is new without moving what is read, and a curve without lying. No browser needed. */

/**
 * What to do with an answer while `shown` is on the screen.
 * @template {{id: string}} T
 * @param {T[]} shown
 * @param {T[]} read the first rows as they are now
 * @param {boolean} whole nothing follows them
 * @param {boolean} newestFirst
 */
export function merge(shown, read, whole, newestFirst) {
    const byId = new Map(read.map((row) => [row.id, row]));
    const known = new Set(shown.map((row) => row.id));
    const gone = new Set();
    const rows = shown.map((row, i) => {
        const now = byId.get(row.id);
        if (!now && (whole || (!newestFirst && i < read.length))) gone.add(row.id);
        return now || row;
    });
    return { rows, gone, fresh: read.filter((row) => !known.has(row.id)).length };
}

/**
 * A curve whose newest step still runs: a few seconds of it against full steps would look like the end of the
 * wave, so it is left out until it has outgrown the step before.
 * @param {(number | null)[]} values
 */
export function settled(values) {
    const last = values[values.length - 1], before = values[values.length - 2];
    return last != null && before != null && last < before ? [...values.slice(0, -1), null] : values;
}
