/* Signing in, and the first admin's page behind the one-time link. */
import { html, useEffect, useRef, useState } from "../lib.js";
import { post, ApiError } from "../api.js";
import { first, go, setSession, session } from "../state.js";

/** @param {{title: string, children?: any}} props */
const Alone = ({ title, children }) =>
    html`<main class="alone"><div class="card">
        <p class="logo"><img src="/icons/logo.svg" alt="" width="24" height="24" /> Breakwater</p>
        <h1>${title}</h1>
        ${children}
    </div></main>`;

/**
 * @param {{name: string, label: string, type?: string, hint?: string, autocomplete?: string, min?: number, bad?: boolean}} props
 */
const Field = ({ name, label, type = "text", hint, autocomplete, min, bad }) =>
    html`<label class="field">
        <span>${label}</span>
        <input name=${name} type=${type} autocomplete=${autocomplete} required minlength=${min} aria-invalid=${bad ? "true" : undefined} />
        ${hint && html`<span class="soft small">${hint}</span>`}
    </label>`;

/**
 * A form that sends its fields and says what went wrong in the server's words.
 * @param {{path: string, extra?: Record<string, any>, action: string, onDone: () => void, children?: any}} props
 */
function Form({ path, extra, action, onDone, children }) {
    const [error, setError] = useState(/** @type {ApiError | null} */ (null));
    const [busy, setBusy] = useState(false);
    const form = useRef(/** @type {HTMLFormElement | null} */ (null));
    useEffect(() => form.current?.querySelector("input")?.focus(), []);
    /** @param {SubmitEvent} event */
    const send = async (event) => {
        event.preventDefault();
        if (busy || !form.current) return;
        setBusy(true);
        setError(null);
        try {
            setSession(await post(path, { ...Object.fromEntries(new FormData(form.current)), ...extra }));
            onDone();
        } catch (e) {
            setError(/** @type {ApiError} */ (e));
        }
        setBusy(false);
    };
    return html`<form ref=${form} onSubmit=${send}>
        ${children}
        ${error && html`<p class="problem" role="alert">${error.message}</p>`}
        <button class=${`button primary ${busy ? "busy" : ""}`} type="submit">${action}</button>
    </form>`;
}

export function SignIn() {
    if (first.value) {
        return html`<${Alone} title="No one has an account yet">
            <p>The first admin makes theirs by the one-time link that Breakwater printed when it started:
                it begins with <code>${location.origin}/first#</code>.</p>
            <p class="soft">The link is gone? Run <code>breakwater user link</code> on the machine it runs on.</p>
        <//>`;
    }
    return html`<${Alone} title="Sign in">
        <${Form} path="/api/session" action="Sign in" onDone=${() => {}}>
            <${Field} name="email" label="E-mail" type="email" autocomplete="username" />
            <${Field} name="password" label="Password" type="password" autocomplete="current-password" />
        <//>
    <//>`;
}

export function First() {
    const [token] = useState(location.hash.slice(1));
    if (session.value) {
        return html`<${Alone} title="You are signed in"><p>This link is not needed any more.</p>
            <p><a class="button primary" href="/">Go to the inbox</a></p><//>`;
    }
    if (!token) {
        return html`<${Alone} title="This link is not complete">
            <p>It ends in a long token after “#”. Copy the whole line that Breakwater printed when it started.</p><//>`;
    }
    return html`<${Alone} title="Make the first account">
        <p class="soft">You will be admin: you may connect channels, send, and give others their roles.</p>
        <${Form} path="/api/first-admin" extra=${{ token }} action="Make the account" onDone=${() => go("/", { replace: true })}>
            <${Field} name="name" label="Your name" autocomplete="name" hint="Colleagues see it; customers see your initials at most." />
            <${Field} name="email" label="E-mail" type="email" autocomplete="username" />
            <${Field} name="password" label="Password" type="password" autocomplete="new-password" min=${10} hint="At least 10 characters." />
        <//>
    <//>`;
}
