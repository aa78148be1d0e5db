/* Nothing is open: how the day goes, and where to begin. */
import { html } from "../lib.js";
import { api, here, now, overview, reload, route } from "../state.js";
import { Chart } from "./chart.js";
import { Shown, useTitle } from "./common.js";
import { moment, number, people, some } from "../words.js";

/** @param {import("../types.d.ts").Overview} o */
function sentence(o) {
    if (o.spike) {
        return `${people(o.spike.people)} complain every 5 minutes since ${moment(o.spike.since, now.value)}; ${o.spike.normal < 0.5 ? "fewer than 1" : number(Math.round(o.spike.normal))} is normal for this hour.`;
    }
    const open = o.views.incidents ? `${some(o.views.incidents, "incident")} ${o.views.incidents === 1 ? "is" : "are"} open` : "No incident is open";
    if (!o.views.waiting) return `${open}, nobody waits for a person.`;
    return `${open}, ${people(o.views.waiting)} ${o.views.waiting === 1 ? "waits" : "wait"} for a person.`;
}

export function Home() {
    const res = overview.value;
    useTitle("Volume");
    if (!res) return null;
    return html`<${Shown} of=${res} again=${() => reload(/** @type {any} */ (res))} draw=${(/** @type {import("../types.d.ts").Overview} */ o) => html`
        <div class="page">
            <h1>${o.brand.name} now</h1>
            <p class="lead">${sentence(o)}</p>
            ${!o.channels.length && html`<div class="card"><h2>No channel is connected</h2>
                <p>Breakwater reads nothing yet. An admin connects a mailbox or an account on the machine it runs on:</p>
                <pre><code>breakwater channel add --help</code></pre></div>`}
            <${Chart} key=${route.value.brand} path=${api("chart")} topics=${["overview"]} title="People complaining, per 5 minutes" hours=${[6, 24, 168]} />
            <dl class="facts">
                <div><dt>wait for a person</dt><dd><a href=${here("waiting")}>${number(o.views.waiting ?? 0)}</a></dd></div>
                <div><dt>open incidents</dt><dd><a href=${here("incidents")}>${number(o.views.incidents ?? 0)}</a></dd></div>
                <div><dt>told, wait for the fix</dt><dd><a href=${here("parked")}>${number(o.views.parked ?? 0)}</a></dd></div>
                <div><dt>failed sends</dt><dd><a href=${here("failed")}>${number(o.views.failed ?? 0)}</a></dd></div>
            </dl>
            ${route.value.page !== "volume" && html`<p class="soft">Open what waits on the left. <kbd>j</kbd> and <kbd>k</kbd> move, <kbd>Enter</kbd> opens, <kbd>?</kbd> shows every key.</p>`}
        </div>`} />`;
}
