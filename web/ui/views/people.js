/* Who is in an incident: everybody, those who still wait, those who were told, or who wrote at one time. */
import { html } from "../lib.js";
import { del } from "../api.js";
import { api, back, changed, go, here, may, route, say, useResource } from "../state.js";
import { useList } from "../list.js";
import { Button, Empty, useTitle, When } from "./common.js";
import { Fresh, Rows } from "./lists.js";
import { author, kind, number, some } from "../words.js";

const STATES = [["all", "All"], ["waiting", "Waiting"], ["told", "Told"]];

export function PeoplePage() {
    useTitle("People");
    const { id, query } = route.value;
    const state = query.get("state") || "all", from = query.get("from"), to = query.get("to");
    const window = from && to ? `&from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}` : "";
    const incident = /** @type {import("../types.d.ts").Resource<import("../types.d.ts").Incident>} */ (
        useResource(api(`incidents/${id}`), [`incident:${id}`])).data.value;
    const list = /** @type {import("../list.js").List<any>} */ (
        useList(api(`incidents/${id}/members?state=${state}${window}`), [`incident:${id}`]));
    const numbers = /** @type {Record<string, number | undefined>} */ ({ all: incident?.people, waiting: incident?.waiting, told: incident?.told });
    /** @param {import("../types.d.ts").Member} m */
    const takeOut = async (m) => {
        await del(api(`incidents/${id}/members/${m.person}`));
        list.drop(m.person);
        changed([`incident:${id}`, "overview"]);
        say(`${author(m)} is out of this incident. Like messages will be kept apart.`);
    };
    return html`<div class="page">
        <p><a class="link" href=${here(`incidents/${id}`)} onClick=${(/** @type {Event} */ e) => { e.preventDefault(); back(here(`incidents/${id}`)); }}>‹ ${incident?.title || "Incident"}</a></p>
        <h1>People</h1>
        <p class="segments" role="group" aria-label="Who">${STATES.map(([key, word]) => html`<button type="button"
            aria-pressed=${state === key ? "true" : "false"}
            onClick=${() => go(here(`incidents/${id}/people?state=${key}${window}`), { replace: true })}>${word}${!window && numbers[key] !== undefined ? ` ${number(numbers[key] ?? 0)}` : ""}</button>`)}</p>
        ${window && html`<p>Wrote from <${When} at=${from} /> to <${When} at=${to} />. <a href=${here(`incidents/${id}/people?state=${state}`)}>Show all times</a></p>`}
        <section class="card flush">
            <${Fresh} list=${list} one="new person" many="new people" />
            <${Rows} list=${list} empty=${html`<${Empty} title="Nobody here">${state === "waiting" ? "Everybody in this incident was told." : state === "told" ? "Nobody was told yet: write the status message." : "Nobody wrote in this time."}<//>`}
                row=${(/** @type {import("../types.d.ts").Member & {id: string}} */ m) => html`<li key=${m.id} class="with-action">
                    <a class="row" href=${here(`c/${m.conversation}`)}>
                        <span class="row-top"><strong class="cut">${author(m)}</strong><span class="soft nowrap">${kind(m.channel)} · ${(m.lang || "–").toUpperCase()} · <${When} at=${m.last_at} /></span></span>
                        <span class="row-text">${m.text ? `“${m.text}”` : "no text"}</span>
                        <span class="row-marks soft">${m.messages > 1 && html`<span>${some(m.messages, "message")}</span>`}
                            ${m.told_at ? html`<span class="green-text"><${When} at=${m.told_at} prefix="told " /></span>` : html`<span>waits</span>`}</span>
                    </a>
                    ${may("sort") && html`<${Button} small onClick=${() => takeOut(m)} label=${`Take ${author(m)} out of this incident`}>Take out<//>`}
                </li>`} />
        </section>
    </div>`;
}
