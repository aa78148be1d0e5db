/* What exactly goes out, per channel: to how many, public or private, the longest against its limit. */
import { html, useState } from "../lib.js";
import { here } from "../state.js";
import { Bar } from "./common.js";
import { kind, languageHere, number, visibility } from "../words.js";

/** Who gets a text in another language than their own. @param {import("../types.d.ts").Preview} preview */
function others(preview) {
    /** @type {Map<string, import("../types.d.ts").Preview["languages"]>} */
    const byText = new Map();
    for (const l of preview.languages) {
        if (l.text && l.text !== l.lang && l.people) byText.set(l.text, [...(byText.get(l.text) || []), l]);
    }
    return [...byText];
}

/** @param {{preview: import("../types.d.ts").Preview | null, incident: import("../types.d.ts").Incident, stale: boolean, error: string}} props */
export function GoesOut({ preview, incident, stale, error }) {
    const [open, setOpen] = useState("");
    return html`<section class="card goes-out" aria-labelledby="goes-title" aria-busy=${stale ? "true" : "false"}>
        <div class="card-head"><h2 id="goes-title">Goes out as</h2><span class="soft">one message per person, where they wrote</span></div>
        ${!preview ? (error ? html`<p class="warn">${error}</p>` : html`<p class="soft loading">Counting</p>`)
        : !preview.channels.length ? html`<p class="soft">Nobody is left to be told: ${number(incident.told)} ${incident.told === 1 ? "was" : "were"} told already.</p>`
        : html`<table>
            <thead><tr><th scope="col">Channel</th><th scope="col"><span class="hidden">Who sees it</span></th><th scope="col" class="num">People</th><th scope="col">Longest</th></tr></thead>
            <tbody>${preview.channels.map((c) => {
                const key = `${c.channel.id} ${c.channel.kind} ${c.visibility}`;
                return html`<tr key=${key}>
                    <th scope="row"><button type="button" class="link" aria-expanded=${open === key ? "true" : "false"}
                        title="Show one of these messages" onClick=${() => setOpen(open === key ? "" : key)}>${kind(c.channel)}</button></th>
                    <td>${visibility(c.visibility)}</td>
                    <td class="num"><a href=${here(`incidents/${incident.id}/people?state=waiting`)}>${number(c.people)}</a></td>
                    <td class="longest">${c.limit ? html`<${Bar} part=${c.longest} of=${c.limit} tone=${c.too_long ? "red" : "blue"} />` : html`<span class="bar"></span>`}
                        <span class=${c.too_long ? "red-text nowrap" : "nowrap"} title=${c.unit}>${c.limit ? `${number(c.longest)} / ${number(c.limit)}` : c.longest ? "no limit" : ""}</span></td>
                </tr>
                ${open === key && html`<tr class="sample" key=${`${key} sample`}><td colspan="4">
                    <p class="said">${c.sample || "Write a message to see it here."}</p>
                    <p class="soft small">from ${c.channel.name} · ${Object.entries(c.langs).map(([l, n]) => `${number(n)} in ${languageHere(l)}`).join(", ")}</p></td></tr>`}`;
            })}</tbody>
        </table>`}
        ${preview && others(preview).map(([text, langs]) => html`<p class="soft" key=${text}>
            ${langs.map((l) => `${languageHere(l.lang)} ${number(l.people)}`).join(", ")}: ${langs.length === 1 && langs[0].people === 1 ? "gets" : "get"} the ${languageHere(text)} text</p>`)}
        ${preview?.skipped.map((s) => html`<p class="soft" key=${s.reason}>${number(s.people)} skipped: ${s.reason}</p>`)}
    </section>`;
}
