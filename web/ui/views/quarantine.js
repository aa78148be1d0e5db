/* What came in and could not be read: kept with its bytes, for a person to decide. */
import { html, useState } from "../lib.js";
import { post } from "../api.js";
import { api, changed, may } from "../state.js";
import { useList } from "../list.js";
import { Button, Dialog, Empty, useTitle, When } from "./common.js";
import { Fresh, Rows } from "./lists.js";
import { kind, size, some } from "../words.js";

/** @typedef {import("../types.d.ts").Quarantined} Quarantined */

export function QuarantinePage() {
    useTitle("Quarantine");
    const list = /** @type {import("../list.js").List<Quarantined>} */ (useList(api("quarantine"), ["overview"], true));
    const [dismiss, setDismiss] = useState(/** @type {Quarantined | null} */ (null));
    const [why, setWhy] = useState("");
    return html`<div class="page">
        <h1>Quarantine</h1>
        <p class="lead">What came in and could not be read. Nothing of it is lost, and it holds up nothing else.</p>
        <section class="card flush">
            <${Fresh} list=${list} one="new" many="new" />
            <${Rows} list=${list} empty=${html`<${Empty} title="Everything could be read">There is nothing to do here.<//>`}
                row=${(/** @type {Quarantined} */ q) => html`<li key=${q.id} class=${`delivery ${list.gone.value.has(q.id) ? "gone" : ""}`}>
                    <p class="row-top"><strong>${q.reason}</strong><span class="soft nowrap"><${When} at=${q.at} /></span></p>
                    <p class="soft">${kind(q.channel)} ${q.channel.name} · ${size(q.size)}${q.attempts ? ` · ${some(q.attempts, "attempt")}` : ""}${q.external_id ? ` · ${q.external_id}` : ""}</p>
                    <p class="decide"><a class="button small" href=${api(`quarantine/${q.id}/raw`)} download>Download the bytes</a>
                        ${may("sort") && html`<${Button} small onClick=${() => { setWhy(""); setDismiss(q); }}>Dismiss<//>`}</p>
                </li>`} />
        </section>
        ${dismiss && html`<${Dialog} title="Dismiss this?" onClose=${() => setDismiss(null)}>
            <p>${dismiss.reason}</p>
            <label class="field"><span>Why it needs no answer</span><input value=${why} onInput=${(/** @type {any} */ e) => setWhy(e.target.value)} /></label>
            <p class="actions"><${Button} onClick=${() => setDismiss(null)}>Keep it<//>
                <${Button} tone="danger" why=${why.trim() ? null : "Say why first"} onClick=${async () => {
                    await post(api(`quarantine/${dismiss.id}/dismiss`), { why: why.trim() });
                    list.drop(dismiss.id);
                    setDismiss(null);
                    changed(["overview"]);
                }}>Dismiss it<//></p>
        <//>`}
    </div>`;
}
