/* Made-up people and incidents for fake-api.mjs, in the shapes of docs/api.md. */
const MIN = 60_000;
export const iso = (ms) => new Date(ms).toISOString();

export const CHANNELS = [
    { id: "1", kind: "x", name: "@hafenladen", limit: 280, unit: "characters" },
    { id: "2", kind: "email", name: "hilfe@hafenladen.example", limit: null, unit: "characters" },
    { id: "3", kind: "mastodon", name: "@hafenladen@social.example", limit: 500, unit: "characters" },
    { id: "4", kind: "bluesky", name: "hafenladen.example", limit: 300, unit: "graphemes" },
    { id: "5", kind: "facebook", name: "Hafenladen", limit: 8000, unit: "characters" },
];
export const ref = (id) => (({ id, kind, name }) => ({ id, kind, name }))(CHANNELS.find((c) => c.id === id));

/* name, language, text, confidence, channel; the last one tries to break out of the page */
export const PEOPLE = [
    ["@karo", "de", "Meine Karte wird seit einer Stunde abgelehnt, bin ich die einzige?", 0.94, "1"],
    ["Paul R.", "en", "payment keeps failing at the last step, tried two cards", 0.91, "2"],
    ["@zoe_l", "lb", "d'Bezuele geet net, ëmmer Feeler 51", 0.83, "3"],
    ["@minou", "fr", "impossible de payer par carte, erreur 51 depuis ce matin", 0.89, "4"],
    ["@<b>mallory</b>", "en", "<script>alert(1)</script><img src=x onerror=alert(2)> card declined {workaround}", 0.71, "1"],
];

/** Complaints per step on a day with a wave at its end, the same each time. */
export function wave(steps, start, top) {
    let seed = 7;
    const random = () => ((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648);
    return Array.from({ length: steps }, (_, i) => {
        const base = 3 + 5 * Math.sin((i / steps) * Math.PI) + random() * 4;
        const extra = i < start ? 0 : top * Math.min(1, (i - start + 1) / 8) * (0.85 + random() * 0.3);
        return { all: Math.round(base + extra), mine: Math.round(extra) };
    });
}

export function makeConversation(now, id, name, channel, text, lang, min, subject = null) {
    const handle = name.startsWith("@") ? name : null, c = ref(channel), at = iso(now - min * MIN);
    const rule = CHANNELS.find((x) => x.id === channel);
    return {
        id, state: "waiting", triage: "question", name: handle ? null : name,
        handle: handle || `${name.toLowerCase().replace(/\W+/g, ".")}@mail.example`, channel: c,
        visibility: c.kind === "email" ? "direct" : "public", subject, text, lang, waiting_since: at, last_at: at,
        messages: 1, incident: null, claimed: null, version: 4,
        person: { id, name: handle ? null : name, authors: [{ network: c.kind, handle, name }] },
        history: [{ id: `${id}1`, inbound: true, author: name, text, subject, at, received_at: at,
            permalink: c.kind === "email" ? null : "https://social.example/@x/1", visibility: c.kind === "email" ? "direct" : "public", lang, complaint: 0.2 }],
        limit: { kind: rule.kind, limit: rule.limit, unit: rule.unit }, can_reply: true, draft: null, pending: [],
    };
}

function makeIncident(now, id, title, phase, people, told, since, samples, terms, langs) {
    return {
        id, title, phase, people, told, waiting: people - told, messages: Math.round(people * 1.16), new_since_told: 0,
        since: iso(now - since), last_at: iso(now - 20_000), langs, samples, terms, version: 3, opened_by: "core",
        spark: [1, 2, 1, 2, 1, 3, 2, 5, 9, 14, 20, 26], oldest_waiting_at: people - told ? iso(now - 21 * MIN) : null,
        now: { per_5min: 45, normal: 6, normal_for: "Sunday 14:00" },
        clusters: [
            { id: "12", people: Math.ceil(people * 0.7), since: iso(now - since), terms: terms.slice(0, 2) },
            { id: "13", people: Math.floor(people * 0.3), since: iso(now - since + 4 * MIN), terms: terms.slice(1, 3) },
        ],
        sample_messages: PEOPLE.map(([author, lang, text, confidence], i) => ({
            message: `9${id}${i}`, conversation: `${id}${i}`, person: `${id}${i}`, author, text, lang, confidence, at: iso(now - 10 * MIN), permalink: null,
        })),
        drafts: {}, draft_saved_at: null, fields: { workaround: "", next_update: "", status_url: "" },
        timeline: [{ at: iso(now - since), kind: "suspected", who: null, text: title }], updates: [],
    };
}

export function makeState(now = Date.now()) {
    const state = {
        now, undoMs: 30_000, perTick: 20, signedIn: true, first: false, roles: ["admin"], build: "1", down: false, broken: false,
        users: [{ email: "ada@hafenladen.example", password: "correct horse", id: "1", name: "Ada Berg", initials: "AB" }],
        spike: { since: iso(now - 21 * MIN), people: 45, normal: 6 }, unsorted: 0,
        incidents: [
            makeIncident(now, "7", "Card payments fail", "suspected", 312, 0, 21 * MIN, ["Karte wird abgelehnt", "payment keeps failing"],
                ["karte", "abgelehnt", "zahlung = payment", "“Fehler 51”"], ["de", "en", "fr", "lb"]),
            makeIncident(now, "8", "Log-in loops back to the form", "investigating", 148, 131, 63 * MIN, ["login springt zurück"],
                ["login", "formular", "schleife"], ["de", "en"]),
            makeIncident(now, "9", "Parcels late in Trier", "monitoring", 41, 41, 26 * 60 * MIN, ["Paket seit Tagen nicht da"],
                ["paket", "trier", "verspätung"], ["de"]),
        ],
        conversations: [], deliveries: [], updates: {}, tokens: new Map(),
        quarantine: [
            { id: "1", channel: ref("2"), reason: "The message ends in the middle of a part", size: 18231, at: iso(now - 50 * MIN), external_id: "<a1@mail.example>", attempts: 1 },
            { id: "2", channel: ref("2"), reason: "Larger than 25 MB", size: 31457280, at: iso(now - 120 * MIN), external_id: "<a2@mail.example>", attempts: 1 },
        ],
    };
    Object.assign(state.incidents[1], {
        new_since_told: 17,
        updates: [{
            id: "2", at: iso(now - 30 * MIN), by: "AB", recipients: 136, state: "done", send_at: iso(now - 29.5 * MIN), sent: 131, queued: 0, failed: 2, skipped: 2, unknown: 1,
            texts: {
                de: "Die Anmeldung springt zurzeit zum Formular zurück. Wir arbeiten daran; nächster Stand um 15:00. ^Team",
                en: "Signing in loops back to the form at the moment. We are on it; next word at 15:00. ^Team",
            },
        }],
    });
    for (const [id, name, channel, text, lang, min, subject] of [
        ["55", "Jana N.", "2", "Bestellung 4711: doppelt abgebucht, bitte prüfen", "de", 35, "Doppelte Abbuchung"],
        ["56", "@leo_m", "1", "Can you ship to Malta?", "en", 31],
        ["57", "Marc W.", "2", "Sie wollten mich vor 16:00 zurückrufen", "de", 28, "Re: Rückruf"],
        ["58", "@<i>eve</i>", "3", "<img src=x onerror=\"document.title='owned'\"> is my order <b>lost</b>?", "en", 25],
        ["59", "@claire", "4", "Bonjour, où en est ma commande ?", "fr", 22],
        ["60", "Tom B.", "5", "wéi laang hutt dir haut op?", "lb", 19],
    ]) state.conversations.push(makeConversation(now, id, name, channel, text, lang, min, subject));
    for (const incident of state.incidents.slice(0, 2)) {
        PEOPLE.forEach(([author, lang, text, , channel], i) => {
            const c = makeConversation(now, `${incident.id}${i}`, author, channel, text, lang, 10);
            c.incident = { id: incident.id, title: incident.title };
            state.conversations.push(c);
        });
    }
    [["failed", "the mailbox is full"], ["failed", "the person blocks us"], ["unknown", "no answer within 30 s"],
        ["skipped", "answered by hand in the last 15 minutes"], ["skipped", "automatic mail"], ["sent", null]].forEach(([s, reason], i) =>
        state.deliveries.push({
            id: `d${i}`, update: "2", state: s, reason, person: `8${i}`, name: PEOPLE[i % 5][0], channel: ref(PEOPLE[i % 5][4]), visibility: "public",
            body: "Die Anmeldung springt zurzeit zum Formular zurück.", lang: "de", sent_at: s === "sent" ? iso(now - 29 * MIN) : null,
            permalink: null, conversation: `8${i % 5}`, attempts: s === "skipped" ? 0 : 1, send_at: null,
        }));
    return state;
}
