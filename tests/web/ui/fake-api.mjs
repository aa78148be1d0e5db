/* A server that answers as docs/api.md says, with made-up people, for the browser tests and for
 * looking at the inbox while working on it: node tests/web/ui/fake-api.mjs [PORT]. Its state is in
 * memory; a test reaches into `state` and rings the bell with `emit`. Never part of the program. */
import { createServer } from "node:http";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, dirname, extname, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { CHANNELS, PEOPLE, iso, makeState, ref, wave } from "./fake-data.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const CSP = "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const MODULES = [
    "preact/dist/preact.module.js", "preact/hooks/dist/hooks.module.js", "htm/dist/htm.module.js",
    "@preact/signals/dist/signals.module.js", "@preact/signals-core/dist/signals-core.module.js",
    "uplot/dist/uPlot.esm.js", "uplot/dist/uPlot.min.css",
];
const MIN = 60_000;

class Refused extends Error {
    constructor(status, body) {
        super(body.error);
        Object.assign(this, { status, body });
    }
}
const row = ({ person, history, limit, can_reply, draft, pending, ...rest }) => rest;
const incidentRow = ({ opened_by, now, oldest_waiting_at, terms, clusters, sample_messages, drafts, draft_saved_at, fields, timeline, updates, ...rest }) => rest;
const isOpen = (i) => !["resolved", "dismissed"].includes(i.phase);

function find(list, id) {
    const found = list.find((x) => x.id === id);
    if (!found) throw new Refused(404, { error: "There is no such thing." });
    return found;
}

function paged(items, query, key = "id") {
    const limit = Number(query.get("limit") || 50), after = query.get("after");
    const start = after ? items.findIndex((x) => x[key] === after) + 1 : 0, part = items.slice(start, start + limit);
    return { items: part, next: start + limit < items.length ? part.at(-1)[key] : null };
}

function chart(hours, withIncident) {
    const steps = Math.min(hours * 12, 2016), data = wave(steps, steps - 5, 42);
    const from = Math.floor((Date.now() - steps * 5 * MIN) / (5 * MIN)) * 5 * MIN;
    const normal = data.map((_, i) => 4 + 5 * Math.sin((i / steps) * Math.PI));
    return {
        step_s: 300, from: iso(from), all: data.map((d) => d.all), ...(withIncident && { incident: data.map((d) => d.mine) }),
        low: normal.map((v) => Math.max(0, v - 4)), mid: normal, high: normal.map((v) => v * 1.6 + 3),
        marks: withIncident ? [{ at: iso(from + (steps - 4.5) * 5 * MIN), kind: "suspected", text: "suspected" }] : [],
    };
}

function members(state, incident) {
    return Array.from({ length: incident.people }, (_, n) => {
        const [author, lang, text, , channel] = PEOPLE[n % PEOPLE.length];
        return {
            person: `${incident.id}${n}`, name: n < 5 ? author : `Person ${n}`, handle: null, channel: ref(channel), lang, messages: n % 3 ? 1 : 2,
            last_at: iso(state.now - n * 4000), text, conversation: `${incident.id}${n % 5}`, told_at: n < incident.told ? iso(state.now - 29 * MIN) : null,
        };
    });
}

function preview(incident, { texts, fallback, fields, to = "all" }) {
    if (typeof fallback !== "string") throw new Refused(400, { error: "'fallback' must be a language." });
    const n = to === "new" ? incident.waiting : incident.people, share = [0.41, 0.31, 0.13, 0.09, 0.06], longest = Math.max(0, ...Object.values(texts).map((t) => [...t].length));
    const blocked = [...new Set(Object.values(texts).flatMap((t) => t.match(/\{[a-z_]+\}/g) || []))].filter((f) => !fields?.[f.slice(1, -1)])
        .map((f) => `${f} has no value: set it on the incident before sending`);
    if (!Object.values(texts).some((t) => t.trim())) blocked.push("write a message first");
    let left = n;
    const channels = CHANNELS.map((c, k) => {
        const people = k === 4 ? left : Math.min(left, Math.round(n * share[k]));
        left -= people;
        return {
            channel: ref(c.id), visibility: c.kind === "email" ? "direct" : "public", people, longest: longest ? longest + 6 : 0, limit: c.limit, unit: c.unit,
            too_long: c.limit && longest + 6 > c.limit ? people : 0, sample: longest ? `@karo ${Object.values(texts)[0]}` : "",
            langs: { de: Math.ceil(people * 0.7), en: Math.floor(people * 0.3) },
        };
    }).filter((c) => c.people);
    const tenth = Math.floor(n * 0.1);
    const languages = incident.langs.map((lang, k) => ({ lang, people: k ? tenth : n - tenth * (incident.langs.length - 1), text: texts[lang]?.trim() ? lang : fallback }));
    return { recipients: n, as_of: iso(Date.now()), blocked, channels, skipped: [{ reason: "answered by hand in the last 15 minutes", people: 3 }], languages };
}

/** The calls below /api/b/demo/: [method, path, handler(parameters, query, body)]. */
function makeRoutes(state, emit, later) {
    const inView = (view) => (c) => !c.incident && (view === "all" || (view === "mine" ? c.claimed?.mine : view === "failed"
        ? c.pending.some((d) => d.state === "failed") : view === "other" ? false : c.state === view));
    const amount = (view) => state.conversations.filter(inView(view)).length;
    const need = (...roles) => {
        if (!state.roles.some((r) => r === "admin" || roles.includes(r))) throw new Refused(403, { error: `Only ${roles.join(" or ")} may do this.`, who: roles });
    };
    const same = (thing, version, more) => {
        if (thing.version !== version) throw new Refused(409, { error: "Somebody changed this first.", ...more });
    };
    const send = (u, i) => {
        if (u.state === "stopped") return;
        u.state = "sending";
        const n = Math.min(u.queued, state.perTick);
        u.queued -= n;
        const bad = u.queued ? 0 : Math.min(n, 4);
        u.sent += n - bad;
        u.failed += Math.min(bad, 3);
        u.unknown += Math.max(0, bad - 3);
        i.told = Math.min(i.people, i.told + n);
        i.waiting = i.people - i.told;
        if (!i.waiting) i.oldest_waiting_at = null;
        if (u.queued) later(250, () => send(u, i));
        else u.state = "done";
        emit(`update:${u.id}`, `incident:${i.id}`, "overview");
    };
    return [
        ["GET", /^overview$/, () => ({
            brand: { slug: "demo", name: "Hafenladen", demo: true },
            views: {
                waiting: amount("waiting"), mine: amount("mine"), incidents: state.incidents.filter(isOpen).length, parked: 489,
                failed: amount("failed"), other: 64, done: amount("done"), quarantine: state.quarantine.length,
            },
            unsorted: state.unsorted, spike: state.spike,
            channels: CHANNELS.map((c, i) => ({
                ...ref(c.id), address: c.name, state: i === 4 && state.broken ? "stopped" : "ok", polled_at: iso(Date.now() - 4000 - i * 900),
                error: i === 4 && state.broken ? "The token has expired: sign in to Facebook again." : null, waiting_to_send: 0,
            })),
        })],
        ["GET", /^chart$/, (_, q) => chart(Number(q.get("hours") || 24), false)],
        ["GET", /^incidents$/, (_, q) => paged(state.incidents.filter((i) => isOpen(i) === (q.get("state") !== "over")).sort((a, b) => b.people - a.people).map(incidentRow), q)],
        ["POST", /^incidents$/, (_, __, b) => {
            need("agent");
            const i = {
                ...structuredClone(state.incidents[2]), id: String(20 + state.incidents.length), title: b.title, phase: "investigating", people: 1, told: 0,
                waiting: 1, messages: 1, since: iso(Date.now()), updates: [], opened_by: "AB", version: 1,
            };
            state.incidents.push(i);
            find(state.conversations, b.conversations[0]).incident = { id: i.id, title: i.title };
            emit("overview", `incident:${i.id}`);
            return [201, i];
        }],
        ["GET", /^incidents\/(\w+)$/, ([id]) => find(state.incidents, id)],
        ["GET", /^incidents\/(\w+)\/chart$/, ([id], q) => (find(state.incidents, id), chart(Number(q.get("hours") || 6), true))],
        ["GET", /^incidents\/(\w+)\/members$/, ([id], q) => {
            const who = q.get("state") || "all";
            return paged(members(state, find(state.incidents, id)).filter((m) => who === "all" || (who === "told") === !!m.told_at), q, "person");
        }],
        ["POST", /^incidents\/(\w+)\/members$/, ([id], _, b) => {
            const i = find(state.incidents, id), c = find(state.conversations, b.conversation);
            c.incident = { id, title: i.title };
            c.version++;
            i.people++;
            i.waiting++;
            emit("overview", `incident:${id}`, `conversation:${c.id}`);
            return [201, i];
        }],
        ["DELETE", /^incidents\/(\w+)\/members\/(\w+)$/, ([id, person]) => {
            need("agent");
            const i = find(state.incidents, id);
            i.people--;
            i.waiting--;
            i.sample_messages = i.sample_messages.filter((s) => s.person !== person);
            emit("overview", `incident:${id}`);
            return [204];
        }],
        ["PATCH", /^incidents\/(\w+)$/, ([id], _, b) => {
            need("comms", "supervisor", "ops");
            const i = find(state.incidents, id);
            same(i, b.version, { incident: i });
            if (b.phase) i.phase = b.phase;
            if (b.title) i.title = b.title;
            i.version++;
            i.timeline.push({ at: iso(Date.now()), kind: b.phase ? "phase" : "title", who: "AB", text: b.phase || b.title });
            emit("overview", `incident:${id}`);
            return i;
        }],
        ["PUT", /^incidents\/(\w+)\/drafts$/, ([id], _, b) => {
            const i = find(state.incidents, id);
            Object.assign(i, { drafts: b.drafts, fields: b.fields, draft_saved_at: iso(Date.now()) });
            emit(`incident:${id}`);
            return { draft_saved_at: i.draft_saved_at };
        }],
        ["POST", /^incidents\/(\w+)\/merge$/, ([id], _, b) => {
            const i = find(state.incidents, id), into = find(state.incidents, b.into);
            same(i, b.version);
            state.incidents.splice(state.incidents.indexOf(i), 1);
            into.people += i.people;
            into.waiting += i.waiting;
            emit("overview", `incident:${id}`, `incident:${b.into}`);
            return into;
        }],
        ["POST", /^incidents\/(\w+)\/preview$/, ([id], _, b) => preview(find(state.incidents, id), b)],
        ["POST", /^incidents\/(\w+)\/updates$/, ([id], _, b) => {
            need("comms");
            if (state.tokens.has(b.token)) return [201, state.tokens.get(b.token)];
            const i = find(state.incidents, id), now = preview(i, b);
            if (now.blocked.length) throw new Refused(400, { error: now.blocked[0] });
            if (now.recipients !== b.expect) throw new Refused(409, { error: "The number of people changed. Nothing was sent.", preview: now });
            const u = {
                id: String(10 + Object.keys(state.updates).length), incident: id, at: iso(Date.now()), by: "AB", texts: b.texts, fields: b.fields, recipients: now.recipients,
                state: "pending", send_at: iso(Date.now() + state.undoMs), sent: 0, queued: now.recipients, failed: 0, skipped: 0, unknown: 0,
            };
            state.updates[u.id] = u;
            i.updates.push(u);
            state.tokens.set(b.token, u);
            later(state.undoMs, () => u.state === "pending" && send(u, i));
            emit(`incident:${id}`, "overview");
            return [201, u];
        }],
        ["GET", /^updates\/(\w+)$/, ([id]) => state.updates[id] || find(state.incidents.flatMap((i) => i.updates), id)],
        ["POST", /^updates\/(\w+)\/(stop|undo)$/, ([id, what]) => {
            const u = state.updates[id];
            if (what === "undo" && u.state !== "pending") throw new Refused(409, { error: "It is on its way." });
            Object.assign(u, { state: "stopped", skipped: u.skipped + u.queued, queued: 0 });
            emit(`update:${id}`, `incident:${u.incident}`);
            return u;
        }],
        ["GET", /^deliveries$/, (_, q) => {
            const states = (q.get("state") || "").split(",").filter(Boolean);
            return paged(state.deliveries.filter((d) => (!q.get("update") || d.update === q.get("update")) && (!states.length || states.includes(d.state))), q);
        }],
        ["POST", /^deliveries\/(\w+)\/(resolve|undo)$/, ([id, what], _, b) => {
            const d = find(state.deliveries, id), c = state.conversations.find((x) => x.id === d.conversation);
            if (what === "undo" && (d.state !== "queued" || Date.now() > +new Date(d.send_at))) throw new Refused(409, { error: "Too late: it is on its way." });
            d.state = what === "undo" ? "skipped" : b.as === "again" ? "queued" : b.as;
            if (what === "undo" && c) Object.assign(c, { state: "waiting", pending: c.pending.filter((p) => p !== d) });
            emit("overview", `conversation:${d.conversation}`);
            return d;
        }],
        ["GET", /^conversations$/, (_, q) => paged(state.conversations.filter(inView(q.get("view") || "all")).map(row), q)],
        ["GET", /^conversations\/(\w+)$/, ([id]) => find(state.conversations, id)],
        ["PATCH", /^conversations\/(\w+)$/, ([id], _, b) => {
            need("agent");
            const c = find(state.conversations, id);
            same(c, b.version, { conversation: c });
            if (b.state) c.state = b.state;
            if (b.triage) c.triage = b.triage;
            if (b.incident === null) c.incident = null;
            c.version++;
            emit("overview", `conversation:${id}`);
            return c;
        }],
        ["POST", /^conversations\/(\w+)\/reply$/, ([id], _, b) => {
            need("agent");
            if (state.tokens.has(b.token)) return [201, state.tokens.get(b.token)];
            const c = find(state.conversations, id);
            if (b.seen !== c.history.at(-1).id) throw new Refused(409, { error: "Something newer came in while you wrote. Nothing was sent.", conversation: c });
            const d = {
                id: `r${state.deliveries.length + 1}`, state: "queued", reason: null, person: c.person.id, name: c.name, channel: c.channel, visibility: c.visibility,
                body: b.text, lang: c.lang, send_at: iso(Date.now() + 10_000), sent_at: null, permalink: null, conversation: c.id, attempts: 0,
            };
            state.deliveries.unshift(d);
            c.pending.push(d);
            c.draft = null;
            if (b.done) c.state = "done";
            c.version++;
            state.tokens.set(b.token, d);
            emit("overview", `conversation:${id}`);
            return [201, d];
        }],
        ["POST", /^conversations\/(\w+)\/count$/, ([id], _, b) => {
            const c = find(state.conversations, id);
            return { length: [...b.text].length, limit: c.limit.limit, unit: c.limit.unit };
        }],
        ["POST", /^conversations\/(\w+)\/claim$/, ([id]) => {
            need("agent");
            const c = find(state.conversations, id);
            if (c.claimed && !c.claimed.mine) throw new Refused(409, { error: `${c.claimed.user} has it.` });
            c.claimed = { user: "AB", mine: true, until: iso(Date.now() + 10 * MIN) };
            emit("overview", `conversation:${id}`);
            return c;
        }],
        ["DELETE", /^conversations\/(\w+)\/claim$/, ([id]) => {
            find(state.conversations, id).claimed = null;
            emit("overview", `conversation:${id}`);
            return [204];
        }],
        ["PUT", /^conversations\/(\w+)\/draft$/, ([id], _, b) => {
            find(state.conversations, id).draft = b.text;
            return [204];
        }],
        ["GET", /^quarantine$/, (_, q) => paged(state.quarantine, q)],
        ["POST", /^quarantine\/(\w+)\/dismiss$/, ([id]) => {
            const q = find(state.quarantine, id);
            state.quarantine.splice(state.quarantine.indexOf(q), 1);
            return q;
        }],
    ];
}

/** Signing in and out. */
function account(state, method, path, body) {
    const session = {
        user: (({ id, name, email, initials }) => ({ id, name, email, initials }))(state.users[0]), csrf: "csrf-1",
        brands: [{ slug: "demo", name: "Hafenladen", demo: true, roles: state.roles }],
    };
    if (path === "/api/first-admin") {
        if (body.token !== "good-token") return [403, { error: "This link was used or has expired. Start Breakwater again for a new one." }];
        Object.assign(state, { first: false, signedIn: true });
        return [200, session];
    }
    if (method === "DELETE") {
        state.signedIn = false;
        return [204];
    }
    if (method === "POST") {
        if (body.email !== state.users[0].email || body.password !== state.users[0].password) return [401, { error: "This e-mail and password do not fit together." }];
        state.signedIn = true;
    }
    return state.signedIn ? [200, session] : [401, { error: "Sign in.", first: state.first }];
}

export async function startFake({ port = 0, state = makeState() } = {}) {
    const lib = mkdtempSync(join(tmpdir(), "breakwater-ui-"));
    execFileSync(join(ROOT, "tools/ui-lib.sh"), [lib, ...MODULES], { cwd: ROOT });
    const listeners = new Set(), timers = new Set(), calls = [];
    const emit = (...what) => listeners.forEach((r) => r.write(`event: changed\ndata: ${JSON.stringify({ what })}\n\n`));
    const later = (ms, fn) => {
        const timer = setTimeout(() => {
            timers.delete(timer);
            fn();
        }, ms);
        timers.add(timer);
    };
    const routes = makeRoutes(state, emit, later);

    function serveFile(path, response) {
        const file = path.startsWith("/lib/") ? join(lib, path.slice(5)) : join(ROOT, "web/ui", normalize(path));
        const isFile = extname(path) && statSync(file, { throwIfNoEntry: false })?.isFile();
        if (!isFile && extname(path)) return response.writeHead(404).end();
        const name = isFile ? file : join(ROOT, "web/ui/index.html");
        response.writeHead(200, { "Content-Type": TYPES[extname(name)], "Content-Security-Policy": CSP, "Cache-Control": "no-cache" });
        response.end(readFileSync(name));
    }

    async function answer(request, response) {
        const url = new URL(request.url, "http://x"), path = url.pathname, method = request.method;
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : {};
        const json = (status, data) => {
            response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
            response.end(status === 204 ? "" : JSON.stringify(data));
        };
        if (!path.startsWith("/api/")) return serveFile(path, response);
        calls.push({ method, path, body });
        if (state.down) return json(503, { error: "The database is away. Nothing is lost; try again in a moment." });
        if (path === "/api/first-admin" || path === "/api/session") return json(...account(state, method, path, body));
        if (!state.signedIn) return json(401, { error: "Sign in." });
        if (method !== "GET" && request.headers["x-csrf-token"] !== "csrf-1") return json(403, { error: "The page is too old: reload it." });
        const rest = path.match(/^\/api\/b\/demo\/(.*)$/)?.[1] || "";
        if (rest === "events") {
            response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
            response.write(`event: hello\ndata: ${JSON.stringify({ build: state.build })}\n\n`);
            listeners.add(response);
            return request.on("close", () => listeners.delete(response));
        }
        const route = routes.find(([verb, pattern]) => verb === method && pattern.test(rest));
        if (!route) return json(404, { error: "There is no such thing." });
        try {
            /* what was asked is done, but the answer does not arrive */
            if (state.loseAnswerTo?.test(path)) {
                state.loseAnswerTo = null;
                route[2](rest.match(route[1]).slice(1), url.searchParams, body);
                response.writeHead(201, { "Content-Type": "application/json", "Content-Length": 1000 });
                response.write("{");
                return setTimeout(() => response.destroy(), 50);
            }
            const result = route[2](rest.match(route[1]).slice(1), url.searchParams, body);
            return Array.isArray(result) ? json(...result) : json(200, result);
        } catch (error) {
            if (error instanceof Refused) return json(error.status, error.body);
            throw error;
        }
    }

    const server = createServer((request, response) => {
        answer(request, response).catch((error) => {
            console.error(error);
            response.writeHead(500).end();
        });
    });
    await new Promise((done) => server.listen(port, "127.0.0.1", done));
    return {
        url: `http://127.0.0.1:${server.address().port}`, state, emit, calls,
        /** Cuts the event streams, as a network would. */
        cut: () => listeners.forEach((r) => r.destroy()),
        close() {
            timers.forEach(clearTimeout);
            listeners.forEach((r) => r.destroy());
            server.close();
            server.closeAllConnections?.();
            rmSync(lib, { recursive: true, force: true });
        },
    };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const fake = await startFake({ port: Number(process.argv[2] || 0) });
    console.log(`${fake.url}/b/demo`);
}
