/* What was said so far, and the truth about each sending: sent, failed, skipped, unknown. */
import { html } from "../lib.js";
import { post, ApiError } from "../api.js";
import { api, changed, dropUndo, here, may, now, offerUndo, reload, say, useResource } from "../state.js";
import { Button, State, When } from "./common.js";
import { filled, language, number, people, span } from "../words.js";

/** @typedef {import("../types.d.ts").Update} Update */

/** Takes an update back before it goes out; its words go back to the composer.
 * @param {string} incident @param {Update} update */
export async function undoUpdate(incident, update) {
    await post(api(`updates/${update.id}/undo`));
    dropUndo(`update:${update.id}`);
    undone(incident, update);
    changed([`incident:${incident}`, `update:${update.id}`, "overview"]);
    say("Taken back: nothing went out. The text is in the composer again.");
}

/** The newest first. @param {Update[]} updates */
export const newest = (updates) => [...updates].sort((a, b) => +new Date(b.at) - +new Date(a.at));

/** @type {Map<string, (texts: Record<string, string>) => void>} */
const composers = new Map();
/** The composer of an incident, to take texts back. @param {string} incident @param {(texts: Record<string, string>) => void} take */
export function takesBack(incident, take) {
    composers.set(incident, take);
    return () => void (composers.get(incident) === take && composers.delete(incident));
}
/** @param {string} incident @param {Update} update */
function undone(incident, update) {
    composers.get(incident)?.(update.texts);
}

/** @param {string} incident @param {Update} update */
export function announce(incident, update) {
    offerUndo({
        id: `update:${update.id}`,
        text: `To ${people(update.recipients)}: goes out`,
        until: +new Date(update.send_at),
        undo: () => undoUpdate(incident, update),
    });
}

/**
 * What is on its way stands on top of the page, what is over below the composer.
 * @param {{incident: import("../types.d.ts").Incident, res: import("../types.d.ts").Resource<any>, live?: boolean}} props
 */
export function Updates({ incident, res, live = false }) {
    const updates = newest(incident.updates).filter((u) => (u.state === "pending" || u.state === "sending") === live);
    if (!updates.length) return null;
    const id = live ? "sending-title" : "said-title";
    return html`<section class="card" aria-labelledby=${id}>
        <div class="card-head"><h2 id=${id}>${live ? "Going out" : "Said so far"}</h2></div>
        <ul class="updates">${updates.map((u) => html`<li key=${u.id}><${One} update=${u} incident=${incident.id} fields=${incident.fields} res=${res} /></li>`)}</ul>
    </section>`;
}

const WORDS = /** @type {const} */ (["sent", "failed", "unknown", "skipped", "queued"]);

/** @param {{update: Update, incident: string, fields: Record<string, string>, res: import("../types.d.ts").Resource<any>}} props */
function One({ update, incident, fields, res }) {
    const live = update.state === "pending" || update.state === "sending";
    const mine = /** @type {import("../types.d.ts").Resource<Update>} */ (useResource(live ? api(`updates/${update.id}`) : "", [`update:${update.id}`]));
    const u = (live && mine.data.value) || update;
    const left = +new Date(u.send_at) - now.value;
    const waiting = u.state === "pending" && left > 0;
    const [first, ...others] = Object.entries(u.texts);
    const stop = async () => {
        await post(api(`updates/${u.id}/stop`));
        changed([`incident:${incident}`, `update:${u.id}`]);
        await reload(res);
    };
    return html`<article class="update">
        <p class="update-head"><${State} state=${u.state} word=${{ pending: waiting ? "waits" : "starts", sending: "sending", stopped: "stopped", done: "sent" }[u.state]} />
            <span class="soft"><${When} at=${u.at} />${u.by && ` by ${u.by}`} · to ${people(u.recipients)}${others.length ? ` · ${Object.keys(u.texts).map(language).join(", ")}` : ""}</span></p>
        ${first && html`<p class="said" lang=${first[0]}>${filled(first[1], u.fields || fields)}</p>`}
        ${!!others.length && html`<details><summary>The other ${others.length === 1 ? "language" : "languages"}</summary>
            ${others.map(([lang, text]) => html`<p class="soft small">${language(lang)}</p><p class="said" lang=${lang}>${filled(text, u.fields || fields)}</p>`)}</details>`}
        ${waiting
            ? html`<p class="countdown" role="status"><span>Goes out in <strong>${span(left)}</strong></span>
                ${may("send") && html`<${Button} k="z" onClick=${async () => {
                    try {
                        await undoUpdate(incident, u);
                    } catch (error) {
                        if (!(error instanceof ApiError) || error.status !== 409) throw error;
                        say("Too late to take it back: it is on its way. Stop keeps the rest from going out.", "bad");
                        await reload(res);
                    }
                }}>Undo<//>`}</p>`
            : html`<${Progress} update=${u} />
                ${u.state === "sending" && may("send") && html`<p class="actions left"><${Button} tone="danger" onClick=${stop}>Stop: ${people(u.queued)} not sent yet<//></p>`}`}
    </article>`;
}

/** The bar that fills with the truth; each figure leads to its rows. @param {{update: Update}} props */
function Progress({ update: u }) {
    const all = Math.max(1, u.sent + u.failed + u.skipped + u.unknown + u.queued);
    let x = 0;
    return html`<div class="progress">
        <svg viewBox="0 0 1000 8" preserveAspectRatio="none" role="img" aria-label=${`${u.sent} of ${all} sent`}>
            <rect class="p-queued" width="1000" height="8" />
            ${(/** @type {const} */ (["sent", "skipped", "unknown", "failed"])).map((word) => {
                const width = (u[word] / all) * 1000, from = x;
                x += width;
                return width ? html`<rect key=${word} class=${`p-${word}`} x=${from} width=${width} height="8" />` : null;
            })}
        </svg>
        <p class="counts">${WORDS.filter((w) => u[w] || w === "sent").map((w) => html`<a key=${w} class=${`t-${w}`}
            href=${here(`deliveries?update=${u.id}&state=${w === "queued" ? "queued,sending" : w}`)}>${number(u[w])} ${w === "queued" ? "to go" : w}</a>`)}</p>
    </div>`;
}
