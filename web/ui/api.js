/* Calls to the server (docs/api.md). Knows nothing of the screen: an answer that is no success
 * becomes an ApiError whose message is the server's own sentence. */

export class ApiError extends Error {
    /**
     * @param {number} status 0 when the server was not reached
     * @param {any} body
     */
    constructor(status, body) {
        super((body && body.error) || sentence(status));
        this.status = status;
        this.body = body || {};
    }
}

/** @param {number} status */
function sentence(status) {
    if (status === 0) return "Breakwater cannot be reached. What you wrote is safe here; it tries again.";
    if (status === 401) return "You are signed out. Sign in again to go on.";
    if (status === 403) return "You have no right to do this.";
    if (status === 404) return "This does not exist, or not for you.";
    if (status === 409) return "Somebody changed this first.";
    if (status === 429) return "Too many tries. Wait a few minutes.";
    if (status === 503) return "The database is away. Nothing is lost; it tries again.";
    return `The server answered ${status} and gave no reason.`;
}

const PATIENCE = 30000; /* ms until an answer counts as lost */

let csrf = "";
/** @param {string} token */
export function setCsrf(token) {
    csrf = token;
}

/** @type {(error: ApiError) => void} */
let listener = () => {};
/** Told of every failed call, before the caller is. @param {(error: ApiError) => void} callback */
export function onApiError(callback) {
    listener = callback;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @param {{keepalive?: boolean}} [options]
 * @returns {Promise<any>} the answer's JSON; null for 204
 */
export async function call(method, path, body, options = {}) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (method !== "GET" && csrf) headers["X-CSRF-Token"] = csrf;
    let response, data;
    try {
        response = await fetch(path, {
            method,
            headers,
            body: body === undefined ? undefined : JSON.stringify(body),
            credentials: "same-origin",
            keepalive: options.keepalive,
            signal: AbortSignal.timeout(PATIENCE),
        });
        /* half an answer is none: whether it was done is not known */
        if (response.ok) data = response.status === 204 ? null : await response.json();
        else data = await response.json().catch(() => null);
    } catch {
        const error = new ApiError(0, null);
        listener(error);
        throw error;
    }
    if (!response.ok) {
        const error = new ApiError(response.status, data);
        listener(error);
        throw error;
    }
    return data;
}

/** @param {string} path */
export const get = (path) => call("GET", path);
/** @param {string} path @param {any} [body] */
export const post = (path, body = {}) => call("POST", path, body);
/** @param {string} path @param {any} body */
export const patch = (path, body) => call("PATCH", path, body);
/** @param {string} path @param {any} body @param {{keepalive?: boolean}} [options] */
export const put = (path, body, options) => call("PUT", path, body, options);
/** @param {string} path */
export const del = (path) => call("DELETE", path);

/** A client token: the same click sent twice is done once. */
export function token() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
