// `weir serve` with its page in a browser tab.
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright";
import { SETTINGS } from "../journey.mjs";
import { Program, root, scratch, until } from "../program.mjs";

export const weir = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", process.platform === "win32" ? "weir.exe" : "weir");
export const words = JSON.parse(readFileSync(join(root, "ui", "src", "i18n", "en.json"), "utf8"));

/** How soon a problem must be told, milliseconds. */
export const TOLD = 5000;

/**
 * `weir serve` with a page, and the address it prints. `settings` go into its file; `folder` is used again when a test starts
 * it a second time.
 */
export async function serve(context, { settings = SETTINGS, listen = "localhost:0", http = "127.0.0.1:0", folder = scratch(context) } = {}) {
  const at = (name) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  if (settings !== undefined) writeFileSync(at("weir.toml"), settings);
  const flags = ["--http", http, "--config", at("weir.toml"), "--data-dir", at("data"), "--record-dir", at("recordings")];
  const program = new Program(weir, ["serve", ...(listen ? ["--listen", listen] : []), ...flags]);
  context.after(() => program.stop());
  const [address] = await program.says(/http:\/\/\S+token=[\w-]+/);
  const { origin, searchParams } = new URL(address);
  const headers = { authorization: `Bearer ${searchParams.get("token")}`, "content-type": "application/json" };
  const api = async (method, path, body) => {
    const answer = await fetch(`${origin}/api/v1/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  return { program, address, origin, api, folder, recordings: at("recordings") };
}

export async function browser(context) {
  const started = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  context.after(() => started.close());
  return started;
}

/** A tab that shows the page of `weir`; `faults` collects what the page itself did wrong. `guide`: as on the first day. */
export async function open(context, address, { viewport = { width: 1280, height: 860 }, chrome, guide = false } = {}) {
  const tab = await (chrome ?? (await browser(context))).newPage({ viewport, locale: "en-US" });
  const faults = [];
  tab.on("pageerror", (error) => faults.push(error.message));
  if (!guide) await tab.addInitScript(() => localStorage.setItem("weir.guide", "done"));
  if (address) {
    await tab.goto(address);
    await tab.waitForURL((url) => !url.search.includes("token"));
    await tab.getByRole("navigation").waitFor();
  }
  return Object.assign(tab, { faults });
}

export const go = (tab, page) => tab.evaluate((hash) => (location.hash = hash), `#/${page}`);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Fails on what axe calls serious or critical, in both themes. */
export async function accessible(tab, what) {
  await tab.evaluate(axe);
  for (const theme of ["light", "dark"]) {
    const found = await tab.evaluate(async (wanted) => {
      document.documentElement.dataset.theme = wanted;
      await new Promise((resolve) => setTimeout(resolve, 400));
      const { violations } = await globalThis.axe.run(document.body, { resultTypes: ["violations"] });
      return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
    }, theme);
    assert.deepEqual(found, [], `${what}, ${theme}`);
  }
}

/** Waits until the page says `text`, as soon as a problem must be told. */
export const says = (tab, text, time = TOLD) =>
  until(`the page to say ${text}`, () => tab.evaluate((wanted) => new RegExp(wanted).test(document.querySelector("main").innerText), text.source ?? text), time);
