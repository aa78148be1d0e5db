/* The inbox: who looks, where they stand, the frame around every page, and the keys that work everywhere. */
import { html, render, effect, useEffect } from "./lib.js";
import { get, ApiError } from "./api.js";
import {
    api, back, brand, changed, first, go, here, listen, lostSince, notes, now, outdated, overview, remember, remembered, route,
    say, session, setSession, undoables, undoLast, dropUndo, useResource,
} from "./state.js";
import { Button, keymaps } from "./views/common.js";
import { SignIn, First } from "./views/sign-in.js";
import { Header } from "./views/header.js";
import { Nav } from "./views/nav.js";
import { ListColumn } from "./views/lists.js";
import { Home } from "./views/home.js";
import { IncidentPage } from "./views/incident.js";
import { PeoplePage } from "./views/people.js";
import { ConversationPage } from "./views/conversation.js";
import { DeliveriesPage } from "./views/deliveries.js";
import { ChannelsPage } from "./views/channels.js";
import { QuarantinePage } from "./views/quarantine.js";
import { Help, help } from "./views/help.js";
import { seconds, span } from "./words.js";

/** @param {string} slug */
const lastBrand = (slug) => session.value?.brands.find((b) => b.slug === slug) || session.value?.brands[0];

async function start() {
    try {
        setSession(await get("/api/session"));
    } catch (error) {
        const e = error instanceof ApiError ? error : new ApiError(0, null);
        if (e.status === 401) {
            first.value = !!e.body.first;
            setSession(null);
        } else {
            setTimeout(start, 3000);
        }
    }
}

/* Where one may be depends on being signed in; the way there is kept. */
effect(() => {
    const who = session.value, at = route.value;
    if (who === undefined) return;
    if (who && (at.page === "home" || at.page === "sign-in")) {
        const next = at.query.get("next");
        const mine = lastBrand(remembered("brand", ""));
        if (next && next.startsWith("/b/")) go(next, { replace: true });
        else if (mine) go(`/b/${encodeURIComponent(mine.slug)}`, { replace: true });
    } else if (!who && at.page !== "sign-in" && at.page !== "first") {
        const path = location.pathname + location.search;
        go(path === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(path)}`, { replace: true });
    }
});
effect(() => listen(session.value && brand.value ? brand.value.slug : ""));

const PAGES = /** @type {Record<string, any>} */ ({
    inbox: Home, list: Home, incident: IncidentPage, people: PeoplePage, conversation: ConversationPage,
    deliveries: DeliveriesPage, channels: ChannelsPage, quarantine: QuarantinePage, volume: Home,
});
const WIDE = ["deliveries", "channels", "quarantine", "volume"];

/** The one column that a phone shows. */
function column() {
    const at = route.value;
    if (at.view === "views") return "nav";
    return at.page === "inbox" || at.page === "list" ? "list" : "detail";
}

function Frame() {
    const at = route.value;
    const res = useResource(/** @type {string} */ (api("overview")), ["overview"]);
    overview.value = /** @type {any} */ (res);
    useEffect(() => {
        /* Poll times move without an event; the header counts from them. */
        const timer = setInterval(() => changed(["overview"]), 20000);
        return () => clearInterval(timer);
    }, []);
    const Page = PAGES[at.page];
    const wide = WIDE.includes(at.page);
    useEffect(() => {
        remember("brand", at.brand);
    }, [at.brand]);
    return html`<div class=${`frame at-${column()} ${wide ? "is-wide" : ""}`}>
        <a class="skip" href="#detail">Skip to the content</a>
        <${Header} />
        <${Bars} />
        <nav class="col nav" aria-label="Views"><${Nav} /></nav>
        ${!wide && html`<section class="col list" aria-label="What waits"><${ListColumn} /></section>`}
        <main class="col detail" id="detail" tabindex="-1"><${Page} key=${at.page + at.id} /></main>
        <${Foot} />
        ${help.value && html`<${Help} />`}
    </div>`;
}

/** What stands above everything: is what I see true? */
function Bars() {
    const lost = lostSince.value;
    return html`<div class="bars">
        ${lost !== null && now.value - lost > 1500 &&
        html`<div class="topbar amber" role="alert">
            Connection lost at ${seconds(lost)}, ${span(now.value - lost)} ago. What you see is from then. Go on writing: drafts are
            safe here, and it reconnects by itself.
        </div>`}
        ${outdated.value &&
        html`<div class="topbar blue" role="status">
            Breakwater was updated. <${Button} small onClick=${() => location.reload()}>Reload when it suits you<//>
        </div>`}
    </div>`;
}

/** What was just done, and what can still be taken back. */
function Foot() {
    return html`<div class="foot">
        ${undoables.value.map(
            (u) => html`<div class="toast" key=${u.id} role="status">
                <span>${u.text}<span aria-hidden="true"> in ${span(Math.max(0, u.until - now.value))}</span></span>
                <${Button} small k="z" onClick=${() => { dropUndo(u.id); return u.undo(); }}>Undo<//>
            </div>`,
        )}
        ${notes.value.map((n) => html`<div class=${`toast ${n.tone}`} key=${n.id} role=${n.tone ? "alert" : "status"}>${n.text}</div>`)}
    </div>`;
}

function Lost() {
    return html`<main class="alone"><div class="card">
        <h1>There is nothing here</h1>
        <p>The address leads nowhere, or to a brand you have no role in. An admin can give you one.</p>
        <p><a class="button" href="/">Go to your inbox</a></p>
    </div></main>`;
}

function App() {
    const who = session.value, at = route.value;
    if (at.page === "first") return html`<${First} />`;
    if (who === undefined) return html`<main class="alone"><p class="soft loading" role="status">Loading</p></main>`;
    if (!who) return html`<${SignIn} />`;
    if (at.page === "home" || at.page === "sign-in") {
        return html`<main class="alone"><div class="card"><h1>No brand yet</h1>
            <p>You are signed in, but have no role in any brand. An admin can give you one.</p></div></main>`;
    }
    if (!brand.value || !PAGES[at.page]) return html`<${Lost} />`;
    return html`<${Frame} key=${at.brand} />`;
}

/* ---- links stay in the page ---- */

document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname !== "/" && !link.pathname.startsWith("/b/")) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    go(link.pathname + link.search);
});

/* ---- keys ---- */

/** @param {EventTarget | null} target */
const isTyping = (target) =>
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** @param {number} step */
function moveInList(step) {
    const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".col.list a.row")]);
    const wide = rows.length ? rows : /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".detail a.row")]);
    if (!wide.length) return;
    let at = wide.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (at < 0) at = wide.findIndex((row) => row.getAttribute("aria-current") === "true");
    const next = wide[at < 0 ? (step > 0 ? 0 : wide.length - 1) : Math.max(0, Math.min(wide.length - 1, at + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
}

/** Back to the list, at the row one came from. */
function escape() {
    const current = /** @type {HTMLElement | null} */ (document.querySelector('.col.list a.row[aria-current="true"]'));
    const page = route.value.page;
    if (page === "inbox" || page === "list") return;
    if (matchMedia("(max-width: 820px)").matches || !current) back(here());
    else current.focus();
}

let went = 0; /* when "g" was pressed */
document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.metaKey) return;
    const typing = isTyping(event.target);
    if (event.ctrlKey) {
        if (event.key === "Enter") run("Ctrl+Enter", event);
        return;
    }
    if (event.key === "Escape") {
        if (document.querySelector("dialog[open]")) return;
        if (typing) /** @type {HTMLElement} */ (event.target).blur();
        else escape();
        return;
    }
    if (typing || document.querySelector("dialog[open]") || !remembered("keys", true)) return;
    if (went && Date.now() - went < 1500) {
        went = 0;
        if (event.key === "i") go(here());
        else if (event.key === "q") go(here("waiting"));
        else return;
        event.preventDefault();
        return;
    }
    if (event.key === "g") went = Date.now();
    else if (event.key === "j") moveInList(1);
    else if (event.key === "k") moveInList(-1);
    else if (event.key === "?") help.value = true;
    else if (event.key === "z") undoLast();
    else if (!run(event.key, event)) return;
    if (event.key !== "g") event.preventDefault();
});

/** @param {string} key @param {KeyboardEvent} event */
function run(key, event) {
    for (let i = keymaps.length - 1; i >= 0; i--) {
        const action = keymaps[i][key];
        if (!action) continue;
        event.preventDefault();
        const result = action(event);
        if (result instanceof Promise) result.catch((/** @type {Error} */ e) => say(e.message, "bad"));
        return true;
    }
    return false;
}

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
start();
