/* The small parts every view is made of. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { settled } from "../merge.js";
import { brand, now, say } from "../state.js";
import { exact, moment, span, TONES } from "../words.js";

/**
 * A button that shows its key on hover and stays put while its work is under way.
 * @param {{onClick: (e: Event) => any, k?: string, tone?: string, disabled?: boolean, why?: string | null,
 *          children?: any, label?: string, small?: boolean, type?: string, id?: string}} props
 *        `why`: the reason it cannot be pressed, shown on hover
 */
export function Button({ onClick, k, tone = "", disabled, why, children, label, small, type = "button", id }) {
    const [busy, setBusy] = useState(false);
    const alive = useRef(true);
    useEffect(() => () => void (alive.current = false), []);
    /** @param {Event} event */
    const press = async (event) => {
        if (busy || disabled || why) return;
        const result = onClick(event);
        if (!(result instanceof Promise)) return;
        setBusy(true);
        try {
            await result;
        } catch (error) {
            say(/** @type {Error} */ (error).message, "bad");
        }
        if (alive.current) setBusy(false);
    };
    return html`<button type=${type} id=${id} class=${`button ${tone} ${small ? "small" : ""} ${busy ? "busy" : ""}`}
        aria-disabled=${disabled || why || busy ? "true" : undefined} aria-label=${label}
        aria-keyshortcuts=${k} title=${why || (k ? `Key: ${k}` : undefined)} onClick=${press}>
        ${children}${k && html`<kbd aria-hidden="true">${k}</kbd>`}
    </button>`;
}

/** @param {{at: string | number | null, prefix?: string, brief?: boolean}} props */
export function When({ at, prefix = "", brief }) {
    if (!at) return null;
    return html`<time dateTime=${new Date(at).toISOString()} title=${exact(at)}>${prefix}${moment(at, now.value, brief)}</time>`;
}

/** @param {{at: string | number}} props */
export function Since({ at }) {
    return html`<time dateTime=${new Date(at).toISOString()} title=${exact(at)}>${span(now.value - +new Date(at))}</time>`;
}

/** A state, always as a word. @param {{state: string, word?: string}} props */
export const State = ({ state, word }) => html`<span class=${`state ${TONES[state] || "soft"}`}>${word || state}</span>`;

/** What a list says when there is nothing, and what to do next. @param {{title: string, children?: any}} props */
export const Empty = ({ title, children }) =>
    html`<div class="empty"><p class="strong">${title}</p><p>${children}</p></div>`;

/** What failed, what still works, try again. @param {{error: import("../api.js").ApiError, again?: () => any}} props */
export function Problem({ error, again }) {
    const who = error.body.who;
    return html`<div class="problem" role="alert">
        <p>${error.message}</p>
        ${who && html`<p class="soft">Who can: ${[].concat(who).join(", ")}.</p>`}
        ${again && error.status !== 403 && error.status !== 404 &&
        html`<p><${Button} small onClick=${again}>Try again<//></p>`}
    </div>`;
}

/**
 * The content of one resource in each of its states: the old content stays while new is read.
 * @param {{of: import("../types.d.ts").Resource<any>, draw: (data: any) => any, again: () => any}} props
 */
export function Shown({ of, draw, again }) {
    const data = of.data.value, error = of.error.value;
    if (!data && error) return html`<div class="page"><${Problem} error=${error} again=${again} /></div>`;
    if (!data) return html`<div class="page"><p class="soft loading" role="status">Loading</p></div>`;
    return html`${error && error.status !== 0 && html`<div class="page-note"><${Problem} error=${error} again=${again} /></div>`}
        ${draw(data)}`;
}

/**
 * A modal question. Esc and a click beside it close it, unless it is at work.
 * @param {{title: string, onClose: () => void, children?: any, wide?: boolean, onKeyDown?: (e: KeyboardEvent) => void}} props
 */
export function Dialog({ title, onClose, children, wide, onKeyDown }) {
    const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
    useEffect(() => {
        const before = document.activeElement;
        ref.current?.showModal();
        return () => {
            if (before instanceof HTMLElement && before.isConnected) before.focus();
        };
    }, []);
    return html`<dialog ref=${ref} class=${wide ? "wide" : ""} aria-labelledby="dialog-title"
        onClose=${onClose} onKeyDown=${onKeyDown}
        onClick=${(/** @type {MouseEvent} */ e) => e.target === ref.current && ref.current?.close()}>
        <div class="dialog-body">
            <h2 id="dialog-title">${title}</h2>
            ${children}
        </div>
    </dialog>`;
}

/** How full something is, as a bar beside its figures. @param {{part: number, of: number | null, tone?: string}} props */
export function Bar({ part, of, tone = "blue" }) {
    const share = of ? Math.min(1, part / of) : 0;
    return html`<svg class=${`bar ${tone}`} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar-all" width="100" height="6" rx="3" />
        <rect class="bar-part" width=${share * 100} height="6" rx="3" />
    </svg>`;
}

/** @param {{values: number[], label: string}} props */
export function Spark({ values, label }) {
    if (!values || values.length < 2) return null;
    values = /** @type {number[]} */ (settled(values).filter((v) => v !== null));
    const top = Math.max(...values, 1);
    const points = values.map((v, i) => `${((i / (values.length - 1)) * 68 + 1).toFixed(1)},${(19 - (v / top) * 17).toFixed(1)}`);
    return html`<svg class="spark" viewBox="0 0 70 20" role="img" aria-label=${label}><polyline points=${points.join(" ")} /></svg>`;
}

/** The name of the page, for the tab and for those who hear it. @param {string} name */
export function useTitle(name) {
    useEffect(() => {
        document.title = [name, brand.value?.name, "Breakwater"].filter(Boolean).join(" · ");
    }, [name]);
}

/** Keys of the view that is open; the last one opened that knows a key has it.
 * @type {Record<string, (e: KeyboardEvent) => any>[]} */
export const keymaps = [];
/** @param {Record<string, (e: KeyboardEvent) => any>} map @param {any[]} deps */
export function useKeys(map, deps) {
    /* at once with the drawing: a key pressed now means what is seen now */
    useLayoutEffect(() => {
        keymaps.push(map);
        return () => void keymaps.splice(keymaps.indexOf(map), 1);
    }, deps);
}
