/* How numbers, times, languages and states read on the screen. Pure functions. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const exactly = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const figures = new Intl.NumberFormat("en");

/** @param {number} n */
export const number = (n) => figures.format(n);

/** "1 person", "312 people". @param {number} n @param {string} one @param {string} [many] */
export const some = (n, one, many = one + "s") => `${number(n)} ${n === 1 ? one : many}`;
/** @param {number} n */
export const people = (n) => some(n, "person", "people");

/** @param {string | number} at */
export const exact = (at) => exactly.format(new Date(at));
/** @param {string | number} at */
export const seconds = (at) => clockSeconds.format(new Date(at));

/** "14:02", "yesterday 14:02", "12 Nov". @param {string | number} at @param {number} now @param {boolean} [brief] */
export function moment(at, now, brief) {
    const then = new Date(at);
    const midnight = new Date(now).setHours(0, 0, 0, 0);
    if (+then >= midnight && +then < midnight + 86400000) return clock.format(then);
    if (+then >= midnight - 86400000 && +then < midnight) return brief ? "yesterday" : `yesterday ${clock.format(then)}`;
    return day.format(then);
}

/** "4 s", "21 min", "3 h 10 min", "2 days". @param {number} ms */
export function span(ms) {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 60) return `${s} s`;
    const min = Math.floor(s / 60);
    if (min < 60) return `${min} min`;
    const h = Math.floor(min / 60);
    if (h < 24) return min % 60 ? `${h} h ${min % 60} min` : `${h} h`;
    return some(Math.floor(h / 24), "day");
}

/** @param {number} bytes */
export function size(bytes) {
    if (bytes < 1000) return `${bytes} bytes`;
    if (bytes < 1e6) return `${Math.round(bytes / 1000)} kB`;
    return `${(bytes / 1e6).toFixed(1)} MB`;
}

/* not every browser knows Luxembourgish by its own name */
/** @type {Record<string, string>} */
const OWN = { de: "Deutsch", en: "English", fr: "Français", lb: "Lëtzebuergesch" };

/** The language's own name for itself: "Deutsch", "Lëtzebuergesch". @param {string | null} code */
export function language(code) {
    if (!code || code === "-") return "unknown language";
    if (OWN[code]) return OWN[code];
    try {
        const name = new Intl.DisplayNames([code], { type: "language" }).of(code) || code;
        return name[0].toLocaleUpperCase() + name.slice(1);
    } catch {
        return code;
    }
}
/** The same in the language of the screen: "German". @param {string | null} code */
export function languageHere(code) {
    if (!code || code === "-") return "no known language";
    try {
        return new Intl.DisplayNames(["en"], { type: "language" }).of(code) || code;
    } catch {
        return code;
    }
}
export const LANGUAGES = [
    "de", "en", "fr", "lb", "bg", "cs", "da", "el", "es", "et", "fi", "ga", "hr", "hu", "is", "it", "lt", "lv", "mt",
    "nl", "no", "pl", "pt", "ro", "sk", "sl", "sv", "tr", "uk",
];
/** The given languages in our order, once each. @param {string[]} codes */
export const inOrder = (codes) => {
    /** @param {string} code */
    const place = (code) => (LANGUAGES.indexOf(code) + 1 || 99);
    return [...new Set(codes)].filter((c) => c && c !== "-").sort((a, b) => place(a) - place(b));
};

/** @type {Record<string, string>} */
const KINDS = {
    x: "X", email: "E-mail", mastodon: "Mastodon", bluesky: "Bluesky", facebook: "Facebook", instagram: "Instagram",
    reddit: "Reddit", telegram: "Telegram", slack: "Slack", sms: "SMS", whatsapp: "WhatsApp", statuspage: "Status page",
    replay: "Replay", mail: "E-mail",
};
/** @param {{kind: string, name?: string} | null} channel */
export const kind = (channel) => (channel ? KINDS[channel.kind] || channel.kind : "no channel");
/** A mail is private by nature, so that need not be said. @param {{kind: string}} channel */
export const isMail = (channel) => channel.kind === "mail" || channel.kind === "email";
/** Direct is for one person's eyes; public is not. @param {string} visibility */
export const visibility = (visibility) => (visibility === "direct" || visibility === "private" ? "private" : "public");

export const PHASES = /** @type {const} */ (["suspected", "investigating", "identified", "monitoring", "resolved"]);
/** @type {Record<string, string>} */
export const TONES = {
    suspected: "amber", investigating: "blue", identified: "blue", monitoring: "green", resolved: "green", dismissed: "soft",
    sent: "green", queued: "soft", sending: "blue", failed: "red", skipped: "soft", unknown: "amber",
    ok: "green", waiting: "soft", failing: "amber", stopped: "red", paused: "soft",
    pending: "amber", done: "green",
};

/** @type {Record<string, string>} */
export const VIEWS = {
    waiting: "Waiting", mine: "Mine", parked: "Parked", done: "Done", failed: "Failed sends", other: "Praise and other",
    all: "All conversations",
};

/** The text as people will read it. @param {string} text @param {Record<string, string>} fields */
export const filled = (text, fields) => fieldsIn(text).map((p) => (p.field && fields[p.field]) || p.text).join("");

/** What happened to an incident, as a sentence. @param {{kind: string, text: string}} event */
export function happened({ kind, text }) {
    if (kind === "suspected") return "Suspected by Breakwater";
    if (kind === "opened") return "Opened by hand";
    if (kind === "phase") return `Moved to ${text}`;
    if (kind === "title") return `Renamed to “${text}”`;
    if (kind === "update") return `Status message to ${text}`;
    if (kind === "merged") return "Merged with another incident";
    if (kind === "dismissed") return "Dismissed";
    return text ? `${kind}: ${text}` : kind;
}
/** The same on the chart, in a word or two; null where it says nothing about the curve.
 * @param {{kind: string, text: string}} event */
export function marked({ kind, text }) {
    if (kind === "title") return null;
    if (kind === "phase") return text;
    if (kind === "update") return `told ${text}`;
    if (kind === "opened") return text.length > 24 ? `${text.slice(0, 22)}…` : text || "opened";
    return kind;
}

/** Who wrote: their name, else their handle. @param {{name: string | null, handle?: string | null}} who */
export const author = (who) => who.name || who.handle || "no name";

/** Text cut into plain parts and {fields}. @param {string} text @returns {{text: string, field: string | null}[]} */
export function fieldsIn(text) {
    return text
        .split(/(\{[a-z_]+\})/)
        .filter(Boolean)
        .map((part) => ({ text: part, field: /^\{[a-z_]+\}$/.test(part) ? part.slice(1, -1) : null }));
}
