/* What the page knows: where it stands, who looks, what was read from the server and how fresh that
 * is. Views read these signals and draw; everything that is fetched and watched goes through here. */
import { signal, computed, batch, useMemo, useEffect } from "./lib.js";
import { get, ApiError, onApiError, setCsrf } from "./api.js";

/** @typedef {import("./types.d.ts").Route} Route */
/** @typedef {import("./types.d.ts").Session} Session */
/** @typedef {import("./types.d.ts").Overview} Overview */

/* ---- where we stand: the path is the only memory of it ---- */

const LISTS = ["waiting", "mine", "parked", "done", "failed", "other", "all"];

/** @param {URL} url @returns {Route} */
export function readRoute(url) {
    const parts = url.pathname.split("/").filter(Boolean).map(decodeURIComponent);
    /** @type {Route} */
    const route = { page: "lost", brand: parts[1] || "", id: "", view: "", query: url.searchParams };
    if (!parts.length) route.page = "home";
    else if (parts[0] === "sign-in" || parts[0] === "first") route.page = parts[0];
    else if (parts[0] === "b" && parts[1]) {
        const [, , what, id, more] = parts;
        if (!what || (what === "incidents" && !id)) route.page = "inbox";
        else if (what === "views") Object.assign(route, { page: "inbox", view: "views" });
        else if (what === "incidents" && more === "people") Object.assign(route, { page: "people", id });
        else if (what === "incidents" && !more) Object.assign(route, { page: "incident", id });
        else if (what === "c" && id) Object.assign(route, { page: "conversation", id });
        else if (LISTS.includes(what) && !id) Object.assign(route, { page: "list", view: what });
        else if (["deliveries", "channels", "quarantine", "volume"].includes(what) && !id) {
            route.page = /** @type {Route["page"]} */ (what);
        }
    }
    return route;
}

export const route = signal(readRoute(new URL(location.href)));
/** The list beside the thing in front of me; it stays when something of it is opened. */
export const beside = signal(listOf(route.value, history.state));
let steps = 0; /* pages of ours behind this one, so that "back" never leaves the inbox */

/** @param {Route} here @param {any} state */
function listOf(here, state) {
    if (here.page === "list") return here.view;
    if (here.page === "inbox") return here.query.get("state") === "over" ? "over" : "inbox";
    return (state && state.beside) || "inbox";
}

function arrive() {
    batch(() => {
        route.value = readRoute(new URL(location.href));
        beside.value = listOf(route.value, history.state);
    });
}

/* The column one reads in; going back finds it where it was. */
const reading = () => document.getElementById("detail");

/** @param {string} path @param {{replace?: boolean}} [options] */
export function go(path, options = {}) {
    if (!options.replace) history.replaceState({ ...history.state, scroll: reading()?.scrollTop }, "");
    const state = { beside: beside.value, steps: options.replace ? steps : steps + 1 };
    if (options.replace) history.replaceState(state, "", path);
    else history.pushState(state, "", path);
    steps = state.steps;
    arrive();
    if (!options.replace) setTimeout(() => reading()?.scrollTo(0, 0));
}

/** The place before this one, or `otherwise` when the inbox was entered here. @param {string} otherwise */
export function back(otherwise) {
    if (steps > 0) history.back();
    else go(otherwise, { replace: true });
}

addEventListener("popstate", (event) => {
    steps = (event.state && event.state.steps) || 0;
    const scroll = (event.state && event.state.scroll) || 0;
    arrive();
    setTimeout(() => reading()?.scrollTo(0, scroll), 50);
});
steps = (history.state && history.state.steps) || 0;

/** A path of this brand. @param {string} rest */
export const here = (rest = "") => `/b/${encodeURIComponent(route.value.brand)}${rest && "/" + rest}`;
/** The same in the API. @param {string} rest */
export const api = (rest) => `/api/b/${encodeURIComponent(route.value.brand)}/${rest}`;

/* ---- who looks ---- */

export const session = signal(/** @type {Session | null | undefined} */ (undefined));
/** True while no user exists at all: the first admin's one-time link is what is needed. */
export const first = signal(false);

/** @param {Session | null} value */
export function setSession(value) {
    setCsrf(value ? value.csrf : "");
    session.value = value;
}

export const brand = computed(() => {
    const who = /** @type {Session | null | undefined} */ (session.value);
    return who?.brands.find((b) => b.slug === route.value.brand) || null;
});

/* who may what; the server has the last word */
const RIGHTS = /** @type {const} */ ({
    reply: ["agent", "comms", "supervisor"],
    sort: ["agent", "comms", "supervisor", "ops"],
    lead: ["comms", "supervisor", "ops"],
    send: ["comms"],
});

/** Lead: phases, title, merging of an incident. @param {keyof typeof RIGHTS} act */
export function may(act) {
    const roles = brand.value?.roles || [];
    return roles.some((role) => role === "admin" || /** @type {readonly string[]} */ (RIGHTS[act]).includes(role));
}

/* ---- time: one clock for everything that counts ---- */

export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

/* ---- is what I see true? ---- */

/** Since when the server is out of reach, or null. */
export const lostSince = signal(/** @type {number | null} */ (null));
/** The program was replaced under this page. */
export const outdated = signal(false);

onApiError((error) => {
    if (error.status === 401 && session.value) setSession(null);
    if (error.status === 0 && lostSince.value === null) lostSince.value = Date.now();
});

/* ---- what was read ---- */

/** @template T @typedef {import("./types.d.ts").Resource<T>} Resource */
/** @type {Map<string, Resource<any>>} */
const resources = new Map();
const KEPT = 60; /* answers kept for going back to; the oldest unused one goes first */
const PAUSE = 700; /* ms between two readings of the same thing, however fast it changes */

/** @template T @param {string} path @param {string[]} topics @param {number} pause @returns {Resource<T>} */
function resource(path, topics, pause) {
    let found = resources.get(path);
    if (found) {
        resources.delete(path);
    } else {
        found = {
            path,
            topics,
            pause,
            due: 0,
            data: signal(null),
            error: signal(null),
            loading: signal(false),
            users: 0,
            again: true,
        };
    }
    resources.set(path, found);
    for (const [key, old] of resources) {
        if (resources.size <= KEPT) break;
        if (!old.users) resources.delete(key);
    }
    return found;
}

/** Reads it again; once more afterwards when it was asked for meanwhile. @param {Resource<any>} res */
export async function reload(res) {
    if (res.loading.value) {
        res.again = true;
        return;
    }
    res.again = false;
    res.loading.value = true;
    try {
        const data = await get(res.path);
        batch(() => {
            res.data.value = data;
            res.error.value = null;
        });
    } catch (error) {
        res.error.value = error instanceof ApiError ? error : new ApiError(0, null);
        if (res.error.value.status === 0 || res.error.value.status >= 500) setTimeout(() => touch(res), 5000);
    }
    res.loading.value = false;
    res.due = Date.now() + res.pause;
    if (res.again && res.users) setTimeout(() => res.users && reload(res), res.pause);
}

/** @param {Resource<any>} res */
function touch(res) {
    const wait = res.due - Date.now();
    if (!res.users || res.again) res.again = true;
    else if (wait <= 0) reload(res);
    else {
        res.again = true;
        setTimeout(() => res.users && res.again && reload(res), wait);
    }
}

/**
 * What the server says at `path`, read when first needed and again when one of `topics` changes
 * ("incident:7", or "incident:*" for any), at most every `pause` ms. Empty path: nothing.
 * @template T @param {string} path @param {string[]} topics @param {number} [pause] @returns {Resource<T>}
 */
export function useResource(path, topics, pause = PAUSE) {
    const res = useMemo(() => /** @type {Resource<T>} */ (resource(path, topics, pause)), [path]);
    useEffect(() => {
        if (!path) return;
        res.users++;
        if (res.again) reload(res);
        return () => {
            res.users--;
        };
    }, [res]);
    return res;
}

/** @param {string[]} what @param {string[]} topics */
export const concerns = (what, topics) =>
    topics.some((topic) =>
        topic.endsWith("*") ? what.some((w) => w.startsWith(topic.slice(0, -1))) : what.includes(topic),
    );

/** @type {Set<(what: string[]) => void>} */
const watchers = new Set();
/** Calls back on every change the server tells of; null after a break: anything may have changed.
 * @param {(what: string[] | null) => void} callback */
export function watch(callback) {
    watchers.add(callback);
    return () => void watchers.delete(callback);
}

/** What I changed myself is read again at once; what others change, in its own time.
 * @param {string[] | null} what null: anything @param {boolean} [mine] */
export function changed(what, mine = true) {
    for (const res of resources.values()) {
        if (!res.path || (what && !concerns(what, res.topics))) continue;
        if (mine && res.users) reload(res);
        else touch(res);
    }
    for (const watcher of watchers) /** @type {(w: string[] | null) => void} */ (watcher)(what);
}

/* ---- events ---- */

/** @type {EventSource | null} */
let source = null;
let listening = "";
let build = "";
let retry = 0;

/** Listens to the events of a brand; "" stops. @param {string} slug */
export function listen(slug) {
    if (slug === listening && source) return;
    listening = slug;
    source?.close();
    source = null;
    if (!slug) return;
    const mine = new EventSource(`/api/b/${encodeURIComponent(slug)}/events`);
    source = mine;
    mine.addEventListener("hello", (event) => {
        const data = JSON.parse(event.data || "{}");
        if (build && data.build && data.build !== build) outdated.value = true;
        build = data.build || build;
        retry = 0;
        if (lostSince.value !== null) {
            lostSince.value = null;
            changed(null);
        }
    });
    mine.addEventListener("changed", (event) => {
        const what = JSON.parse(event.data).what || [];
        changed(what.includes("all") ? null : what, false);
    });
    mine.onerror = () => {
        if (source !== mine) return;
        if (lostSince.value === null) lostSince.value = Date.now();
        if (mine.readyState !== EventSource.CLOSED) return;
        source = null;
        setTimeout(() => listening === slug && !source && listen(slug), Math.min(15000, 1000 * 2 ** retry++));
    };
}

export const overview = signal(/** @type {Resource<Overview> | null} */ (null));
/** A count of the views column, or null while unknown. @param {string} view */
export const count = (view) => overview.value?.data.value?.views?.[view] ?? null;

/* ---- what can still be taken back ---- */

/** @typedef {{id: string, text: string, until: number, undo: () => Promise<void>}} Undoable */
export const undoables = signal(/** @type {Undoable[]} */ ([]));

/** @param {Undoable} item */
export function offerUndo(item) {
    undoables.value = [...undoables.value.filter((u) => u.id !== item.id), item];
    setTimeout(() => dropUndo(item.id), Math.max(0, item.until - Date.now()));
}
/** @param {string} id */
export function dropUndo(id) {
    undoables.value = undoables.value.filter((u) => u.id !== id);
}
/** Takes back the newest thing that still can be. */
export async function undoLast() {
    const last = undoables.value.at(-1);
    if (!last) return;
    dropUndo(last.id);
    try {
        await last.undo();
    } catch (error) {
        say(/** @type {Error} */ (error).message, "bad");
    }
}

/* ---- short notes ---- */

export const notes = signal(/** @type {{id: number, text: string, tone: string}[]} */ ([]));
let noted = 0;
/** @param {string} text @param {string} [tone] */
export function say(text, tone = "") {
    const id = ++noted;
    notes.value = [...notes.value.slice(-2), { id, text, tone }];
    setTimeout(() => (notes.value = notes.value.filter((n) => n.id !== id)), tone ? 9000 : 4500);
}

/* ---- what this browser remembers ---- */

/** @template T @param {string} key @param {T} otherwise @returns {T} */
export function remembered(key, otherwise) {
    try {
        const text = localStorage.getItem(`breakwater:${key}`);
        return text === null ? otherwise : JSON.parse(text);
    } catch {
        return otherwise;
    }
}
/** @param {string} key @param {any} value undefined forgets */
export function remember(key, value) {
    try {
        if (value === undefined) localStorage.removeItem(`breakwater:${key}`);
        else localStorage.setItem(`breakwater:${key}`, JSON.stringify(value));
    } catch {
        /* private mode or full: the server's copy has to do */
    }
}
