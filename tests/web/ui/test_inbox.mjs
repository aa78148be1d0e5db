/* The inbox in a browser, against made-up data: what is drawn, what is kept out, keys, reach. */
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { startFake } from "./fake-api.mjs";
import { iso, makeConversation, makeState } from "./fake-data.mjs";
import { axe, launch, openPage } from "./browser.mjs";

let browser;
before(async () => {
    browser = await launch();
});
after(() => browser?.close());

/** Opens `path` of a fresh server, runs `body`, and holds against it what the browser complained of. */
async function visit(path, body, { state = makeState(), allowed = /^$/, ...view } = {}) {
    const fake = await startFake({ state });
    const opened = await openPage(browser, fake.url + path, view);
    try {
        await body(opened.page, fake);
        assert.deepEqual(opened.faults.filter((f) => !allowed.test(f)), [], "what the browser complained of");
    } finally {
        await opened.close();
        fake.close();
    }
}
const heading = (page, name) => page.getByRole("heading", { level: 1, name }).waitFor();
const sawText = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor();

const PAGES = [
    ["/b/demo", "Hafenladen now"],
    ["/b/demo/incidents/7", "Card payments fail"],
    ["/b/demo/incidents/8", "Log-in loops back to the form"],
    ["/b/demo/incidents/8/people?state=told", "People"],
    ["/b/demo/waiting", "Hafenladen now"],
    ["/b/demo/c/55", "Jana N."],
    ["/b/demo/deliveries?update=2", "What went out"],
    ["/b/demo/channels", "Channels"],
    ["/b/demo/quarantine", "Quarantine"],
    ["/b/demo/nowhere", "There is nothing here"],
];
for (const [path, name] of PAGES) {
    for (const view of [{ width: 1280, dark: false }, { width: 390, height: 844, dark: true }]) {
        test(`${path} at ${view.width} px, ${view.dark ? "dark" : "light"}: drawn, nothing wider than the screen, axe content`, () =>
            visit(path, async (page) => {
                if (view.width > 400 || !["/b/demo", "/b/demo/waiting"].includes(path)) await heading(page, name);
                else await page.locator("a.row").first().waitFor();
                await page.waitForTimeout(400);
                assert.deepEqual(await axe(page), []);
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "no sideways scrolling");
            }, view));
    }
}

test("text from outside is text: no markup, no script, in lists, history, samples and previews", () =>
    visit("/b/demo/c/58", async (page) => {
        await heading(page, "@<i>eve</i>");
        await sawText(page, ".words", "<b>lost</b>");
        assert.equal(await page.locator(".history img, .history b, .list i, .list img").count(), 0);
        await page.goto(page.url().replace("/c/58", "/incidents/7"));
        await sawText(page, ".samples", "<script>alert(1)</script>");
        await page.locator("textarea").fill("</textarea><img src=x onerror=alert(3)> {workaround}");
        await page.locator(".goes-out button", { hasText: "X" }).click();
        await sawText(page, ".goes-out .said", "<img src=x onerror=alert(3)>");
        assert.equal(await page.locator("main img, main script").count(), 0);
        assert.notEqual(await page.title(), "owned");
    }));

test("first column: counts change in place; new rows wait until they are asked for", () =>
    visit("/b/demo/waiting", async (page, fake) => {
        await sawText(page, ".row", "Jana N.");
        const before = await page.locator(".row strong").allTextContents();
        for (const id of ["91", "92"]) fake.state.conversations.unshift(makeConversation(Date.now(), id, `New ${id}`, "2", "noch jemand da?", "de", 60));
        fake.emit("overview", "conversation:91");
        await page.getByRole("button", { name: "2 new" }).waitFor();
        await sawText(page, '.view[aria-current="page"] .n', "8");
        assert.deepEqual(await page.locator(".row strong").allTextContents(), before, "nothing moved");
        await page.getByRole("button", { name: "2 new" }).click();
        await sawText(page, ".row", "New 92");
        assert.equal(await page.locator(".row").count(), before.length + 2);
    }));

test("keys: j and k move, Enter opens, Esc goes back to the row, g i and g q go, ? shows them", () =>
    visit("/b/demo", async (page) => {
        await sawText(page, ".row", "Jana N.");
        await page.keyboard.press("j");
        await page.keyboard.press("j");
        assert.match(await page.evaluate(() => document.activeElement.textContent), /Log-in loops/);
        await page.keyboard.press("k");
        await page.keyboard.press("Enter");
        await heading(page, "Card payments fail");
        await page.keyboard.press("b");
        assert.equal(await page.evaluate(() => document.activeElement.tagName), "TEXTAREA");
        await page.keyboard.type("jjj");
        assert.equal(await page.locator("textarea").inputValue(), "jjj", "keys are letters while typing");
        await page.keyboard.press("Escape");
        await page.keyboard.press("Escape");
        assert.match(await page.evaluate(() => document.activeElement.textContent), /Card payments fail/);
        await page.keyboard.press("g");
        await page.keyboard.press("q");
        await page.waitForURL("**/b/demo/waiting");
        await page.keyboard.press("g");
        await page.keyboard.press("i");
        await page.waitForURL("**/b/demo");
        await page.keyboard.press("?");
        await page.getByRole("dialog", { name: "Keys" }).waitFor();
        assert.deepEqual(await axe(page), []);
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
    }));

test("a phone shows one column, and back goes back", () =>
    visit("/b/demo", async (page) => {
        await sawText(page, ".row", "Jana N.");
        assert.equal(await page.locator("main").isVisible(), false);
        await page.locator(".row", { hasText: "Card payments" }).click();
        await heading(page, "Card payments fail");
        assert.equal(await page.locator(".col.list").isVisible(), false);
        await page.goBack();
        await page.locator(".row", { hasText: "Jana" }).click();
        await heading(page, "Jana N.");
        await page.getByRole("link", { name: "‹ Back" }).click();
        await page.locator(".row", { hasText: "Jana" }).waitFor();
        await page.getByRole("link", { name: "Views" }).click();
        await page.locator(".view", { hasText: "Quarantine" }).click();
        await heading(page, "Quarantine");
    }, { width: 390, height: 844 }));

test("a phase moves by a click; when somebody was faster, it says so and moves nothing", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        await page.getByRole("button", { name: "investigating" }).click();
        await page.locator('.phases [aria-pressed="true"]', { hasText: "investigating" }).waitFor();
        assert.equal(fake.state.incidents[0].phase, "investigating");
        Object.assign(fake.state.incidents[0], { phase: "monitoring", version: 99 });
        await page.getByRole("button", { name: "identified" }).click();
        await page.getByText("Somebody was faster: this incident is now monitoring").waitFor();
        assert.equal(fake.state.incidents[0].phase, "monitoring");
        await page.getByRole("button", { name: "identified" }).click();
        await page.locator('.phases [aria-pressed="true"]', { hasText: "identified" }).waitFor();
    }, { allowed: /409/ }));

test("rename, take a person out, merge", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        await page.getByRole("button", { name: "Rename" }).click();
        await page.getByRole("textbox", { name: "Title" }).fill("Cards fail");
        await page.keyboard.press("Enter");
        await heading(page, "Cards fail");
        await page.getByRole("button", { name: "Take @karo out" }).click();
        await page.getByRole("link", { name: "All 311 people" }).waitFor();
        assert.equal(await page.locator(".samples", { hasText: "@karo" }).count(), 0);
        await page.getByRole("button", { name: "Merge", exact: true }).click();
        await page.getByRole("radio", { name: /Log-in loops/ }).check();
        await page.getByRole("button", { name: "Merge 311 people" }).click();
        await heading(page, "Log-in loops back to the form");
        assert.equal(fake.state.incidents.length, 2);
    }, { allowed: /404/ }));

test("the chart's figures stand in a table, and lead to the people behind them", () =>
    visit("/b/demo/incidents/7", async (page) => {
        await page.locator(".plot canvas").waitFor();
        await page.getByRole("button", { name: "As a table" }).click();
        await page.locator(".figures a").first().click();
        await heading(page, "People");
        assert.match(page.url(), /people\?from=.*&to=/);
        await page.goBack();
        await page.locator(".u-over").click({ position: { x: 300, y: 60 } });
        await heading(page, "People");
    }));

test("connection lost: a bar with since when; drafts are kept and saved when it is back", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        await page.locator("textarea").waitFor();
        fake.state.down = true;
        fake.cut();
        await page.getByText(/Connection lost at/).waitFor();
        await page.locator("textarea").fill("Wir arbeiten daran.");
        await page.getByText("draft kept on this device").waitFor();
        assert.deepEqual(fake.state.incidents[0].drafts, {});
        assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Card payments fail", "the old content stays");
        await page.reload();
        fake.state.down = false;
        await page.locator("textarea").waitFor({ timeout: 15000 });
        assert.equal(await page.locator("textarea").inputValue(), "Wir arbeiten daran.");
        await page.getByText(/draft saved/).waitFor({ timeout: 15000 });
        assert.deepEqual(fake.state.incidents[0].drafts, { de: "Wir arbeiten daran." });
        assert.equal(await page.getByText(/Connection lost/).count(), 0);
    }, { allowed: /503|ERR_|Failed to load/ }));

test("connected again, what changed meanwhile is shown", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        await heading(page, "Card payments fail");
        fake.cut();
        await page.getByText(/Connection lost at/).waitFor();
        Object.assign(fake.state.incidents[0], { people: 400, waiting: 400 });
        await sawText(page, ".lead", "400 people");
        assert.equal(await page.getByText(/Connection lost/).count(), 0);
    }, { allowed: /ERR_/ }));

test("a colleague's draft shows by itself, but never over what I am writing", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        await page.locator("textarea").waitFor();
        const colleague = (text) => {
            Object.assign(fake.state.incidents[0], { drafts: { de: text }, draft_saved_at: iso(Date.now()) });
            fake.emit("incident:7");
        };
        colleague("Von der Kollegin");
        await page.waitForFunction(() => document.querySelector("textarea").value === "Von der Kollegin");
        await page.locator("textarea").focus();
        await page.keyboard.press("End");
        await page.keyboard.type(" und von mir");
        await page.getByText(/draft saved/).waitFor();
        colleague("Ganz anders");
        await page.getByText("A colleague changed this draft meanwhile.").waitFor();
        assert.equal(await page.locator("textarea").inputValue(), "Von der Kollegin und von mir");
        await page.getByRole("button", { name: "Take theirs" }).click();
        assert.equal(await page.locator("textarea").inputValue(), "Ganz anders");
    }));

test("who may only read sees everything and can change nothing", () => {
    const state = makeState();
    state.roles = ["reader"];
    return visit("/b/demo/incidents/7", async (page) => {
        await heading(page, "Card payments fail");
        assert.equal(await page.getByRole("button", { name: /Merge|Dismiss|Take|Rename/ }).count(), 0);
        assert.equal(await page.getByRole("button", { name: "monitoring" }).isDisabled(), true);
        const send = page.getByRole("button", { name: /Send to/ });
        assert.equal(await send.getAttribute("aria-disabled"), "true");
        assert.match(await send.getAttribute("title"), /Only comms owners/);
        await page.goto(page.url().replace("/incidents/7", "/c/55"));
        await page.getByText("Your role reads only").waitFor();
    }, { state });
});

test("empty, failing and sorting: each says what it is", () => {
    const state = makeState();
    Object.assign(state, { conversations: [], incidents: [], quarantine: [], spike: null, broken: true, unsorted: 128 });
    return visit("/b/demo", async (page) => {
        await page.getByText("No incident is open", { exact: true }).waitFor();
        await page.getByText("Nobody waits for a person", { exact: true }).waitFor();
        await page.getByText("1 of 5 channels is failing").click();
        await page.getByText("The token has expired").waitFor();
        await page.getByText("128 messages being sorted").waitFor();
        await page.goto(page.url().replace("channels", "quarantine"));
        await page.getByText("Everything could be read").waitFor();
        assert.deepEqual(await axe(page), []);
        await page.goto(page.url().replace("quarantine", "c/nobody"));
        await page.getByText("There is no such thing.").waitFor();
    }, { state, allowed: /404/ });
});
