/* Drafts of status messages: in the browser with every key, on the server within a second of the last
 * one, so that neither a lost connection nor a lost laptop loses what was written. */
import { useEffect, useRef, useState } from "./lib.js";
import { put, ApiError } from "./api.js";
import { api, lostSince, remember, remembered, route } from "./state.js";

/** @typedef {{drafts: Record<string, string>, fields: Record<string, string>}} Draft */

const PAUSE = 700;

/** @param {Draft} d */
const same = (d) => JSON.stringify([Object.entries(d.drafts).filter(([, t]) => t).sort(), Object.entries(d.fields).filter(([, t]) => t).sort()]);

/**
 * @param {import("./types.d.ts").Incident} incident
 * @returns {{draft: Draft, change: (draft: Draft) => void, savedAt: string | null, state: "saved" | "saving" | "kept here",
 *            problem: string, theirs: Draft | null, take: () => void, ignore: () => void}}
 *          `theirs`: what a colleague saved meanwhile
 */
export function useDraft(incident) {
    const key = `draft:${route.value.brand}:${incident.id}`;
    const path = api(`incidents/${incident.id}/drafts`);
    const server = { drafts: incident.drafts || {}, fields: incident.fields || {} };
    const [draft, setDraft] = useState(() => /** @type {Draft} */ (remembered(key, null) || server));
    const [savedAt, setSavedAt] = useState(incident.draft_saved_at);
    const [state, setState] = useState(/** @type {"saved" | "saving" | "kept here"} */ (remembered(key, null) ? "kept here" : "saved"));
    const [problem, setProblem] = useState("");
    const [theirs, setTheirs] = useState(/** @type {Draft | null} */ (null));
    const latest = useRef(draft);
    const dirty = useRef(!!remembered(key, null));
    const known = useRef(new Set([same(server)]));
    const timer = useRef(0);
    const busy = useRef(false);

    async function save() {
        clearTimeout(timer.current);
        timer.current = 0;
        if (!dirty.current || busy.current) return;
        busy.current = true;
        const sent = latest.current;
        known.current.add(same(sent));
        setState("saving");
        try {
            const answer = await put(path, sent, { keepalive: true });
            setSavedAt(answer?.draft_saved_at || new Date().toISOString());
            setProblem("");
            if (latest.current === sent) {
                dirty.current = false;
                remember(key, undefined);
                setState("saved");
            } else {
                timer.current = setTimeout(save, PAUSE);
            }
        } catch (error) {
            const status = error instanceof ApiError ? error.status : 0;
            setState("kept here");
            setProblem(status >= 400 && status < 500 ? /** @type {Error} */ (error).message : "");
            if (status === 0 || status >= 500) timer.current = setTimeout(save, 5000);
        }
        busy.current = false;
    }

    useEffect(() => {
        if (dirty.current) save();
        /* leaving the page sends what the pause still held back */
        const leave = () => void save();
        addEventListener("pagehide", leave);
        return () => {
            removeEventListener("pagehide", leave);
            save();
        };
    }, []);
    const lost = lostSince.value === null;
    useEffect(() => {
        if (lost && dirty.current) save();
    }, [lost]);
    useEffect(() => {
        if (known.current.has(same(server)) || same(server) === same(latest.current)) return;
        const typing = document.activeElement instanceof HTMLElement && !!document.activeElement.closest(".composer");
        if (dirty.current || typing) {
            setTheirs(server);
            return;
        }
        known.current.add(same(server));
        latest.current = server;
        setDraft(server);
        setSavedAt(incident.draft_saved_at);
    }, [same(server)]);

    return {
        draft,
        savedAt,
        state,
        problem,
        theirs,
        change(next) {
            latest.current = next;
            dirty.current = true;
            remember(key, next);
            setDraft(next);
            if (!timer.current) timer.current = setTimeout(save, PAUSE);
        },
        take() {
            if (!theirs) return;
            known.current.add(same(theirs));
            latest.current = theirs;
            dirty.current = false;
            remember(key, undefined);
            setDraft(theirs);
            setState("saved");
            setTheirs(null);
        },
        ignore() {
            if (theirs) known.current.add(same(theirs));
            setTheirs(null);
        },
    };
}
