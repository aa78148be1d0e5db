/* A list that stays still while it is read: rows on the screen change in place, new ones wait until
 * they are asked for, those that went elsewhere stay greyed until then. */
import { signal, batch, useMemo, useEffect } from "./lib.js";
import { get, ApiError } from "./api.js";
import { merge } from "./merge.js";
import { concerns, watch } from "./state.js";

/**
 * @template {{id: string}} T
 * @typedef {Object} List
 * @property {import("/lib/signals.module.js").Signal<T[]>} rows what is on the screen
 * @property {import("/lib/signals.module.js").Signal<number>} fresh how many wait to be shown
 * @property {import("/lib/signals.module.js").Signal<Set<string>>} gone ids that are no longer in the list
 * @property {import("/lib/signals.module.js").Signal<string | null>} next
 * @property {import("/lib/signals.module.js").Signal<boolean>} ready read at least once
 * @property {import("/lib/signals.module.js").Signal<boolean>} loading
 * @property {import("/lib/signals.module.js").Signal<ApiError | null>} error
 * @property {() => Promise<void>} refresh
 * @property {() => void} apply shows what waits
 * @property {() => Promise<void>} more
 * @property {(id: string) => void} drop takes a row away that I moved myself
 */

const PAGE = 50, MOST = 200, PAUSE = 400; // a mail is on the screen within a second, half of which its server takes

/** Members are rows by their person. @template {{id: string}} T @param {T} row @returns {T} */
const named = (row) => (row.id ? row : { ...row, id: /** @type {any} */ (row).person });

/** @template {{id: string}} T @param {string} path @param {boolean} newestFirst @returns {List<T>} */
function makeList(path, newestFirst) {
    const sign = path.includes("?") ? "&" : "?";
    /** @type {T[]} */
    let latest = [];
    /** @type {string | null} */
    let latestNext = null;
    let again = false;
    /** @type {List<T>} */
    const list = {
        rows: signal(/** @type {T[]} */ ([])),
        fresh: signal(0),
        gone: signal(/** @type {Set<string>} */ (new Set())),
        next: signal(/** @type {string | null} */ (null)),
        ready: signal(false),
        loading: signal(false),
        error: signal(/** @type {ApiError | null} */ (null)),
        async refresh() {
            if (list.loading.value) {
                again = true;
                return;
            }
            again = false;
            list.loading.value = true;
            try {
                const limit = Math.min(MOST, Math.max(PAGE, list.rows.value.length));
                const page = await get(`${path}${sign}limit=${limit}`);
                take(page.items, page.next);
                list.error.value = null;
            } catch (error) {
                list.error.value = error instanceof ApiError ? error : new ApiError(0, null);
                if (list.error.value.status === 0 || list.error.value.status >= 500) setTimeout(list.refresh, 5000);
            }
            list.loading.value = false;
            if (again) setTimeout(list.refresh, PAUSE);
        },
        apply() {
            batch(() => {
                list.rows.value = latest;
                list.next.value = latestNext;
                list.fresh.value = 0;
                list.gone.value = new Set();
            });
        },
        async more() {
            if (!list.next.value || list.loading.value) return;
            list.loading.value = true;
            try {
                const page = await get(`${path}${sign}limit=${PAGE}&after=${encodeURIComponent(list.next.value)}`);
                const known = new Set(list.rows.value.map((row) => row.id));
                list.rows.value = [...list.rows.value, ...page.items.map(named).filter((/** @type {T} */ r) => !known.has(r.id))];
                list.next.value = page.next;
                list.error.value = null;
            } catch (error) {
                list.error.value = error instanceof ApiError ? error : new ApiError(0, null);
            }
            list.loading.value = false;
        },
        drop(id) {
            list.rows.value = list.rows.value.filter((row) => row.id !== id);
            latest = latest.filter((row) => row.id !== id);
        },
    };
    /** @param {T[]} items @param {string | null} next */
    function take(items, next) {
        latest = items.map(named);
        latestNext = next;
        batch(() => {
            if (!list.rows.value.length) {
                list.apply();
            } else {
                const merged = merge(list.rows.value, latest, !next, newestFirst);
                list.rows.value = merged.rows;
                list.gone.value = merged.gone;
                list.fresh.value = merged.fresh;
                if (list.rows.value.length <= items.length) list.next.value = next;
            }
            list.ready.value = true;
        });
    }
    return list;
}

/**
 * @template {{id: string}} T
 * @param {string} path
 * @param {string[]} topics
 * @param {boolean} [newestFirst]
 * @returns {List<T>}
 */
export function useList(path, topics, newestFirst = false) {
    const list = useMemo(() => /** @type {List<T>} */ (makeList(path, newestFirst)), [path]);
    useEffect(() => {
        if (!path) return;
        let due = 0, last = -PAUSE;
        /* At once, but no more often than every PAUSE. */
        const later = () => {
            if (due) return;
            due = setTimeout(() => {
                due = 0;
                last = performance.now();
                list.refresh();
            }, Math.max(0, last + PAUSE - performance.now()));
        };
        list.refresh();
        const stop = watch((what) => (!what || concerns(what, topics)) && later());
        return () => {
            stop();
            clearTimeout(due);
        };
    }, [list]);
    return list;
}
