/* Why these people are one incident, where a click corrects it; and what happened so far. */
import { html } from "../lib.js";
import { del } from "../api.js";
import { api, changed, here, may, reload, say } from "../state.js";
import { Button, When } from "./common.js";
import { happened, people } from "../words.js";

/** @typedef {import("../types.d.ts").Incident} Incident */

/** @param {{incident: Incident, res: import("../types.d.ts").Resource<Incident>}} props */
export function Why({ incident: i, res }) {
    /** @param {Incident["sample_messages"][0]} sample */
    const takeOut = async (sample) => {
        await del(api(`incidents/${i.id}/members/${sample.person}`));
        changed(["overview", `incident:${i.id}`]);
        await reload(res);
        say(`${sample.author || "This person"} is out of this incident and waits for a person.`);
    };
    return html`<section class="card" aria-labelledby="why-title">
        <div class="card-head"><h2 id="why-title">Why these belong together</h2>
            <a href=${here(`incidents/${i.id}/people`)}>All ${people(i.people)}</a></div>
        <p class="chips">
            ${i.terms.map((t) => html`<span class="chip" key=${t}>${t}</span>`)}
            <span class="chip"><${When} at=${i.since} prefix="first seen " /></span>
            <span class="chip">${i.opened_by === "core" ? "found by Breakwater" : i.opened_by === "ops" ? "reported by operations" : "opened by hand"}</span>
        </p>
        ${i.clusters.length > 1 && html`<p class="soft small">${i.clusters.length} groups of like messages: ${i.clusters
            .map((c) => `${c.terms.slice(0, 3).join(" ") || "other words"} (${people(c.people)})`).join(", ")}</p>`}
        ${i.sample_messages.length ? html`<ul class="samples">${i.sample_messages.map((s) => html`<li key=${s.message}>
            <a class="cut soft-link" href=${here(`c/${s.conversation}`)}>${s.author || "no name"}</a>
            <span class="text">${s.text}</span>
            <span class="soft nowrap" title="Language, and how sure it is that this belongs here">${(s.lang || "–").toUpperCase()}${s.confidence === null ? "" : ` · ${Math.round(s.confidence * 100)} %`}</span>
            ${may("sort") && html`<${Button} small tone="quiet" onClick=${() => takeOut(s)} label=${`Take ${s.author || "this person"} out of this incident`}>Take out<//>`}
        </li>`)}</ul>` : html`<p class="soft">No sample is at hand. The people are listed under “All ${people(i.people)}”.</p>`}
    </section>`;
}

/** @param {{incident: Incident}} props */
export function Timeline({ incident: i }) {
    if (!i.timeline.length) return null;
    return html`<section class="card" aria-labelledby="timeline-title">
        <div class="card-head"><h2 id="timeline-title">What happened</h2></div>
        <ul class="timeline">${i.timeline.map((t, n) => html`<li key=${n}>
            <span class="soft nowrap"><${When} at=${t.at} /></span>
            <span>${happened(t)}${t.who && html`<span class="soft"> · ${t.who}</span>`}</span></li>`)}</ul>
    </section>`;
}
