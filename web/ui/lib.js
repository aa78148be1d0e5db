/* The libraries the inbox draws with, under one name; the build copies them out of node_modules. */
import { h, render, Fragment } from "/lib/preact.module.js";
import htm from "/lib/htm.module.js";

export { useState, useEffect, useLayoutEffect, useRef, useMemo } from "/lib/hooks.module.js";
export { signal, computed, effect, batch, useSignal, useComputed } from "/lib/signals.module.js";
export { h, render, Fragment };

/** @type {(strings: TemplateStringsArray, ...values: any[]) => import("/lib/preact.module.js").VNode} */
export const html = /** @type {any} */ (htm.bind(/** @type {any} */ (h)));
