/* The first column: where work waits, with live counts. */
import { html } from "../lib.js";
import { beside, count, here, route } from "../state.js";
import { number } from "../words.js";

/** @param {{to: string, name: string, n: number | null, on: boolean, tone?: string}} props */
const Item = ({ to, name, n, on, tone = "" }) =>
    html`<li><a class="view" href=${here(to)} aria-current=${on ? "page" : undefined}>
        <span>${name}</span>${n !== null && html`<span class=${`n ${n ? tone : ""}`}>${number(n)}</span>`}
    </a></li>`;

export function Nav() {
    const at = route.value, inList = ["inbox", "list", "incident", "people", "conversation"].includes(at.page);
    /** @param {string} view */
    const on = (view) => inList && at.view !== "views" && beside.value === view;
    return html`
        <ul>
            <${Item} to="" name="Incidents" n=${count("incidents")} on=${on("inbox")} />
            <${Item} to="waiting" name="Waiting" n=${count("waiting")} on=${on("waiting")} />
            <${Item} to="mine" name="Mine" n=${count("mine")} on=${on("mine")} />
            <${Item} to="parked" name="Parked" n=${count("parked")} on=${on("parked")} />
            <${Item} to="failed" name="Failed sends" n=${count("failed")} on=${on("failed")} tone="red" />
            <${Item} to="other" name="Praise, other" n=${count("other")} on=${on("other")} />
            <${Item} to="done" name="Done" n=${count("done")} on=${on("done")} />
        </ul>
        <h2>Watch</h2>
        <ul>
            <${Item} to="volume" name="Volume" n=${null} on=${at.page === "volume"} />
            <${Item} to="channels" name="Channels" n=${null} on=${at.page === "channels"} />
            <${Item} to="deliveries" name="What went out" n=${null} on=${at.page === "deliveries"} />
            <${Item} to="quarantine" name="Quarantine" n=${count("quarantine")} on=${at.page === "quarantine"} />
            <${Item} to="incidents?state=over" name="Past incidents" n=${null} on=${on("over")} />
        </ul>`;
}
