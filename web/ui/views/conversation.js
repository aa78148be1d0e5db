/* One person in one thread: what was said, and the answer. */
import { html, useEffect, useRef, useState } from "../lib.js";
import { call, get, patch, post, put, token, ApiError } from "../api.js";
import { api, back, changed, dropUndo, go, here, lostSince, may, now, offerUndo, reload, remember, remembered, route, say, useResource } from "../state.js";
import { Button, Dialog, Problem, Shown, Since, State, useKeys, useTitle, When } from "./common.js";
import { Decide } from "./deliveries.js";
import { moved } from "./lists.js";
import { author, kind, languageHere, moment, number, people, some, span, visibility } from "../words.js";

/** @typedef {import("../types.d.ts").Conversation} Conversation */
/** @typedef {import("../types.d.ts").Resource<Conversation>} Res */

export function ConversationPage() {
    const { id } = route.value;
    const res = /** @type {Res} */ (useResource(api(`conversations/${id}`), [`conversation:${id}`]));
    return html`<${Shown} of=${res} again=${() => reload(res)} draw=${(/** @type {Conversation} */ c) => html`<${Page} conversation=${c} res=${res} />`} />`;
}

/** The row after this one in the list beside, or the list itself. @param {string} id */
function nextAfter(id) {
    const rows = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll(".col.list a.row")]);
    const at = rows.findIndex((row) => row.getAttribute("href") === here(`c/${id}`));
    const next = at < 0 ? undefined : rows.slice(at + 1).concat(rows.slice(0, at).reverse()).find((row) => row.getAttribute("href")?.includes("/c/"));
    return next?.getAttribute("href") || here();
}

const TRIAGE = ["complaint", "question", "other", "automatic"];

/** @param {{conversation: Conversation, res: Res}} props */
function Page({ conversation: c, res }) {
    const [ask, setAsk] = useState("");
    const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
    useTitle(author(c));
    const agent = may("reply");
    const heldBy = c.claimed && !c.claimed.mine && +new Date(c.claimed.until) > now.value ? c.claimed : null;

    /** @param {{state?: string, triage?: string, incident?: string | null}} what */
    const change = async (what) => {
        try {
            res.data.value = { ...c, ...(await patch(api(`conversations/${c.id}`), { version: c.version, ...what })) };
        } catch (error) {
            await reload(res);
            if (error instanceof ApiError && error.status === 409) throw new Error("Somebody changed this conversation first. It is shown as it is now; nothing of yours was done.");
            throw error;
        }
    };
    const done = async () => {
        if (c.state === "done") return;
        const next = nextAfter(c.id);
        await change({ state: "done" });
        say("Done.");
        moved(c.id);
        go(next);
    };
    const claim = async () => {
        try {
            await call(c.claimed?.mine ? "DELETE" : "POST", api(`conversations/${c.id}/claim`), c.claimed?.mine ? undefined : {});
        } finally {
            await reload(res);
        }
        changed(["overview"]);
    };
    useKeys({ r: () => box.current?.focus(), e: () => agent && done(), c: () => agent && claim(), i: () => agent && setAsk("incident") }, [c.version, c.claimed?.mine, c.state, agent]);

    return html`<div class="page conversation">
        <p class="only-phone"><a class="link" href=${here()} onClick=${(/** @type {Event} */ e) => { e.preventDefault(); back(here()); }}>‹ Back</a></p>
        <header class="page-head">
            <div>
                <h1>${author(c)}</h1>
                <p class="lead">${[c.handle && c.handle !== author(c) ? c.handle : "", `${kind(c.channel)}, ${visibility(c.visibility)}`, `to ${c.channel.name}`].filter(Boolean).join(" · ")}
                    ${c.person.authors.length > 1 && html` · also ${c.person.authors.filter((a) => a.handle !== c.handle).map((a) => `${a.handle || a.name} (${kind({ kind: a.network })})`).join(", ")}`}</p>
                <p class="marks"><${State} state=${c.state} />
                    ${c.state === "waiting" && c.waiting_since && html`<span class="soft">for <${Since} at=${c.waiting_since} /></span>`}
                    ${c.incident && html`<span>in <a href=${here(`incidents/${c.incident.id}`)}>${c.incident.title}</a>
                        ${agent && html` <${Button} small tone="quiet" onClick=${() => change({ incident: null })}>Take out<//>`}</span>`}
                    ${agent && c.triage && html`<label class="soft">This is <select value=${c.triage} aria-label="What this is" onChange=${(/** @type {any} */ e) =>
                        change({ triage: e.target.value }).catch((/** @type {Error} */ error) => say(error.message, "bad"))}>
                        ${[...new Set([...TRIAGE, c.triage])].map((t) => html`<option value=${t}>${t === "other" ? "praise or other" : t}</option>`)}</select></label>`}</p>
            </div>
            ${agent && html`<div class="page-actions">
                <${Button} k="c" onClick=${claim} why=${heldBy ? `${heldBy.user} has it until ${moment(heldBy.until, now.value)}` : null}>${c.claimed?.mine ? "Release" : "Claim"}<//>
                ${!c.incident && html`<${Button} k="i" onClick=${() => setAsk("incident")}>Put into an incident<//>`}
                ${c.state === "done" ? html`<${Button} onClick=${() => change({ state: "waiting" })}>Open again<//>`
                    : html`<${Button} k="e" onClick=${done}>Done<//>`}
            </div>`}
        </header>
        ${heldBy && html`<p class="hint amber" role="status">${heldBy.user} is answering this, until ${moment(heldBy.until, now.value)}.</p>`}
        <ol class="history">${c.history.map((m) => html`<${Message} key=${m.id} m=${m} />`)}
            ${c.pending.map((d) => html`<${Pending} key=${d.id} d=${d} conversation=${c} res=${res} />`)}</ol>
        <${Reply} key=${c.id} conversation=${c} res=${res} box=${box} heldBy=${heldBy?.user || ""} />
        ${ask === "incident" && html`<${IntoIncident} conversation=${c} onClose=${() => setAsk("")} res=${res} />`}
    </div>`;
}

/** @param {{m: import("../types.d.ts").HistoryMessage}} props */
function Message({ m }) {
    const delay = m.received_at ? +new Date(m.received_at) - +new Date(m.at) : 0;
    return html`<li class=${m.inbound ? "message in" : "message out"}>
        <p class="soft small">${m.inbound ? m.author || "no name" : `Us${m.author ? ` (${m.author})` : ""}`} · <${When} at=${m.at} />
            ${delay > 120000 && m.inbound && ` · reached us ${span(delay)} later`}${m.lang && m.inbound && ` · ${languageHere(m.lang)}`} · ${visibility(m.visibility)}
            ${m.permalink && html` · <a href=${m.permalink} target="_blank" rel="noopener noreferrer">open there</a>`}</p>
        ${m.subject && html`<p class="strong">${m.subject}</p>`}
        <p class="words" lang=${m.lang || undefined} dir="auto">${m.text || html`<span class="soft">no text</span>`}</p>
        ${m.rest && html`<details class="soft small"><summary>What the mail quotes</summary><p class="words">${m.rest}</p></details>`}
    </li>`;
}

/** An answer that is not (certainly) there yet. @param {{d: import("../types.d.ts").Delivery, conversation: Conversation, res: Res}} props */
function Pending({ d, conversation, res }) {
    const left = d.send_at ? +new Date(d.send_at) - now.value : 0;
    const waits = d.state === "queued" && left > 0;
    return html`<li class="message out pending">
        <p class="soft small"><${State} state=${d.state} word=${waits ? `goes out in ${span(left)}` : d.state === "queued" ? "waits to be sent" : d.state} /> ${d.reason && html`<span>${d.reason}</span>`}</p>
        <p class="words" dir="auto">${d.body}</p>
        ${waits && may("reply") && html`<p><${Button} small k="z" onClick=${() => undoReply(d, conversation.id, res)}>Undo<//></p>`}
        <${Decide} d=${d} onDone=${() => reload(res)} />
    </li>`;
}

/** @type {Map<string, (text: string) => void>} */
const boxes = new Map();

/** @param {import("../types.d.ts").Delivery} d @param {string} id @param {Res | null} res */
async function undoReply(d, id, res) {
    dropUndo(`delivery:${d.id}`);
    await post(api(`deliveries/${d.id}/undo`));
    const box = boxes.get(id);
    if (box) box(d.body);
    else remember(`reply:${route.value.brand}:${id}`, d.body);
    say("Taken back: nothing went out. The text is in the reply box again.");
    changed([`conversation:${id}`, "overview"]);
    if (res) await reload(res);
}

/** @param {{conversation: Conversation, res: Res, box: {current: HTMLTextAreaElement | null}, heldBy: string}} props */
function Reply({ conversation: c, res, box, heldBy }) {
    const key = `reply:${route.value.brand}:${c.id}`;
    const [text, setText] = useState(() => /** @type {string} */ (remembered(key, null) ?? c.draft ?? ""));
    const [finish, setFinish] = useState(() => remembered("reply-done", true));
    const [length, setLength] = useState(/** @type {{of: string, length: number, limit: number | null, unit: string} | null} */ (null));
    const [click, setClick] = useState(token);
    const [kept, setKept] = useState(false);
    const latest = useRef(text);
    const saved = useRef(c.draft ?? "");
    const timer = useRef(0);
    const claimed = useRef(0);
    const path = api(`conversations/${c.id}`);
    /* What came in since the writing began has to be seen before it is answered. */
    const newest = c.history.at(-1)?.id || "";
    const [read, setRead] = useState(newest);
    const [warned, setWarned] = useState("");
    const later = read === newest ? [] : c.history.slice(c.history.findIndex((m) => m.id === read) + 1);
    useEffect(() => {
        if (!text.trim()) setRead(newest);
    }, [newest, !text.trim()]);

    const save = async () => {
        clearTimeout(timer.current);
        timer.current = 0;
        const sent = latest.current;
        if (sent === saved.current) return;
        try {
            await put(`${path}/draft`, { text: sent }, { keepalive: true });
            saved.current = sent;
            setKept(false);
            if (latest.current === sent) remember(key, undefined);
        } catch {
            setKept(true);
            timer.current = setTimeout(save, 5000);
        }
    };
    /** @param {string} value */
    const write = (value) => {
        latest.current = value;
        setText(value);
        remember(key, value);
        if (!timer.current) timer.current = setTimeout(save, 700);
        if (value && !heldBy && Date.now() - claimed.current > 240000) {
            claimed.current = Date.now();
            post(`${path}/claim`).catch(() => {});
        }
    };
    useEffect(() => {
        if (latest.current !== saved.current) save();
        boxes.set(c.id, (back) => write(latest.current ? `${back}\n\n${latest.current}` : back));
        return () => {
            boxes.delete(c.id);
            clearTimeout(timer.current);
            if (latest.current !== saved.current) save();
        };
    }, []);
    useEffect(() => {
        if (!text.trim()) {
            setLength(null);
            return;
        }
        const wait = setTimeout(() => {
            post(`${path}/count`, { text }).then((n) => setLength({ ...n, of: text }), () => {});
        }, 300);
        return () => clearTimeout(wait);
    }, [text]);

    const limit = length?.limit ?? c.limit.limit;
    const over = length && length.of === text && limit !== null && length.length > limit;
    const why = !text.trim() ? "Write an answer first" : over && length ? `Too long by ${number(length.length - (limit || 0))}` : null;
    const send = async () => {
        if (why) return;
        if (later.length && warned !== newest) {
            setWarned(newest);
            return;
        }
        try {
            const delivery = await post(`${path}/reply`, { text, seen: newest, token: click, done: finish });
            const undoable = delivery.send_at && +new Date(delivery.send_at) > Date.now();
            latest.current = saved.current = "";
            setText("");
            setClick(token());
            clearTimeout(timer.current);
            timer.current = 0;
            remember(key, undefined);
            if (undoable) {
                offerUndo({ id: `delivery:${delivery.id}`, text: `Reply to ${author(c)}: goes out`, until: +new Date(delivery.send_at), undo: () => undoReply(delivery, c.id, null) });
            }
            const next = finish ? nextAfter(c.id) : "";
            changed([`conversation:${c.id}`, "overview"]);
            if (finish) {
                moved(c.id);
                if (undoable) go(next);
                else await reload(res);
            } else await reload(res);
        } catch (error) {
            const e = /** @type {ApiError} */ (error);
            if (e.status !== 409) {
                throw e.status === 0 ? new Error("Breakwater was not reached, so it is not certain whether this was sent. Press again: it goes out once at most.") : e;
            }
            setClick(token());
            if (e.body.conversation) res.data.value = { ...c, ...e.body.conversation };
            else await reload(res);
            const there = res.data.value?.history.at(-1)?.id || newest;
            setWarned(there);
            if (there === newest) throw e;
        }
    };
    useKeys({ "Ctrl+Enter": () => document.activeElement === box.current && send() }, [text, finish, newest, warned, why]);

    if (!may("reply")) return html`<section class="card"><p class="soft">Your role reads only. Agents, comms owners and admins can answer.</p></section>`;
    if (!c.can_reply) return html`<section class="card"><p class="soft">${kind(c.channel)} cannot be answered from here${c.history.at(-1)?.permalink ? html`: <a href=${c.history.at(-1)?.permalink} target="_blank" rel="noopener noreferrer">answer there</a>` : ""}.</p></section>`;
    return html`<section class="card reply" aria-label="Answer">
        ${later.length > 0 && html`<div class="hint amber" role="alert"><p>${warned === newest ? "Nothing was sent, because this" : "This"} came in while you wrote:</p>
            ${later.map((m) => html`<p class="said" key=${m.id}><span class="soft small">${m.inbound ? m.author : "Us"}, <${When} at=${m.at} />: </span>${m.text}</p>`)}
            <p>Your text is untouched. ${warned === newest ? "Send again when it still fits." : html`<${Button} small onClick=${() => setRead(newest)}>I have read it<//>`}</p></div>`}
        <textarea ref=${box} rows="4" aria-label=${`Answer to ${author(c)}`} value=${text} spellcheck="true" lang=${c.lang || undefined}
            placeholder=${`Answer ${author(c)} ${visibility(c.visibility) === "private" ? "privately" : "in public"} on ${kind(c.channel)}`}
            onInput=${(/** @type {any} */ e) => write(e.target.value)}></textarea>
        <p class="send-line actions">
            <span class=${`counter ${over ? "red-text" : "soft"}`} role=${over ? "alert" : undefined}>
                ${limit === null ? (length ? `${number(length.length)} ${length.unit}, no limit` : "no limit") : `${number(length?.length ?? 0)} / ${number(limit)}`}
                ${kept || (lostSince.value !== null && text) ? " · draft kept on this device" : ""}</span>
            <label class="check"><input type="checkbox" checked=${finish} onChange=${(/** @type {any} */ e) => { setFinish(e.target.checked); remember("reply-done", e.target.checked); }} /> then done</label>
            <${Button} tone="primary" k="Ctrl+Enter" why=${why} onClick=${send}>${visibility(c.visibility) === "private" ? "Send privately" : "Send publicly"}<//>
        </p>
    </section>`;
}

/** @param {{conversation: Conversation, res: Res, onClose: () => void}} props */
function IntoIncident({ conversation: c, res, onClose }) {
    const [all, setAll] = useState(/** @type {import("../types.d.ts").IncidentRow[] | null} */ (null));
    const [error, setError] = useState(/** @type {ApiError | null} */ (null));
    const [filter, setFilter] = useState("");
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    const read = () => get(api("incidents?state=open&limit=200")).then((page) => setAll(page.items), setError);
    useEffect(() => {
        read();
        input.current?.focus();
    }, []);
    const fits = (all || []).filter((i) => i.title.toLowerCase().includes(filter.trim().toLowerCase()));
    /** @param {import("../types.d.ts").IncidentRow} i */
    const put = async (i) => {
        await post(api(`incidents/${i.id}/members`), { conversation: c.id });
        onClose();
        changed(["overview", `incident:${i.id}`]);
        await reload(res);
        say(`Now in “${i.title}”, with ${people(i.people)}.`);
    };
    const open = async () => {
        const incident = await post(api("incidents"), { title: filter.trim(), conversations: [c.id] });
        onClose();
        changed(["overview", `conversation:${c.id}`]);
        go(here(`incidents/${incident.id}`));
    };
    return html`<${Dialog} title="Put into an incident" onClose=${onClose}>
        <label class="field"><span>Title, or a part of it</span>
            <input ref=${input} value=${filter} onInput=${(/** @type {any} */ e) => setFilter(e.target.value)}
                onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Enter" && fits.length === 1) { e.preventDefault(); put(fits[0]).catch((x) => setError(x)); } }} /></label>
        ${error && html`<${Problem} error=${error} again=${read} />`}
        ${!all && !error ? html`<p class="soft loading">Loading</p>` : html`<ul class="choices">${fits.map((i) => html`<li key=${i.id}>
            <button type="button" class="choice" onClick=${() => put(i).catch((x) => setError(x))}><strong>${i.title}</strong>
                <span class="soft">${i.phase} · ${people(i.people)} · ${some(i.messages, "message")}</span></button></li>`)}</ul>`}
        ${all && !fits.length && html`<p class="soft">${filter.trim() ? "No open incident is called so." : "No incident is open."}</p>`}
        <p class="actions"><${Button} onClick=${onClose}>Cancel<//>
            <${Button} why=${filter.trim() ? null : "Give the new incident a title first"} onClick=${open}>New incident${filter.trim() ? ` “${filter.trim()}”` : ""}<//></p>
    <//>`;
}
