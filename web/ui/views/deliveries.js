/* What went out, what did not, and what is not known: with the decision a person has to take. */
import { html } from "../lib.js";
import { post } from "../api.js";
import { api, changed, go, here, may, route } from "../state.js";
import { useList } from "../list.js";
import { Button, Empty, State, useTitle, When } from "./common.js";
import { Fresh, Rows } from "./lists.js";
import { kind, visibility } from "../words.js";

/** @typedef {import("../types.d.ts").Delivery} Delivery */

const STATES = [["", "All"], ["queued,sending", "To go"], ["sent", "Sent"], ["failed", "Failed"], ["unknown", "Unknown"], ["skipped", "Skipped"]];

/** What a person can do about one that is failed or unknown. @param {{d: Delivery, onDone: () => any}} props */
export function Decide({ d, onDone }) {
    if (!may("reply")) return null;
    /** @param {"sent" | "again" | "failed"} as */
    const as = async (as) => {
        await post(api(`deliveries/${d.id}/resolve`), { as });
        changed(["overview", ...(d.conversation ? [`conversation:${d.conversation}`] : [])]);
        await onDone();
    };
    if (d.state === "failed") return html`<p class="decide"><${Button} small onClick=${() => as("again")}>Send again<//></p>`;
    if (d.state !== "unknown") return null;
    return html`<p class="decide"><span class="soft small">The network did not say whether it arrived. Look there, then:</span>
        <${Button} small onClick=${() => as("sent")}>It is there<//>
        <${Button} small onClick=${() => as("again")}>It is not there: send again<//>
        <${Button} small onClick=${() => as("failed")}>Leave it<//></p>`;
}

export function DeliveriesPage() {
    useTitle("What went out");
    const { query } = route.value;
    const update = query.get("update") || "", state = query.get("state") || "";
    /** @param {string} s */
    const params = (s) => new URLSearchParams([...(update ? [["update", update]] : []), ...(s ? [["state", s]] : [])]).toString();
    const list = /** @type {import("../list.js").List<Delivery>} */ (useList(api(`deliveries?${params(state)}`), update ? [`update:${update}`] : ["overview", "update:*"], true));
    return html`<div class="page">
        <h1>What went out</h1>
        ${update && html`<p class="lead">One status message. <a href=${here("deliveries")}>Show all</a></p>`}
        <p class="segments" role="group" aria-label="State">${STATES.map(([key, word]) => html`<button type="button"
            aria-pressed=${state === key ? "true" : "false"} onClick=${() => go(here(`deliveries?${params(key)}`), { replace: true })}>${word}</button>`)}</p>
        <section class="card flush">
            <${Fresh} list=${list} one="new" many="new" />
            <${Rows} list=${list} empty=${html`<${Empty} title=${state === "failed" || state === "unknown" ? "None" : "Nothing went out"}>${state === "failed" ? "Every answer that was tried arrived, or waits." : state === "unknown" ? "Of every answer it is known whether it arrived." : "Answers and status messages stand here, each with what became of it."}<//>`}
                row=${(/** @type {Delivery} */ d) => html`<li key=${d.id} class="delivery">
                    <p class="row-top"><span><${State} state=${d.state} /> <strong>${d.conversation ? html`<a href=${here(`c/${d.conversation}`)}>${d.name || "no name"}</a>` : d.name || "no name"}</strong></span>
                        <span class="soft">${kind(d.channel)}, ${visibility(d.visibility)}${d.sent_at && html` · <${When} at=${d.sent_at} />`}${d.attempts > 1 && ` · ${d.attempts} attempts`}${d.permalink && html` · <a href=${d.permalink} target="_blank" rel="noopener noreferrer">open there</a>`}</span></p>
                    ${d.reason && html`<p class=${d.state === "failed" ? "red-text" : "soft"}>${d.reason}</p>`}
                    <p class="row-text" lang=${d.lang || undefined}>${d.body}</p>
                    <${Decide} d=${d} onDone=${list.refresh} />
                </li>`} />
        </section>
    </div>`;
}
