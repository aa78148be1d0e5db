/* One incident: how bad, where are we, is it growing, what do we say, what goes out, why it is one. */
import { html, useEffect, useRef, useState } from "../lib.js";
import { get, patch, post, ApiError } from "../api.js";
import { api, back, changed, go, here, may, now, reload, route, say, useResource } from "../state.js";
import { Button, Dialog, Shown, Since, State, useKeys, useTitle } from "./common.js";
import { Chart } from "./chart.js";
import { Composer } from "./composer.js";
import { newest, Updates } from "./updates.js";
import { Why, Timeline } from "./why.js";
import { moment, number, people, PHASES, some } from "../words.js";

/** @typedef {import("../types.d.ts").Incident} Incident */
/** @typedef {import("../types.d.ts").Phase} Phase */

export function IncidentPage() {
    const { id } = route.value;
    const res = /** @type {import("../types.d.ts").Resource<Incident>} */ (useResource(api(`incidents/${id}`), [`incident:${id}`]));
    return html`<${Shown} of=${res} again=${() => reload(res)} draw=${(/** @type {Incident} */ i) => html`<${Page} incident=${i} res=${res} />`} />`;
}

/* "Sunday 14": the hour of the week where I am, not where the server is */
const thisHour = new Intl.DateTimeFormat("en-GB", { weekday: "long", hour: "2-digit", hourCycle: "h23" });

/** @param {Incident} i */
function sentence(i) {
    const langs = i.langs.length > 1 ? ` in ${i.langs.length} languages` : "";
    const pace = i.now.per_5min === 0 ? "nobody new in the last 5 minutes" : `${number(i.now.per_5min)} every 5 minutes`;
    const usual = i.now.normal === null ? "" : i.now.normal < 0.5 ? "fewer than 1" : number(Math.round(i.now.normal));
    const normal = usual && `, ${usual} is normal for ${thisHour.format(now.value).replace(",", "")}:00`;
    return `${people(i.people)}${langs} since ${moment(i.since, now.value)} · ${pace}${normal}`;
}

/** @param {{incident: Incident, res: import("../types.d.ts").Resource<Incident>}} props */
function Page({ incident: i, res }) {
    const [ask, setAsk] = useState("");
    const [conflict, setConflict] = useState("");
    const [repeatText, setRepeatText] = useState(0);
    const composer = useRef(/** @type {HTMLElement | null} */ (null));
    useTitle(i.title);
    const mayMove = may("lead");
    const over = i.phase === "resolved" || i.phase === "dismissed";

    /** @param {{phase?: Phase, title?: string}} what */
    const change = async (what) => {
        setConflict("");
        try {
            res.data.value = await patch(api(`incidents/${i.id}`), { version: i.version, ...what });
            changed(["overview"]);
        } catch (error) {
            if (!(error instanceof ApiError) || error.status !== 409) throw error;
            await reload(res);
            const fresh = res.data.value || i;
            setConflict(what.phase
                ? `Somebody was faster: this incident is now ${fresh.phase}. It was not moved; click again if you still want to.`
                : `Somebody changed this incident first: its title is now “${fresh.title}”. Yours was not saved.`);
        }
    };
    /** @param {Phase} phase */
    const move = (phase) => {
        if (phase === i.phase) return;
        if (phase === "resolved") return setAsk("resolve");
        return change({ phase });
    };
    const write = () => {
        composer.current?.scrollIntoView({ block: "start" });
        composer.current?.querySelector("textarea")?.focus({ preventScroll: true });
    };
    useKeys({ b: write }, []);

    const last = newest(i.updates).find((u) => u.state !== "stopped");
    return html`<div class="page incident">
        <p class="only-phone"><a class="link" href=${here()} onClick=${(/** @type {Event} */ e) => { e.preventDefault(); back(here()); }}>‹ Incidents</a></p>
        <header class="page-head">
            <div>
                <${Title} title=${i.title} edit=${ask === "rename"} onDone=${() => setAsk("")} save=${(/** @type {string} */ title) => change({ title })} />
                <p class="lead">${sentence(i)}</p>
            </div>
            ${mayMove && !i.merged_into && html`<div class="page-actions">
                <${Button} onClick=${() => setAsk("rename")}>Rename<//>
                <${Button} onClick=${() => setAsk("merge")}>Merge<//>
                ${!over && html`<${Button} onClick=${() => setAsk("dismiss")}>Dismiss<//>`}
            </div>`}
        </header>
        ${conflict && html`<p class="problem" role="alert">${conflict}</p>`}
        ${i.merged_into && html`<p class="hint"><span>Its people are now in <a href=${here(`incidents/${i.merged_into}`)}>another incident</a>.</span></p>`}
        ${over && !i.merged_into && html`<p class="hint">This incident is ${i.phase}. ${i.phase === "dismissed" ? "Its people are handled one by one." : ""} A click on a phase opens it again.</p>`}
        <div class="where">
            <div class="segments phases" role="group" aria-label="Phase">${PHASES.map((phase) => html`<button type="button"
                key=${phase} class=${phase} aria-pressed=${i.phase === phase ? "true" : "false"} disabled=${!mayMove || !!i.merged_into} onClick=${() => {
                    const result = move(phase);
                    if (result instanceof Promise) result.catch((/** @type {Error} */ e) => say(e.message, "bad"));
                }}>${phase}</button>`)}</div>
            ${i.phase === "dismissed" && html`<${State} state="dismissed" />`}
            <dl class="facts">
                <div><dt>told</dt><dd><a href=${here(`incidents/${i.id}/people?state=told`)}>${number(i.told)}</a></dd></div>
                <div><dt>${i.waiting === 1 ? "waits" : "waiting"}</dt><dd><a href=${here(`incidents/${i.id}/people?state=waiting`)}>${number(i.waiting)}</a></dd></div>
                <div><dt>oldest</dt><dd>${i.oldest_waiting_at ? html`<${Since} at=${i.oldest_waiting_at} />` : "none"}</dd></div>
            </dl>
        </div>
        ${!!i.told && !!i.waiting && !over && last?.state === "done" && html`<p class="hint amber">
            <span>${number(i.waiting)} new ${i.waiting === 1 ? "waits" : "wait"} for the same answer.</span>
            ${may("send") && html` <${Button} small onClick=${() => { setRepeatText((n) => n + 1); write(); }}>Tell them the same<//>`}
        </p>`}
        <${Updates} incident=${i} res=${res} live />
        <${Chart} path=${api(`incidents/${i.id}/chart`)} topics=${[`incident:${i.id}`]} title="People complaining, per 5 minutes" hours=${[2, 6, 24, 72]}
            rows=${here(`incidents/${i.id}/people`)} since=${i.since} />
        <div ref=${composer} class="composer-anchor"><${Composer} incident=${i} res=${res} last=${last} lastWanted=${repeatText} /></div>
        <${Updates} incident=${i} res=${res} />
        <${Why} incident=${i} res=${res} />
        <${Timeline} incident=${i} />
        ${ask === "merge" && html`<${Merge} incident=${i} onClose=${() => setAsk("")} />`}
        ${ask === "dismiss" && html`<${Dialog} title="Dismiss this incident?" onClose=${() => setAsk("")}>
            <p>${people(i.people)} ${i.people === 1 ? "goes" : "go"} back to the queue, to be answered one by one. Like messages will not open an incident again.</p>
            <p class="actions"><${Button} onClick=${() => setAsk("")}>Keep it<//>
                <${Button} tone="danger" onClick=${async () => { await change({ phase: "dismissed" }); setAsk(""); }}>Dismiss it<//></p>
        <//>`}
        ${ask === "resolve" && html`<${Dialog} title="Is it over?" onClose=${() => setAsk("")}>
            <p>${i.told ? `${people(i.told)} ${i.told === 1 ? "was" : "were"} told about it and ${i.told === 1 ? "does" : "do"} not know yet that it works again.` : "Nobody was told anything yet."}
                ${i.waiting ? ` ${people(i.waiting)} still ${i.waiting === 1 ? "waits" : "wait"}.` : ""}</p>
            <p class="actions"><${Button} onClick=${() => { setAsk(""); setTimeout(write); }}>Write the all-clear first<//>
                <${Button} tone="primary" onClick=${async () => { await change({ phase: "resolved" }); setAsk(""); }}>Mark as resolved<//></p>
        <//>`}
    </div>`;
}

/** @param {{title: string, edit: boolean, onDone: () => void, save: (title: string) => Promise<void>}} props */
function Title({ title, edit, onDone, save }) {
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    useEffect(() => input.current?.select(), [edit]);
    if (!edit) return html`<h1>${title}</h1>`;
    const done = async () => {
        const text = input.current?.value.trim();
        if (text && text !== title) await save(text).catch((/** @type {Error} */ e) => say(e.message, "bad"));
        onDone();
    };
    return html`<form class="rename" onSubmit=${(/** @type {Event} */ e) => { e.preventDefault(); done(); }}>
        <input ref=${input} aria-label="Title" maxlength="200" defaultValue=${title}
            onKeyDown=${(/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape") { e.preventDefault(); onDone(); } }} />
        <button class="button primary" type="submit">Save</button>
        <button class="button" type="button" onClick=${onDone}>Cancel</button>
    </form>`;
}

/** @param {{incident: Incident, onClose: () => void}} props */
function Merge({ incident, onClose }) {
    const [others, setOthers] = useState(/** @type {import("../types.d.ts").IncidentRow[] | null} */ (null));
    const [into, setInto] = useState("");
    useEffect(() => {
        get(api("incidents?state=open&limit=200")).then(
            (page) => setOthers(page.items.filter((/** @type {any} */ o) => o.id !== incident.id)),
            (e) => { say(e.message, "bad"); onClose(); });
    }, []);
    const merge = async () => {
        const other = await post(api(`incidents/${incident.id}/merge`), { into, version: incident.version });
        onClose();
        go(here(`incidents/${other.id}`));
        changed(["overview", `incident:${other.id}`]);
        say(`Merged: ${people(other.people)} are now in “${other.title}”.`);
    };
    return html`<${Dialog} title=${`Merge “${incident.title}” into`} onClose=${onClose}>
        ${!others ? html`<p class="soft loading">Loading</p>`
        : !others.length ? html`<p>There is no other open incident to merge it into.</p>`
        : html`<div class="choices" role="radiogroup" aria-label="Incident">${others.map((o) => html`<label class="choice">
            <input type="radio" name="into" value=${o.id} checked=${into === o.id} onChange=${() => setInto(o.id)} />
            <span><strong>${o.title}</strong><br /><span class="soft">${o.phase} · ${people(o.people)} · ${some(o.messages, "message")}</span></span></label>`)}</div>`}
        <p class="soft">Its ${people(incident.people)} move over. Later messages of this kind go there too.</p>
        <p class="actions"><${Button} onClick=${onClose}>Cancel<//>
            <${Button} tone="primary" why=${into ? null : "Choose an incident first"} onClick=${merge}>Merge ${people(incident.people)}<//></p>
    <//>`;
}
