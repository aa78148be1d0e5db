/* The line above everything: which brand, are its channels alive, who am I. */
import { html, useEffect, useRef, useState } from "../lib.js";
import { del } from "../api.js";
import { brand, go, here, now, overview, remember, session, setSession } from "../state.js";
import { help } from "./help.js";
import { some, span } from "../words.js";

/** @param {import("../types.d.ts").Overview | null | undefined} data */
function health(data) {
    const channels = data?.channels || [];
    const broken = channels.filter((c) => c.state === "failing" || c.state === "stopped");
    const polled = Math.max(0, ...channels.map((c) => (c.polled_at ? +new Date(c.polled_at) : 0)));
    const last = polled ? `last poll ${span(now.value - polled)} ago` : "no poll yet";
    if (!channels.length) return { tone: "soft", text: data ? "no channels yet" : "", short: "no channels" };
    if (broken.length) {
        return { tone: "red", text: `${broken.length} of ${some(channels.length, "channel")} ${broken.length === 1 ? "is" : "are"} failing`, short: `${broken.length} failing` };
    }
    return { tone: "green", text: `${some(channels.length, "channel")}, ${last}`, short: polled ? `${span(now.value - polled)} ago` : "no poll yet" };
}

export function Header() {
    const who = session.value, data = overview.value?.data.value, is = health(data);
    return html`<header class="top">
        <a class="menu button quiet" href=${here("views")} aria-label="Views"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 4h12M2 8h12M2 12h12" /></svg></a>
        <a class="logo" href=${here()} aria-label="Breakwater: incidents"><img src="/icons/logo.svg" alt="" width="22" height="22" /><span>Breakwater</span></a>
        <${Brands} />
        ${brand.value?.demo && html`<span class="demo" title="Made-up people and messages. Nothing leaves this machine.">Demo</span>`}
        ${is.text && html`<a class="health" href=${here("channels")}><span class=${`dot ${is.tone}`}></span><span class="health-long">${is.text}</span><span class="health-short">${is.short}</span></a>`}
        ${!!data?.unsorted && html`<span class="soft sorting" role="status">${some(data.unsorted, "message")} being sorted</span>`}
        <span class="grow"></span>
        <${Me} who=${who} />
    </header>`;
}

function Brands() {
    const mine = session.value?.brands || [];
    if (mine.length < 2) return html`<span class="brand">${brand.value?.name}</span>`;
    return html`<select class="brand" aria-label="Brand" value=${brand.value?.slug}
        onChange=${(/** @type {any} */ e) => { remember("brand", e.target.value); go(`/b/${encodeURIComponent(e.target.value)}`); }}>
        ${mine.map((b) => html`<option value=${b.slug}>${b.name}</option>`)}
    </select>`;
}

/** @param {{who: import("../types.d.ts").Session | null | undefined}} props */
function Me({ who }) {
    const [open, setOpen] = useState(false);
    const ref = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        if (!open) return;
        /** @param {Event} e */
        const close = (e) => {
            if (e instanceof KeyboardEvent ? e.key === "Escape" : !ref.current?.contains(/** @type {Node} */ (e.target))) setOpen(false);
        };
        document.addEventListener("click", close);
        document.addEventListener("keydown", close);
        return () => {
            document.removeEventListener("click", close);
            document.removeEventListener("keydown", close);
        };
    }, [open]);
    if (!who) return null;
    const out = async () => {
        await del("/api/session");
        setSession(null);
    };
    return html`<div class="me" ref=${ref}>
        <button type="button" class="initials" aria-expanded=${open ? "true" : "false"} aria-label=${`${who.user.name}: account`}
            onClick=${() => setOpen(!open)}>${who.user.initials}</button>
        ${open && html`<div class="popup">
            <p class="strong">${who.user.name}</p>
            <p class="soft small">${who.user.email}</p>
            <p class="soft small">${brand.value?.roles.join(", ")}</p>
            <button type="button" class="button quiet" onClick=${() => { setOpen(false); help.value = true; }}>Keys <kbd>?</kbd></button>
            <button type="button" class="button quiet" onClick=${out}>Sign out</button>
        </div>`}
    </div>`;
}
