/* People complaining, per step, against what is normal: to be read in a second. */
import { html, useEffect, useRef, useState } from "../lib.js";
import uPlot from "/lib/uPlot.esm.js";
import { settled } from "../merge.js";
import { go, reload, useResource } from "../state.js";
import { Empty, Problem } from "./common.js";
import { marked, number, people } from "../words.js";

/** @typedef {import("../types.d.ts").ChartData} ChartData */

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "short" });
/** @param {number} s epoch seconds */
const label = (s) => clock.format(s * 1000);

/** The line of an incident begins with it, not with the chart. @param {(number | null)[]} values */
function begun(values) {
    const first = values.findIndex((v) => v);
    return first < 0 ? null : values.map((v, i) => (i < first - 1 ? null : v));
}

/** @param {ChartData} data */
function columns(data) {
    const start = +new Date(data.from) / 1000;
    const xs = data.all.map((_, i) => start + (i + 0.5) * data.step_s); /* a step's figure stands in its middle */
    const runs = start + data.all.length * data.step_s > Date.now() / 1000;
    const [all, incident] = [data.all, data.incident || []].map((values) => (runs ? settled(values) : values));
    return /** @type {any} */ ([xs, data.high, data.low, all, begun(incident) || data.all.map(() => null)]);
}

/** @param {string} name */
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Marks as dotted lines with their words on top; where two would overlap, the later one goes lower.
 * @param {uPlot} plot @param {ChartData} data */
function drawMarks(plot, data) {
    const { ctx, bbox } = plot;
    const scale = devicePixelRatio;
    const taken = [-1e9, -1e9, -1e9];
    ctx.save();
    ctx.font = `${11 * scale}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    for (const mark of data.marks) {
        const x = plot.valToPos(+new Date(mark.at) / 1000, "x", true);
        if (x < bbox.left || x > bbox.left + bbox.width) continue;
        const what = marked(mark);
        if (what === null) continue;
        const words = `${what} ${label(+new Date(mark.at) / 1000)}`;
        const width = ctx.measureText(words).width;
        const left = Math.max(bbox.left, Math.min(x - width / 2, bbox.left + bbox.width - width));
        const line = taken.findIndex((end) => left > end + 6 * scale);
        const color = token(mark.kind === "suspected" || mark.kind === "opened" ? "--amber" : mark.kind === "phase" && mark.text === "resolved" ? "--green" : "--blue");
        ctx.strokeStyle = ctx.fillStyle = color;
        ctx.lineWidth = scale;
        ctx.setLineDash([3 * scale, 3 * scale]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top - 2 * scale);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        if (line < 0) continue;
        taken[line] = left + width;
        ctx.fillText(words, left, bbox.top - (6 + line * 13) * scale);
    }
    ctx.restore();
}

/**
 * @param {HTMLElement} element @param {ChartData} data @param {(i: number | null) => void} onHover
 * @param {(i: number) => void} onPick
 */
function plotInto(element, data, onHover, onPick) {
    const blue = token("--blue"), soft = token("--soft"), line = token("--line"), band = token("--band");
    const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const rows = Math.min(3, data.marks.length);
    const plot = new uPlot(
        {
            width: Math.max(200, element.clientWidth),
            height: element.clientWidth < 480 ? 180 : 210,
            padding: [10 + rows * 13, 18, 0, 0],
            legend: { show: false },
            /* to the end of the newest step, where the newest marks are */
            scales: { x: { range: (_, from, to) => [from - data.step_s / 2, to + data.step_s / 2] }, y: { range: (_, __, top) => [0, Math.max(5, (top || 0) * 1.08)] } },
            axes: [
                { ...axis, grid: { show: false }, size: 26, space: 64,
                  values: (_, at) => at.map((s) => (label(s) === "00:00" ? weekday.format(s * 1000) : label(s))) },
                { ...axis, size: 34, space: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
            ],
            series: [
                {},
                { stroke: "transparent", points: { show: false } },
                { stroke: "transparent", points: { show: false } },
                { stroke: data.incident ? soft : blue, width: data.incident ? 1 : 2, points: { show: false } },
                { stroke: blue, width: 2, fill: token("--fill"), points: { show: false } },
            ],
            bands: [{ series: [1, 2], fill: band }],
            cursor: {
                y: false,
                drag: { x: false, y: false },
                points: { size: 7 },
            },
            hooks: {
                draw: [(u) => drawMarks(u, data)],
                setCursor: [(u) => onHover(u.cursor.idx ?? null)],
            },
        },
        columns(data),
        element,
    );
    plot.over.addEventListener("click", () => plot.cursor.idx != null && onPick(plot.cursor.idx));
    return plot;
}

/** What the figures of one step say. @param {{data: ChartData, i: number}} props */
function Reading({ data, i }) {
    const at = +new Date(data.from) / 1000 + i * data.step_s;
    const all = data.all[i], mine = data.incident?.[i], low = data.low[i], high = data.high[i];
    const parts = [`${label(at)} to ${label(at + data.step_s)}:`];
    if (mine != null) parts.push(`${number(mine)} in this incident,`);
    parts.push(all == null ? "not known yet" : `${data.incident ? `${number(all)} in all` : `${people(all)}`}`);
    if ((at + data.step_s) * 1000 > Date.now()) parts.push("so far");
    if (low != null && high != null) parts.push(`· normal is ${number(Math.round(low))} to ${number(Math.round(high))}`);
    return html`<span>${parts.join(" ")}</span>`;
}

/** @param {{data: ChartData, rows: string}} props */
function Table({ data, rows }) {
    const start = +new Date(data.from) / 1000;
    const steps = data.all.map((all, i) => ({ all, i, at: start + i * data.step_s })).reverse();
    return html`<div class="scroll table-scroll" tabindex="0" role="region" aria-label="Figures"><table class="figures">
        <thead><tr><th scope="col">From</th>${data.incident && html`<th scope="col">This incident</th>`}<th scope="col">All</th><th scope="col">Normal</th></tr></thead>
        <tbody>${steps.map(({ all, i, at }) => html`<tr key=${at}>
            <th scope="row">${weekday.format(at * 1000)} ${label(at)}</th>
            ${data.incident && html`<td>${data.incident[i] == null ? "–" : rows && data.incident[i]
                ? html`<a href=${window(rows, at, data.step_s)}>${data.incident[i]}</a>` : data.incident[i]}</td>`}
            <td>${all == null ? "–" : number(all)}</td>
            <td>${data.low[i] == null ? "–" : `${Math.round(data.low[i] ?? 0)} to ${Math.round(data.high[i] ?? 0)}`}</td>
        </tr>`)}</tbody>
    </table></div>`;
}

/** @param {string} rows @param {number} at @param {number} step */
const window = (rows, at, step) =>
    `${rows}?from=${encodeURIComponent(new Date(at * 1000).toISOString())}&to=${encodeURIComponent(new Date((at + step) * 1000).toISOString())}`;

/**
 * @param {{path: string, topics: string[], title: string, hours: number[], rows?: string, since?: string}} props
 *        `rows`: the page that lists who is behind a step; `since`: what should be in sight at first
 */
export function Chart({ path, topics, title, hours, rows = "", since = "" }) {
    const [span, setSpan] = useState(() => (since ? hours.find((h) => h * 3600e3 > 3 * (Date.now() - +new Date(since))) || hours[hours.length - 1] : hours[1]));
    const [hover, setHover] = useState(/** @type {number | null} */ (null));
    const [table, setTable] = useState(false);
    const [redraw, setRedraw] = useState(0);
    const box = useRef(/** @type {HTMLElement | null} */ (null));
    const plot = useRef(/** @type {uPlot | null} */ (null));
    const last = useRef(/** @type {ChartData | null} */ (null));
    const res = /** @type {import("../types.d.ts").Resource<ChartData>} */ (useResource(`${path}?hours=${span}`, topics, 5000));
    const data = res.data.value || last.current;
    last.current = data;
    const empty = data && !data.all.some((v) => v);

    useEffect(() => {
        const timer = setInterval(() => reload(res), 30000);
        return () => clearInterval(timer);
    }, [res]);
    useEffect(() => {
        const dark = matchMedia("(prefers-color-scheme: dark)");
        const again = () => setRedraw((n) => n + 1);
        dark.addEventListener("change", again);
        let width = 0;
        const sizes = new ResizeObserver(() => {
            if (box.current && Math.abs(box.current.clientWidth - width) > 3) {
                width = box.current.clientWidth;
                again();
            }
        });
        if (box.current) sizes.observe(box.current);
        return () => {
            dark.removeEventListener("change", again);
            sizes.disconnect();
        };
    }, [!data || !!empty]);
    const marks = data ? JSON.stringify(data.marks) + !!data.incident : "";
    useEffect(() => {
        if (!box.current || !data || empty) return;
        /* the newest data, not that of the first drawing */
        plot.current = plotInto(box.current, data, setHover, (i) => {
            const shown = last.current;
            if (rows && shown) go(window(rows, +new Date(shown.from) / 1000 + i * shown.step_s, shown.step_s));
        });
        return () => {
            plot.current?.destroy();
            plot.current = null;
        };
    }, [marks, redraw, !data || !!empty]);
    useEffect(() => {
        if (plot.current && data && !empty) plot.current.setData(columns(data));
    }, [data]);

    return html`<section class="card chart" aria-labelledby="chart-title">
        <div class="card-head"><h2 id="chart-title">${title}</h2>
            <span class="segments small" role="group" aria-label="Time shown">${hours.map((h) => html`<button type="button"
                aria-pressed=${span === h ? "true" : "false"} onClick=${() => setSpan(h)}>${h < 100 ? `${h} h` : `${h / 24} days`}</button>`)}</span>
        </div>
        ${res.error.value && res.error.value.status !== 0 && html`<${Problem} error=${res.error.value} again=${() => reload(res)} />`}
        ${empty ? html`<${Empty} title="No complaints in this time">The line begins with the first.<//>`
        : html`<div class="plot" ref=${box} role="img" aria-label=${data ? spoken(data) : "Chart"}></div>`}
        ${data && !empty && html`<div class="legend soft small">
            ${hover !== null && hover < data.all.length ? html`<${Reading} data=${data} i=${hover} />` : html`
                ${data.incident && html`<span><i class="key line"></i>this incident</span>`}
                <span><i class=${`key ${data.incident ? "thin" : "line"}`}></i>all complaints</span>
                <span><i class="key band"></i>normal for this hour of the week</span>`}
            <button type="button" class="link" aria-expanded=${table ? "true" : "false"} onClick=${() => setTable(!table)}>${table ? "Hide the figures" : "As a table"}</button>
        </div>`}
        ${table && data && html`<${Table} data=${data} rows=${rows} />`}
    </section>`;
}

/** The chart in a sentence. @param {ChartData} data */
function spoken(data) {
    const values = data.incident || data.all;
    let top = 0;
    values.forEach((v, i) => {
        if ((v ?? 0) > (values[top] ?? 0)) top = i;
    });
    const latest = [...values].reverse().find((v) => v != null) ?? 0;
    const at = +new Date(data.from) / 1000 + top * data.step_s;
    return `Line: ${people(values[top] ?? 0)} at most, at ${label(at)}; ${people(latest)} in the newest step. The same figures are in the table.`;
}
