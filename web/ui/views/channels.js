/* Are our ears open? Each channel, when it was last read, what is wrong with it. */
import { html } from "../lib.js";
import { here, overview, reload } from "../state.js";
import { Empty, Shown, Since, State, useTitle } from "./common.js";
import { kind, number } from "../words.js";

/** @type {Record<string, string>} */
const MEANING = {
    ok: "works", waiting: "waits for its first poll", failing: "fails, is tried again", stopped: "stopped", paused: "paused",
};

/** @param {{c: import("../types.d.ts").Channel}} props */
const Row = ({ c }) => html`<li class="delivery">
    <p class="row-top"><span><strong>${kind(c)}</strong> <span class="soft">${c.address || c.name}</span></span><${State} state=${c.state} word=${MEANING[c.state]} /></p>
    ${c.error && html`<p class=${c.state === "ok" ? "soft" : "red-text"}>${c.error}</p>`}
    <p class="soft">${c.polled_at ? html`read <${Since} at=${c.polled_at} /> ago` : "not read yet"} ·
        ${" "}${c.waiting_to_send ? html`<a href=${here("deliveries?state=queued,sending")}>${number(c.waiting_to_send)} to be sent</a>` : "nothing waits to be sent"}</p>
</li>`;

export function ChannelsPage() {
    useTitle("Channels");
    const res = overview.value;
    if (!res) return null;
    return html`<${Shown} of=${res} again=${() => reload(/** @type {any} */ (res))} draw=${(/** @type {import("../types.d.ts").Overview} */ o) => html`<div class="page">
        <h1>Channels</h1>
        <p class="lead">Nothing is lost while a channel fails: it goes on where it stopped.</p>
        <section class="card flush">${o.channels.length
            ? html`<ul class="rows">${o.channels.map((c) => html`<${Row} key=${c.id} c=${c} />`)}</ul>`
            : html`<${Empty} title="No channel is connected">An admin connects one on the machine Breakwater runs on: <code>breakwater channel add --help</code><//>`}
        </section>
    </div>`} />`;
}
