/* A browser for the tests of the inbox: Debian's Chromium, driven by playwright-core. */
import { chromium } from "playwright-core";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const launch = () =>
    chromium.launch({
        executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
        args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });

/**
 * A page, and in `faults` whatever the browser complains of, blocked scripts and styles too. A test
 * that provokes a fault on purpose takes it out.
 */
export async function openPage(browser, url, { width = 1280, height = 860, dark = false } = {}) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce", locale: "en-GB" });
    const page = await context.newPage();
    page.setDefaultTimeout(20000); /* a loaded machine is slow, not wrong */
    const faults = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("dialog", (dialog) => {
        faults.push(`dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    await page.goto(url);
    return { page, faults, close: () => context.close() };
}

/** What axe finds wrong by WCAG A and AA, as short lines. */
export async function axe(page) {
    await page.evaluate(AXE);
    const found = await page.evaluate(() =>
        globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
    return found.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")}: ${(n.any[0] || n.all[0] || n.none[0])?.message}`));
}
