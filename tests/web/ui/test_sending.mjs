/* The solemn act in a browser, against made-up data: signing in, compose, confirm, undo, stop, replies. */
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { until } from "../../lib/wait.mjs";
import { startFake } from "./fake-api.mjs";
import { iso, makeState } from "./fake-data.mjs";
import { axe, launch, openPage } from "./browser.mjs";

let browser;
before(async () => {
    browser = await launch();
});
after(() => browser?.close());

async function visit(path, body, { state = makeState(), allowed = /^$/ } = {}) {
    const fake = await startFake({ state });
    const opened = await openPage(browser, fake.url + path);
    try {
        await body(opened.page, fake);
        assert.deepEqual(opened.faults.filter((f) => !allowed.test(f)), [], "what the browser complained of");
    } finally {
        await opened.close();
        fake.close();
    }
}
const made = (fake, method, path) => fake.calls.filter((c) => c.method === method && path.test(c.path));
const sending = /\/incidents\/7\/updates$/;

/** Writes a message in German and opens the confirmation. */
async function compose(page, text = "Kartenzahlungen schlagen fehl. Nächster Stand um {next_update}.") {
    await page.locator("textarea").fill(text);
    await page.getByLabel("Next update").fill("15:00");
    await page.locator('.composer .primary[title="Key: Ctrl+Enter"]').waitFor();
    await page.locator("textarea").press("Control+Enter");
    return page.getByRole("dialog", { name: /Send to/ });
}

test("a field without a value keeps it from being sent, and says where to set it", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        await page.locator("textarea").fill("Bitte {workaround} versuchen.");
        await page.getByText("{workaround} has no value: set it on the incident before sending").waitFor();
        assert.match(await page.locator(".composer .primary").getAttribute("title"), /\{workaround\} has no value/);
        await page.locator(".composer .primary").click({ force: true });
        await page.locator("textarea").press("Control+Enter");
        await page.waitForTimeout(300);
        assert.equal(await page.getByRole("dialog").count(), 0);
        assert.equal(made(fake, "POST", sending).length, 0);
        await page.locator(".field-row", { hasText: "{status_url}" }).getByRole("button").click();
        assert.equal(await page.locator("textarea").inputValue(), "Bitte {workaround} versuchen.{status_url}", "a chip inserts at the cursor");
    }));

test("too long for one network: it says for which and how much, and does not send", () =>
    visit("/b/demo/incidents/7", async (page) => {
        await page.locator("textarea").fill("a".repeat(290));
        await page.getByText("128 messages are too long for X: 296 of 280 characters").waitFor();
        assert.match(await page.locator(".composer .primary").getAttribute("title"), /Too long for X/);
    }));

test("send: the confirmation repeats text and number, the bar fills with the truth, each figure is a link", () => {
    const state = makeState();
    Object.assign(state, { undoMs: 1500, perTick: 60 });
    return visit("/b/demo/incidents/7", async (page, fake) => {
        const dialog = await compose(page);
        await dialog.getByRole("heading", { name: "Send to 312 people?" }).waitFor();
        await dialog.getByText("Kartenzahlungen schlagen fehl. Nächster Stand um 15:00.").waitFor();
        assert.deepEqual(await axe(page), []);
        await dialog.getByRole("button", { name: "Send to 312 people" }).dblclick();
        await page.getByText(/Goes out in/).first().waitFor();
        await page.locator(".counts", { hasText: "308 sent" }).waitFor({ timeout: 10000 });
        assert.equal(await page.locator(".counts").first().textContent(), "308 sent3 failed1 unknown");
        assert.equal(await page.locator(".counts a", { hasText: "failed" }).getAttribute("href"), "/b/demo/deliveries?update=10&state=failed");
        const sent = made(fake, "POST", sending);
        assert.equal(new Set(sent.map((c) => c.body.token)).size, 1, "an impatient second click is the same click");
        assert.equal(sent[0].body.expect, 312);
        assert.ok(sent[0].body.as_of, "to the people of the preview");
        assert.equal(Object.keys(fake.state.updates).length, 1);
        assert.equal(await page.locator("textarea").inputValue(), "", "the composer is empty again");
    }, { state });
});

test("undo counts down in sight; z takes it back and the text returns", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        const dialog = await compose(page);
        await dialog.press("Control+Enter");
        await page.getByText(/Goes out in/).first().waitFor();
        await page.keyboard.press("z");
        await page.getByText("Taken back: nothing went out.").first().waitFor();
        assert.equal(fake.state.updates["10"].state, "stopped");
        await page.waitForFunction(() => document.querySelector("textarea").value.startsWith("Kartenzahlungen"));
        await page.getByText(/Goes out in/).waitFor({ state: "detached" });
    }));

test("the answer of the server is lost: pressed again, it goes out once", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        const dialog = await compose(page);
        await dialog.waitFor();
        fake.state.loseAnswerTo = sending;
        await dialog.getByRole("button", { name: "Send to 312 people" }).click();
        await dialog.getByText("it is not certain whether this was sent").waitFor();
        await dialog.getByRole("button", { name: "Send to 312 people" }).click();
        await page.getByText(/Goes out in/).first().waitFor();
        assert.equal(made(fake, "POST", sending).length, 2);
        assert.equal(Object.keys(fake.state.updates).length, 1);
    }, { allowed: /ERR_/ }));

test("stop keeps the rest from going out", () => {
    const state = makeState();
    Object.assign(state, { undoMs: 100, perTick: 10 });
    return visit("/b/demo/incidents/7", async (page, fake) => {
        await (await compose(page)).press("Control+Enter");
        await page.getByRole("button", { name: /Stop: \d+ people not sent yet/ }).click();
        await page.locator(".state", { hasText: "stopped" }).waitFor();
        const u = fake.state.updates["10"];
        assert.ok(u.skipped > 0 && u.queued === 0 && u.sent + u.skipped === 312);
    }, { state });
});

test("a wave goes on: those not told yet get the last message, nobody else does", () => {
    const state = makeState();
    state.undoMs = 100;
    return visit("/b/demo/incidents/8", async (page, fake) => {
        await page.getByText("17 new wait for the same answer.").waitFor();
        await page.getByRole("button", { name: "Tell them the same" }).click();
        await page.waitForFunction(() => document.querySelector("textarea").value.startsWith("Die Anmeldung springt"));
        await page.getByRole("button", { name: "Send to 17 people" }).click();
        const dialog = page.getByRole("dialog", { name: "Send to 17 people?" });
        await dialog.getByText("Signing in loops back").waitFor();
        await dialog.getByRole("button", { name: "Send to 17 people" }).click();
        await until("all are told", () => fake.state.incidents[1].told === 148);
        assert.equal(made(fake, "POST", /updates$/)[0].body.to, "new");
        await page.locator(".facts", { hasText: "148" }).waitFor();
        await page.locator("main").getByText("new wait for the same answer").waitFor({ state: "detached" });
    }, { state });
});

test("the number changed before the click: nothing goes out, the new number is asked for", () =>
    visit("/b/demo/incidents/7", async (page, fake) => {
        const dialog = await compose(page);
        await dialog.waitFor();
        fake.state.incidents[0].people = 315;
        await dialog.getByRole("button", { name: "Send to 312 people" }).click();
        await dialog.getByText("It is 315 people now, not 312").waitFor();
        assert.equal(Object.keys(fake.state.updates).length, 0);
        await dialog.getByRole("button", { name: "Send to 315 people" }).click();
        await page.getByText(/Goes out in/).first().waitFor();
        assert.equal(fake.state.updates["10"].recipients, 315);
    }, { allowed: /409/ }));

test("reply: counted, sent, undone by z; the text is back", () =>
    visit("/b/demo/c/56", async (page, fake) => {
        await page.getByRole("heading", { name: "@leo_m", level: 1 }).waitFor();
        await page.keyboard.press("r");
        await page.keyboard.type("Yes, we ship to Malta.");
        await page.getByText("22 / 280").waitFor();
        await page.getByText("claimed by you").waitFor();
        await page.keyboard.press("Control+Enter");
        await page.getByText(/Reply to @leo_m: goes out/).waitFor();
        await page.waitForURL("**/c/57");
        assert.equal(await page.locator(".row", { hasText: "@leo_m" }).count(), 0, "done, and out of the list at once");
        await page.locator("main h1").click();
        await page.keyboard.press("z");
        await page.getByText("Taken back: nothing went out.").waitFor();
        assert.equal(fake.state.conversations.find((c) => c.id === "56").state, "waiting");
        await page.goto(page.url().replace("/57", "/56"));
        await page.waitForFunction(() => document.querySelector(".reply textarea")?.value === "Yes, we ship to Malta.");
    }));

test("the customer wrote meanwhile: nothing goes out, what is new is shown, the text stays", () =>
    visit("/b/demo/c/55", async (page, fake) => {
        await page.locator(".reply textarea").fill("Wir prüfen das.");
        const c = fake.state.conversations.find((x) => x.id === "55");
        c.history.push({ ...c.history[0], id: "552", text: "Hat sich erledigt, danke!", at: iso(Date.now()) });
        await page.getByRole("button", { name: "Send privately" }).click();
        await page.getByText("Nothing was sent, because this came in while you wrote").waitFor();
        await page.locator(".reply .hint", { hasText: "Hat sich erledigt, danke!" }).waitFor();
        assert.equal(await page.locator(".reply textarea").inputValue(), "Wir prüfen das.");
        assert.equal(c.pending.length, 0);
        await page.getByRole("button", { name: "Send privately" }).click();
        await page.getByText(/Reply to Jana N.: goes out/).waitFor();
        assert.equal(c.pending[0].body, "Wir prüfen das.");
    }, { allowed: /409/ }));

test("it came in before my eyes while I wrote: the first press stops all the same", () =>
    visit("/b/demo/c/55", async (page, fake) => {
        await page.locator(".reply textarea").fill("Wir prüfen das.");
        await page.getByText("15, no limit").or(page.getByText("15 characters, no limit")).waitFor();
        const c = fake.state.conversations.find((x) => x.id === "55");
        c.history.push({ ...c.history[0], id: "552", text: "Hat sich erledigt, danke!", at: iso(Date.now()) });
        fake.emit("conversation:55");
        await page.locator(".reply .hint", { hasText: "Hat sich erledigt, danke!" }).waitFor();
        await page.getByRole("button", { name: "Send privately" }).click();
        await page.getByText("Nothing was sent, because this").waitFor();
        assert.equal(c.pending.length, 0);
        await page.getByRole("button", { name: "Send privately" }).click();
        await page.getByText(/Reply to Jana N.: goes out/).waitFor();
    }));

test("done, claim, put into an incident: by key", () =>
    visit("/b/demo/c/59", async (page, fake) => {
        const c = fake.state.conversations.find((x) => x.id === "59");
        await page.getByRole("heading", { name: "@claire", level: 1 }).waitFor();
        await page.keyboard.press("c");
        await page.getByRole("button", { name: "Release" }).waitFor();
        assert.ok(c.claimed.mine);
        await page.keyboard.press("i");
        await page.getByLabel("Title, or a part of it").fill("parcels");
        await page.locator(".choice", { hasText: "Parcels late in Trier" }).waitFor();
        await page.keyboard.press("Enter");
        await page.getByText("Now in “Parcels late in Trier”").waitFor();
        assert.equal(c.incident.id, "9");
        await page.goto(page.url().replace("/59", "/60"));
        await page.getByRole("heading", { name: "Tom B.", level: 1 }).waitFor();
        await page.keyboard.press("e");
        await page.waitForURL((url) => !url.pathname.endsWith("/60"));
        assert.equal(fake.state.conversations.find((x) => x.id === "60").state, "done");
    }));

test("unknown waits for a person, who decides", () =>
    visit("/b/demo/deliveries?update=2&state=unknown", async (page, fake) => {
        await page.getByText("The network did not say whether it arrived").waitFor();
        await page.getByRole("button", { name: "It is there" }).click();
        await until("it is marked as sent", () => fake.state.deliveries.find((d) => d.id === "d2").state === "sent");
    }));

test("signing in: wrong is said, right leads where one wanted to go; out leads back", () => {
    const state = makeState();
    state.signedIn = false;
    return visit("/b/demo/incidents/8", async (page) => {
        await page.getByRole("heading", { name: "Sign in" }).waitFor();
        assert.deepEqual(await axe(page), []);
        await page.getByLabel("E-mail").fill("ada@hafenladen.example");
        await page.getByLabel("Password").fill("wrong");
        await page.keyboard.press("Enter");
        await page.getByText("This e-mail and password do not fit together.").waitFor();
        await page.getByLabel("Password").fill("correct horse");
        await page.keyboard.press("Enter");
        await page.getByRole("heading", { name: "Log-in loops back to the form", level: 1 }).waitFor();
        await page.getByRole("button", { name: "Ada Berg: account" }).click();
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByRole("heading", { name: "Sign in" }).waitFor();
    }, { state, allowed: /401/ });
});

test("the first admin: a used link is said, a good one makes the account", () => {
    const state = makeState();
    Object.assign(state, { signedIn: false, first: true });
    return visit("/", async (page) => {
        await page.getByRole("heading", { name: "No one has an account yet" }).waitFor();
        for (const [token, text] of [["old", "This link was used or has expired"], ["good-token", "Hafenladen now"]]) {
            await page.goto(new URL(`/first#${token}`, page.url()).href);
            await page.reload();
            await page.getByRole("heading", { name: "Make the first account" }).waitFor();
            await page.getByLabel("Your name").fill("Ada Berg");
            await page.getByLabel("E-mail").fill("ada@hafenladen.example");
            await page.getByLabel("Password").fill("correct horse");
            await page.getByRole("button", { name: "Make the account" }).click();
            await page.getByText(text).first().waitFor();
        }
    }, { state, allowed: /401|403/ });
});
