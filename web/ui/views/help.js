/* The sheet of keys. */
import { html, signal } from "../lib.js";
import { remember, remembered } from "../state.js";
import { Dialog } from "./common.js";

export const help = signal(false);

const KEYS = [
    ["j  k", "next, previous row"],
    ["Enter  Esc", "open, back to the list"],
    ["g i", "go to incidents"],
    ["g q", "go to the queue of what waits"],
    ["r", "reply"],
    ["b", "write the status message of this incident (never sends by itself)"],
    ["c", "claim; again: release"],
    ["e", "done"],
    ["i", "put into an incident"],
    ["Ctrl+Enter", "send; a status message asks once more"],
    ["z", "undo while the time runs"],
    ["?", "this sheet"],
];

export function Help() {
    const single = remembered("keys", true);
    return html`<${Dialog} title="Keys" onClose=${() => (help.value = false)}>
        <table class="keys"><tbody>
            ${KEYS.map(([keys, what]) => html`<tr><th scope="row">${keys.split(/ +/).map((k) => html`<kbd>${k}</kbd> `)}</th><td>${what}</td></tr>`)}
        </tbody></table>
        <label class="check"><input type="checkbox" defaultChecked=${single}
            onChange=${(/** @type {any} */ e) => remember("keys", e.target.checked)} /> Single keys work (off while typing anyway)</label>
        <p class="actions"><button type="button" class="button" onClick=${() => (help.value = false)}>Close</button></p>
    <//>`;
}
