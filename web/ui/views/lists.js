/* The second column: what waits. Incidents first, one row each; under them what needs a person. */
import { html, useEffect } from "../lib.js";
import { api, beside, changed, count, here, now, route } from "../state.js";
import { useList } from "../list.js";
import { Button, Empty, Problem, Since, Spark, State, When } from "./common.js";
import { author, isMail, kind, number, people, some, VIEWS, visibility } from "../words.js";

/** @typedef {import("../types.d.ts").IncidentRow} IncidentRow */
/** @typedef {import("../types.d.ts").ConversationRow} ConversationRow */

export function ListColumn() {
    const which = beside.value;
    if (which === "over") return html`<${Incidents} state="over" key="over" />`;
    if (which !== "inbox") return html`<${Conversations} view=${which} title=${VIEWS[which]} key=${which} />`;
    return html`<${Incidents} state="open" key="open" />
        <${Conversations} view="waiting" title="Waiting for a person" key="under" />`;
}

/** @param {{list: import("../list.js").List<any>, one: string, many: string}} props */
export function Fresh({ list, one, many }) {
    const n = list.fresh.value;
    return html`<div aria-live="polite">${n > 0 &&
    html`<button type="button" class="fresh" onClick=${list.apply}>${some(n, one, many)}</button>`}</div>`;
}

/** @param {{list: import("../list.js").List<any>, children?: any, empty: any, row: (item: any) => any}} props */
export function Rows({ list, empty, row }) {
    const rows = list.rows.value, error = list.error.value;
    if (!list.ready.value) {
        return error ? html`<${Problem} error=${error} again=${list.refresh} />` : html`<p class="soft loading pad" role="status">Loading</p>`;
    }
    return html`
        ${error && error.status !== 0 && html`<${Problem} error=${error} again=${list.refresh} />`}
        ${rows.length ? html`<ul class="rows">${rows.map(row)}</ul>` : empty}
        ${list.next.value && html`<p class="pad"><${Button} small onClick=${list.more}>Show more<//></p>`}`;
}

/** @param {{state: string}} props */
function Incidents({ state }) {
    const list = /** @type {import("../list.js").List<IncidentRow>} */ (useList(api(`incidents?state=${state}`), ["overview", "incident:*"]));
    const at = route.value;
    return html`
        <div class="list-head"><h2>${state === "open" ? "Incidents" : "Past incidents"}</h2>
            <span class="soft">${state === "open" ? "most people first" : ""}</span></div>
        <${Fresh} list=${list} one="new incident" many="new incidents" />
        <${Rows} list=${list} row=${(/** @type {IncidentRow} */ i) => html`<li key=${i.id}>
                <${IncidentLink} incident=${i} on=${(at.page === "incident" || at.page === "people") && at.id === i.id} gone=${list.gone.value.has(i.id)} /></li>`}
            empty=${state === "open"
                ? html`<${Empty} title="No incident is open">When several people complain of the same thing, it appears here by itself. A conversation becomes one by its “Put into an incident”.<//>`
                : html`<${Empty} title="No incident is over yet">Resolved and dismissed ones are kept here.<//>`} />`;
}

/** @param {IncidentRow} i */
function incidentLine(i) {
    if (i.told && !i.waiting) return `told ${number(i.told)}, nobody waits`;
    if (i.told) return `told ${number(i.told)} · ${number(i.waiting)} new ${i.waiting === 1 ? "waits" : "wait"} for the same answer`;
    return i.samples.slice(0, 2).map((s) => `“${s}”`).join(", ");
}

/** @param {{incident: IncidentRow, on: boolean, gone: boolean}} props */
function IncidentLink({ incident: i, on, gone }) {
    return html`<a class=${`row ${gone ? "gone" : ""}`} href=${here(`incidents/${i.id}`)} aria-current=${on ? "true" : undefined}>
        <span class="row-top"><strong>${i.title}</strong><span class="soft nowrap"><${When} at=${i.since} prefix="since " brief /></span></span>
        <span class="row-text one">${incidentLine(i)}</span>
        <span class="row-top"><span><${State} state=${i.phase} /> <span class="soft">${people(i.people)}</span></span>
            <${Spark} values=${i.spark} label="complaints over the last hours" /></span>
    </a>`;
}

const EMPTY = /** @type {Record<string, [string, string]>} */ ({
    waiting: ["Nobody waits for a person", "New questions appear here, longest waiting first."],
    mine: ["You have claimed nothing", "Open one that waits and press c."],
    parked: ["Nobody is parked", "People who were told and wait for the fix stand here until they write again."],
    done: ["Nothing is done yet", "What you finish with e comes here."],
    failed: ["No send has failed", "What could not be delivered, or where it is not known, waits here for a decision."],
    other: ["No praise, no chatter", "What is no complaint and no question is kept here."],
    all: ["No conversation yet", "As soon as a channel is connected, they appear here."],
});

/** @param {{view: string, title: string}} props */
function Conversations({ view, title }) {
    const list = /** @type {import("../list.js").List<ConversationRow>} */ (
        useList(api(`conversations?view=${view}`), ["overview", "conversation:*"], view === "done"));
    const at = route.value, n = count(view);
    useEffect(() => {
        dropRow.add(list.drop);
        return () => void dropRow.delete(list.drop);
    }, [list]);
    return html`
        <div class="list-head"><h2>${title}</h2>
            ${n !== null && html`<a class="soft count" href=${here(view)}>${number(n)}</a>`}</div>
        <${Fresh} list=${list} one="new" many="new" />
        <${Rows} list=${list} row=${(/** @type {ConversationRow} */ c) => html`<li key=${c.id}>
                <${ConversationLink} conversation=${c} on=${at.page === "conversation" && at.id === c.id} gone=${list.gone.value.has(c.id)} /></li>`}
            empty=${html`<${Empty} title=${EMPTY[view]?.[0] || "Nothing here"}>${EMPTY[view]?.[1]}<//>`} />`;
}

/** @type {Set<(id: string) => void>} */
const dropRow = new Set();
/** Takes a conversation that I just moved out of the lists at once. @param {string} id */
export function moved(id) {
    for (const drop of dropRow) drop(id);
    changed(["overview"]);
}

/** @param {{conversation: ConversationRow, on: boolean, gone: boolean}} props */
function ConversationLink({ conversation: c, on, gone }) {
    const wants = c.state === "waiting" && c.triage !== "other" && c.triage !== "automatic";
    const late = wants && c.waiting_since && now.value - +new Date(c.waiting_since) > 4 * 3600e3;
    return html`<a class=${`row ${gone ? "gone" : ""}`} href=${here(`c/${c.id}`)} aria-current=${on ? "true" : undefined}>
        <span class="row-top"><strong class="cut">${author(c)}</strong>
            <span class="soft nowrap">${kind(c.channel)}${visibility(c.visibility) === "private" && !isMail(c.channel) ? ", private" : ""} · <${When} at=${c.last_at} brief /></span></span>
        <span class="row-text">${c.subject && html`<span class="subject">${c.subject}: </span>`}“${c.text}”</span>
        ${(c.incident || c.claimed || c.messages > 1 || late) && html`<span class="row-marks soft">
            ${c.claimed && html`<span class=${c.claimed.mine ? "blue-text" : "amber-text"}>${c.claimed.mine ? "claimed by you" : `${c.claimed.user} is on it`}</span>`}
            ${c.messages > 1 && html`<span>${some(c.messages, "message")}</span>`}
            ${late && c.waiting_since && html`<span class="red-text">waiting <${Since} at=${c.waiting_since} /></span>`}
            ${c.incident && html`<span>in ${c.incident.title}</span>`}
        </span>`}
    </a>`;
}

