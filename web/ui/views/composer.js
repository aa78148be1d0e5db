/* The status message: one text per language, fields as chips, and beside it what exactly goes out.
 * Nothing here sends before the number and the text were confirmed. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { post, token, ApiError } from "../api.js";
import { api, changed, may, reload, remember, remembered } from "../state.js";
import { useDraft } from "../drafts.js";
import { Button, Dialog, useKeys } from "./common.js";
import { GoesOut } from "./preview.js";
import { announce, takesBack } from "./updates.js";
import { fieldsIn, filled, inOrder, language, languageHere, LANGUAGES, number, people, seconds, visibility, kind } from "../words.js";

/** @typedef {import("../types.d.ts").Incident} Incident */
/** @typedef {import("../types.d.ts").Preview} Preview */
/** @typedef {{texts: Record<string, string>, fallback: string, fields: Record<string, string>, to: "all" | "new"}} Message */

const FIELDS = /** @type {const} */ ([
    ["workaround", "Workaround", "what helps until it is fixed"],
    ["next_update", "Next update", "15:00"],
    ["status_url", "Status page", "https://status.example.com"],
]);

const WAVE_PAUSE = 4000; /* ms */

/** Only what says something, by language. @param {Record<string, string>} drafts */
const written = (drafts) => Object.fromEntries(Object.entries(drafts).filter(([, text]) => text.trim()));

/**
 * What would go out now, read again while one types and while the wave goes on.
 * @param {Incident} incident @param {Message} message
 */
function usePreview(incident, message) {
    const wanted = JSON.stringify(message);
    const [shown, setShown] = useState(/** @type {{of: string, preview: Preview | null, error: ApiError | null}} */ ({ of: "", preview: null, error: null }));
    const running = useRef(0);
    const last = useRef(0);
    const read = async () => {
        const mine = ++running.current;
        last.current = Date.now();
        try {
            const preview = await post(api(`incidents/${incident.id}/preview`), message);
            if (mine === running.current) setShown({ of: wanted, preview, error: null });
            return /** @type {Preview} */ (preview);
        } catch (error) {
            if (mine === running.current) setShown((s) => ({ ...s, of: wanted, error: /** @type {ApiError} */ (error) }));
            return null;
        }
    };
    useEffect(() => {
        if (!may("reply")) return;
        /* typing is answered at once; the wave, which never rests, every few seconds */
        const timer = setTimeout(read, !shown.preview ? 0 : shown.of === wanted ? Math.max(0, last.current + WAVE_PAUSE - Date.now()) : 400);
        return () => clearTimeout(timer);
    }, [wanted, incident.people, incident.waiting, incident.told]);
    return { preview: shown.preview, error: shown.error, current: shown.of === wanted && !shown.error, read,
        /** @param {Preview} preview */
        put: (preview) => setShown({ of: wanted, preview, error: null }) };
}

/**
 * @param {{incident: Incident, res: import("../types.d.ts").Resource<Incident>, last: import("../types.d.ts").Update | undefined,
 *          lastWanted: number}} props `last`: what to say again, each time `lastWanted` changes
 */
export function Composer({ incident, res, last, lastWanted }) {
    const { draft, change, savedAt, state, problem, theirs, take, ignore } = useDraft(incident);
    const [added, setAdded] = useState(/** @type {string[]} */ ([]));
    const langs = inOrder([...incident.langs, ...Object.keys(draft.drafts), ...added]);
    if (!langs.length) langs.push("en");
    const [chosen, setChosen] = useState("");
    const active = langs.includes(chosen) ? chosen : langs.find((l) => draft.drafts[l]?.trim()) || langs[0];
    const texts = written(draft.drafts);
    const ready = inOrder(Object.keys(texts));
    const fallbackKey = `fallback:${incident.id}`;
    const [wish, setWish] = useState(() => remembered(fallbackKey, ""));
    const fallback = ready.includes(wish) ? wish : ready.includes("en") ? "en" : ready[0] || langs[0];
    const [to, setTo] = useState(/** @type {"all" | "new"} */ ("all"));
    const only = incident.told && incident.waiting ? to : "all";
    const message = { texts, fallback, fields: draft.fields, to: only };
    const { preview, error, current, read, put } = usePreview(incident, message);
    const [asking, setAsking] = useState(/** @type {Preview | null} */ (null));
    const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
    const latest = useRef(draft);
    latest.current = draft;
    const over = incident.phase === "dismissed";
    const pending = incident.updates.find((u) => u.state === "pending" || u.state === "sending");

    /** @param {Record<string, string>} drafts */
    const setTexts = (drafts) => change({ ...latest.current, drafts });
    useEffect(() => {
        if (!lastWanted || !last) return;
        setTo("new");
        change({ drafts: { ...latest.current.drafts, ...last.texts }, fields: { ...latest.current.fields, ...last.fields } });
    }, [lastWanted]);
    useEffect(() => takesBack(incident.id, (back) => {
        /* what was begun after sending is not overwritten */
        const rest = written(latest.current.drafts);
        setTexts({ ...back, ...rest });
    }), [incident.id]);

    /** @param {string} field */
    const insert = (field) => {
        const box = area.current;
        if (!box) return;
        const chip = `{${field}}`;
        box.focus();
        box.setRangeText(chip, box.selectionStart, box.selectionEnd, "end");
        setTexts({ ...draft.drafts, [active]: box.value });
    };
    /** @param {string} lang */
    const pick = (lang) => {
        setChosen(lang);
        setTimeout(() => area.current?.focus());
    };

    const tooLong = preview?.channels.filter((c) => c.too_long) || [];
    const why = !may("send") ? "Only comms owners and admins may send to an incident"
        : over ? "This incident is dismissed"
        : !ready.length ? "Write a message first"
        : error && error.status !== 0 ? error.message
        : preview?.blocked.length ? preview.blocked[0]
        : tooLong.length ? `Too long for ${tooLong.map((c) => kind(c.channel)).join(", ")}`
        : preview && current && !preview.recipients ? "Nobody is left to be told"
        : null;
    const confirm = async () => {
        if (why) return;
        const fresh = await read();
        if (fresh && fresh.recipients && !fresh.blocked.length && !fresh.channels.some((c) => c.too_long)) setAsking(fresh);
    };
    useKeys({ "Ctrl+Enter": () => !asking && document.activeElement?.closest(".composer") && confirm() }, [why, asking, JSON.stringify(message)]);
    const total = preview ? preview.recipients : only === "new" ? incident.waiting : incident.people;

    return html`<div class="composer-pair">
        <section class="card composer" aria-labelledby="composer-title">
            <div class="card-head"><h2 id="composer-title">Status message</h2>
                <span class="soft nowrap" role="status">${state === "saving" ? "saving the draft" : state === "kept here" ? "draft kept on this device"
                    : savedAt && (ready.length || Object.values(draft.fields).some(Boolean)) ? `draft saved ${seconds(savedAt)}` : ""}</span></div>
            ${theirs && html`<p class="hint amber">A colleague changed this draft meanwhile.
                <${Button} small onClick=${take}>Take theirs<//> <${Button} small onClick=${ignore}>Keep mine<//></p>`}
            <div class="tabs"><div role="tablist" aria-label="Language">
                ${langs.map((lang) => html`<button type="button" role="tab" key=${lang} id=${`tab-${lang}`} aria-controls="message-panel"
                    aria-selected=${lang === active ? "true" : "false"} tabindex=${lang === active ? 0 : -1}
                    class=${texts[lang] ? "has-text" : ""} onClick=${() => pick(lang)}
                    onKeyDown=${(/** @type {KeyboardEvent} */ e) => {
                        const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
                        if (!step) return;
                        e.preventDefault();
                        const next = langs[(langs.indexOf(active) + step + langs.length) % langs.length];
                        setChosen(next);
                        document.getElementById(`tab-${next}`)?.focus();
                    }}>${language(lang)}</button>`)}</div>
                <select class="add-language" aria-label="Add a language" value="" onChange=${(/** @type {any} */ e) => {
                    setAdded([...added, e.target.value]);
                    pick(e.target.value);
                    e.target.value = "";
                }}>
                    <option value="">+</option>
                    ${LANGUAGES.filter((l) => !langs.includes(l)).map((l) => html`<option value=${l}>${language(l)}</option>`)}
                </select>
            </div>
            <div role="tabpanel" id="message-panel" aria-labelledby=${`tab-${active}`}>
                <${Writing} key=${active} area=${area} lang=${active} text=${draft.drafts[active] || ""} fields=${draft.fields}
                    onText=${(/** @type {string} */ text) => setTexts({ ...latest.current.drafts, [active]: text })} />
            </div>
            <div class="fields">${FIELDS.map(([name, title, hint]) => html`<div class="field-row" key=${name}>
                <button type="button" class="chip field" disabled=${!may("reply")} title=${`Insert {${name}} at the cursor`} onMouseDown=${(/** @type {Event} */ e) => e.preventDefault()}
                    onClick=${() => insert(name)}>${`{${name}}`}</button>
                <input aria-label=${title} readOnly=${!may("reply")} placeholder=${hint} value=${draft.fields[name] || ""}
                    onInput=${(/** @type {any} */ e) => change({ ...latest.current, fields: { ...latest.current.fields, [name]: e.target.value } })} />
            </div>`)}</div>
            ${ready.length > 0 && preview?.blocked.map((b) => html`<p class="warn" key=${b}><span aria-hidden="true">▲ </span>${b}</p>`)}
            ${tooLong.map((c) => html`<p class="warn" key=${c.channel.id}><span aria-hidden="true">▲ </span>${c.too_long === 1 ? "1 message is" : `${number(c.too_long)} messages are`} too long for ${kind(c.channel)}: ${number(c.longest)} of ${number(c.limit || 0)} ${c.unit}</p>`)}
            ${problem && html`<p class="warn">${problem}</p>`}
            ${error && error.status !== 0 && ready.length > 0 && html`<p class="warn" role="alert">${error.message}</p>`}
            ${!!incident.told && !!incident.waiting && html`<p class="fallback soft">To <span class="segments small" role="group" aria-label="To whom">
                <button type="button" aria-pressed=${only === "all" ? "true" : "false"} onClick=${() => setTo("all")}>everybody</button>
                <button type="button" aria-pressed=${only === "new" ? "true" : "false"} onClick=${() => setTo("new")}>only the ${number(incident.waiting)} not told yet</button></span></p>`}
            ${ready.length > 1 && html`<label class="fallback soft">Other languages get
                <select value=${fallback} onChange=${(/** @type {any} */ e) => { setWish(e.target.value); remember(fallbackKey, e.target.value); }}>
                    ${ready.map((l) => html`<option value=${l}>${language(l)}</option>`)}</select></label>`}
            <p class="actions send-line">
                <span class="soft small">${why && ready.length ? "" : pending ? "one sending is under way" : html`undo with <kbd>z</kbd> while it counts down`}</span>
                <${Button} tone="primary" k="Ctrl+Enter" why=${why} onClick=${confirm}>Send to ${people(total)}<//>
            </p>
        </section>
        ${may("reply") && html`<${GoesOut} preview=${preview} incident=${incident} stale=${!current} error=${error?.message || ""} />`}
        ${asking && html`<${Confirm} incident=${incident} message=${message} preview=${asking} onClose=${() => setAsking(null)}
            onNew=${(/** @type {Preview} */ p) => { setAsking(p); put(p); }}
            onSent=${async (/** @type {import("../types.d.ts").Update} */ update) => {
                setAsking(null);
                announce(incident.id, update);
                setTexts({});
                setTo("all");
                changed(["overview"]);
                await reload(res);
                setTimeout(() => document.querySelector(".updates")?.scrollIntoView({ block: "center" }), 60);
            }} />`}
    </div>`;
}

/**
 * A text box that shows fields as chips: the words lie behind the box once more, with marks.
 * @param {{area: {current: HTMLTextAreaElement | null}, lang: string, text: string, fields: Record<string, string>, onText: (text: string) => void}} props
 */
function Writing({ area, lang, text, fields, onText }) {
    const behind = useRef(/** @type {HTMLElement | null} */ (null));
    const follow = () => {
        if (behind.current && area.current) behind.current.scrollTop = area.current.scrollTop;
    };
    useLayoutEffect(follow);
    return html`<div class="writing">
        <div class="behind" ref=${behind} aria-hidden="true" lang=${lang}>${fieldsIn(text).map((p) => p.field
            ? html`<mark class=${fields[p.field] ? "" : "missing"}>${p.text}</mark>` : p.text)}${"\n"}</div>
        <textarea ref=${area} lang=${lang} spellcheck="true" rows="5" value=${text} onScroll=${follow}
            readOnly=${!may("reply")} aria-label=${`Message in ${languageHere(lang)}`}
            placeholder="What happened, what you do about it, when they hear more."
            onInput=${(/** @type {any} */ e) => onText(e.target.value)}></textarea>
    </div>`;
}

/**
 * The one solemn act: the text and the number once more.
 * @param {{incident: Incident, message: Message,
 *          preview: Preview, onClose: () => void, onNew: (p: Preview) => void, onSent: (u: any) => any}} props
 */
function Confirm({ incident, message, preview, onClose, onNew, onSent }) {
    const [click] = useState(token);
    const [problem, setProblem] = useState("");
    const [before] = useState(preview.recipients);
    const send = async () => {
        setProblem("");
        try {
            await onSent(await post(api(`incidents/${incident.id}/updates`), {
                ...message, token: click, expect: preview.recipients, as_of: preview.as_of,
            }));
        } catch (error) {
            const e = /** @type {ApiError} */ (error);
            setProblem(e.status === 0 ? "Breakwater was not reached, so it is not certain whether this was sent. Press again: it goes out once at most." : e.message);
            if (e.status === 409 && e.body.preview) onNew(e.body.preview);
        }
    };
    const used = Object.entries(message.texts);
    /** @param {string} lang */
    const readers = (lang) => preview.languages.filter((l) => l.text === lang);
    return html`<${Dialog} wide title=${`Send to ${people(preview.recipients)}?`} onClose=${onClose}
        onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.ctrlKey && e.key === "Enter") { e.preventDefault(); /** @type {HTMLElement} */ (document.getElementById("confirm-send"))?.click(); } }}>
        ${used.map(([lang, text]) => html`<div key=${lang}>
            <p class="soft small">${language(lang)} · ${people(readers(lang).reduce((n, l) => n + l.people, 0))}${readers(lang).some((l) => l.lang !== lang) ? `, of them ${readers(lang).filter((l) => l.lang !== lang).map((l) => `${number(l.people)} with ${languageHere(l.lang)}`).join(", ")}` : ""}</p>
            <p class="said" lang=${lang}>${filled(text, message.fields)}</p></div>`)}
        <p>${preview.channels.map((c) => `${kind(c.channel)} ${visibility(c.visibility)}: ${number(c.people)}`).join(" · ")}</p>
        ${preview.skipped.map((s) => html`<p class="soft small" key=${s.reason}>${number(s.people)} skipped: ${s.reason}</p>`)}
        ${problem && html`<p class="problem" role="alert">${problem}${preview.recipients !== before ? ` It is ${people(preview.recipients)} now, not ${number(before)}.` : ""}</p>`}
        <p class="soft small">One message per person, where they wrote. It counts down before it goes out: until then you can undo it, afterwards stop it.</p>
        <p class="actions"><${Button} onClick=${onClose}>Not yet<//>
            <${Button} tone="primary" id="confirm-send" k="Ctrl+Enter" onClick=${send}>Send to ${people(preview.recipients)}<//></p>
    <//>`;
}
