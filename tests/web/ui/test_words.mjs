/* What the screen says, and how a list takes in news: without a browser. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const words = await import(join(ROOT, "web/ui/words.js"));
const { merge, settled } = await import(join(ROOT, "web/ui/merge.js"));

test("types: the browser's code passes the strict check", () => {
    const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
    try {
        execFileSync(process.execPath, [tsc, "-p", ROOT], { encoding: "utf8", stdio: "pipe" });
    } catch (error) {
        assert.fail(error.stdout || error.message);
    }
});

test("spans of time", () => {
    for (const [ms, text] of [[0, "0 s"], [4400, "4 s"], [59_400, "59 s"], [60_000, "1 min"], [21 * 60_000, "21 min"],
        [3 * 3600_000, "3 h"], [3 * 3600_000 + 600_000, "3 h 10 min"], [24 * 3600_000, "1 day"], [50 * 3600_000, "2 days"], [-5, "0 s"]]) {
        assert.equal(words.span(ms), text);
    }
});

test("people are counted in words", () => {
    assert.equal(words.people(1), "1 person");
    assert.equal(words.people(0), "0 people");
    assert.equal(words.people(12345), "12,345 people");
});

test("fields in a text: known ones are filled in, others stay to be seen", () => {
    assert.deepEqual(words.fieldsIn("a {eta} b{x}"), [
        { text: "a ", field: null }, { text: "{eta}", field: "eta" }, { text: " b", field: null }, { text: "{x}", field: "x" }]);
    assert.equal(words.filled("until {next_update}: {workaround}", { next_update: "15:00", workaround: "" }), "until 15:00: {workaround}");
    assert.equal(words.filled("{Not a field} {}", {}), "{Not a field} {}");
});

test("languages stand in one order, once each, by their own name", () => {
    assert.deepEqual(words.inOrder(["lb", "fr", "de", "fr", "-", "", "en"]), ["de", "en", "fr", "lb"]);
    assert.equal(words.language("lb"), "Lëtzebuergesch");
    assert.equal(words.language(null), "unknown language");
});

const rows = (...ids) => ids.map((id) => ({ id, text: `old ${id}` }));
const read = (...ids) => ids.map((id) => ({ id, text: `new ${id}` }));

test("a list stays still: rows change in place, new ones are only counted", () => {
    const merged = merge(rows("a", "b"), read("z", "b", "a", "c"), true, false);
    assert.deepEqual(merged.rows.map((r) => r.id), ["a", "b"]);
    assert.deepEqual(merged.rows.map((r) => r.text), ["new a", "new b"]);
    assert.equal(merged.fresh, 2);
    assert.equal(merged.gone.size, 0);
});

test("a row that left is greyed, not taken from under the pointer", () => {
    const merged = merge(rows("a", "b", "c"), read("a", "c"), true, false);
    assert.deepEqual(merged.rows.map((r) => r.id), ["a", "b", "c"]);
    assert.deepEqual([...merged.gone], ["b"]);
});

test("a row beyond what was read is not taken for gone", () => {
    assert.deepEqual([...merge(rows("a", "b", "c"), read("a", "b"), false, false).gone], []);
    assert.deepEqual([...merge(rows("a", "b", "c"), read("z", "y"), false, true).gone], [], "newest first: pushed out, not gone");
    assert.deepEqual([...merge(rows("a", "b", "c"), read("b", "c", "d"), false, false).gone], ["a"]);
});

test("a step that has just begun does not look like the end of the wave", () => {
    assert.deepEqual(settled([1, 40, 3]), [1, 40, null]);
    assert.deepEqual(settled([1, 40, 41]), [1, 40, 41], "growth is seen at once");
    assert.deepEqual(settled([1, null, 3]), [1, null, 3]);
    assert.deepEqual(settled([5]), [5]);
});
