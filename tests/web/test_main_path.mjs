/* The main path in a browser, against the real program and its demo day: sign in by the one-time link,
 * a wave becomes an incident, one message is written, looked at, confirmed, and everybody has it once. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../lib/wait.mjs";
import { axe, launch, openPage } from "./ui/browser.mjs";

const PROGRAM = process.env.BREAKWATER || "build/breakwater";
const PATIENCE = 180_000;
const GERMAN = "Kartenzahlungen schlagen zurzeit fehl. Wir arbeiten daran; nächster Stand um {next_update}.";
const ENGLISH = "Card payments fail at the moment. We are on it; next word at {next_update}.";

const freePort = () => new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address();
        server.close(() => resolve(port));
    });
});

/** Starts all of it; gives the one-time link. What it printed is in the error when it gives none. */
async function startProgram(directory) {
    const program = spawn(PROGRAM, ["up", "--data-dir", directory, "--listen", `127.0.0.1:${await freePort()}`]);
    let printed = "";
    const link = await new Promise((resolve, reject) => {
        const read = (chunk) => {
            printed += chunk;
            const found = printed.match(/http:\/\/\S+\/first#\S+/);
            if (found) resolve(found[0]);
        };
        program.stdout.on("data", read);
        program.stderr.on("data", read);
        program.on("exit", (code) => reject(new Error(`up ended with ${code}:\n${printed}`)));
        setTimeout(() => reject(new Error(`up printed no link:\n${printed}`)), PATIENCE).unref();
    });
    const stop = () => new Promise((resolve) => {
        if (program.exitCode !== null) return resolve(program.exitCode);
        program.on("exit", resolve);
        program.kill("SIGTERM");
    });
    const died = new Promise((resolve) => program.on("exit", (code, signal) => resolve(`up ended by itself with ${code ?? signal}:\n${printed}`)));
    return { link, stop, died, printed: () => printed };
}

const sentTo = (directory) =>
    readFileSync(join(directory, "demo-sent.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));

test("complaints in, one incident, one answer out", { timeout: 6 * PATIENCE }, async (t) => {
    const outer = mkdtempSync(join(tmpdir(), "breakwater-main-"));
    chmodSync(outer, 0o777); /* as root it runs as somebody else, who has to get in here */
    const directory = join(outer, "data");
    const program = await startProgram(directory);
    const browser = await launch();
    let ending = false;
    program.died.then((words) => {
        if (ending) return;
        t.diagnostic(words);
        browser.close(); /* what waits on the screen would wait in vain */
    });
    try {
        const { page, faults } = await openPage(browser, program.link);
        page.setDefaultTimeout(PATIENCE);
        const number = async (locator) => Number((await locator.textContent()).match(/([\d,]+) (?:people|person|sent)/)[1].replace(",", ""));

        await t.test("the one-time link makes the first admin, who sees the demo marked as one", async () => {
            await page.getByLabel("Your name").fill("Ada Berg");
            await page.getByLabel("E-mail").fill("ada@hafenladen.example");
            await page.getByLabel("Password").fill("correct horse battery");
            await page.getByRole("button", { name: "Make the account" }).click();
            await page.waitForURL("**/b/demo");
            await page.locator(".demo", { hasText: "Demo" }).waitFor();
        });

        await t.test("the wave becomes an incident by itself, and grows on the screen without a reload", async () => {
            await page.locator(".row", { hasText: /Kart|card|Zahlung|payment/i }).filter({ hasText: "suspected" }).first().click();
            await page.getByRole("heading", { name: "Status message" }).waitFor();
            const people = page.locator(".page-head .lead");
            const before = await number(people);
            await page.waitForFunction((n) => Number(document.querySelector(".page-head .lead").textContent.match(/^([\d,]+)/)[1].replace(",", "")) >= n + 20, before);
            assert.deepEqual(await axe(page), []);
        });

        let confirmed = 0;
        await t.test("one message, in two languages, is looked at per channel and confirmed with its number", async () => {
            await page.getByRole("tab", { name: "Deutsch" }).click();
            await page.getByLabel("Message in German").fill(GERMAN);
            await page.getByText("{next_update} has no value").first().waitFor();
            await page.getByLabel("Next update").fill("20:30");
            await page.getByRole("tab", { name: "English" }).click();
            await page.getByLabel("Message in English").fill(ENGLISH);
            await page.getByText(/draft saved/).waitFor();
            await page.locator(".goes-out .longest", { hasText: / \/ 280/ }).first().waitFor();
            await page.getByRole("button", { name: /^Send to/ }).click();
            const dialog = page.getByRole("dialog");
            await dialog.getByText(ENGLISH.replace("{next_update}", "20:30")).waitFor();
            confirmed = await number(dialog.getByRole("heading"));
            assert.ok(confirmed >= 20, `${confirmed} people`);
            await dialog.getByRole("button", { name: /^Send to/ }).click();
            await page.getByText(/Goes out in/).first().waitFor();
        });

        await t.test("everybody has it, once, and the screen says what the network's file says", async () => {
            await page.locator(".update .state", { hasText: /^sent$/ }).waitFor();
            assert.equal(await number(page.locator(".counts .t-sent")), confirmed);
            assert.equal(await page.locator(".counts .t-failed, .counts .t-unknown").count(), 0);
            const sent = sentTo(directory);
            assert.equal(sent.length, confirmed);
            assert.equal(new Set(sent.map((s) => s.id)).size, confirmed);
            assert.equal(new Set(sent.map((s) => s.answers)).size, confirmed, "nobody's message was answered twice");
            for (const s of sent) assert.ok(s.text.includes("20:30") && !s.text.includes("{"), s.text);
        });

        await t.test("who came later waits as new; who is no part of it is answered by hand", async () => {
            await page.getByText(/new waits? for the same answer/).first().waitFor();
            await page.goto(new URL("/b/demo/waiting", page.url()).href);
            await page.locator(".row").first().click();
            await page.getByRole("textbox", { name: /^Answer to/ }).fill("Danke für Ihre Nachricht, wir sehen es uns an.");
            await page.getByRole("button", { name: /^Send (publicly|privately)/ }).click();
            await page.getByText(/^Reply to/).waitFor();
            const arrived = () => sentTo(directory).some((s) => s.text.includes("wir sehen es uns an"));
            await until("the reply went out after its delay", arrived, { seconds: PATIENCE / 1000 });
        });
        /* the first question of all, who am I, is answered with 401 */
        assert.deepEqual(faults.filter((f) => !/401/.test(f)), [], "what the browser complained of");
        ending = true;
        assert.equal(await program.stop(), 0, program.printed());
    } finally {
        ending = true;
        await browser.close();
        await program.stop();
        rmSync(outer, { recursive: true, force: true });
    }
});
