// The UI in Chromium, served by `weir serve --http`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright";
import { SETTINGS, journey } from "../journey.mjs";
import { Program, root, scratch } from "../program.mjs";

const weir = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", process.platform === "win32" ? "weir.exe" : "weir");

/** `weir serve` with a page, and the address it prints. */
async function serve(context) {
  const folder = scratch(context);
  const at = (name) => join(folder, name);
  writeFileSync(at("weir.toml"), SETTINGS);
  const flags = ["--listen", "localhost:0", "--http", "127.0.0.1:0", "--config", at("weir.toml"), "--data-dir", at("data"), "--record-dir", at("recordings")];
  const program = new Program(weir, ["serve", ...flags]);
  context.after(() => program.stop());
  const [address] = await program.says(/http:\/\/\S+token=[\w-]+/);
  return { program, address, recordings: at("recordings") };
}

async function open(context) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  context.after(() => browser.close());
  return browser.newPage({ viewport: { width: 1040, height: 760 }, locale: "en-US" });
}

function steer(tab) {
  return {
    run: (code) => tab.evaluate(`(() => { ${code} })()`),
    click: (xpath) => tab.locator(`xpath=${xpath}`).first().click(),
    type: (xpath, text) => tab.locator(`xpath=${xpath}`).first().fill(text),
    picture: () => tab.screenshot({ animations: "disabled" }),
  };
}

test("a streamer's first day in the browser", { timeout: 240_000 }, async (context) => {
  const { program, address, recordings } = await serve(context);
  const tab = await open(context);
  const faults = [];
  tab.on("pageerror", (error) => faults.push(error.message));
  tab.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await tab.goto(address);
  await tab.waitForURL((url) => !url.search.includes("token"));
  await journey({ name: "browser", page: steer(tab), recordings, context });
  assert.deepEqual(faults, []);
  // An end that was asked for is a good end.
  assert.equal(await program.stop("SIGTERM"), 0);
});

test("without the token the page is locked and the interface says so", { timeout: 60_000 }, async (context) => {
  const { address } = await serve(context);
  const { origin } = new URL(address);
  assert.equal((await fetch(`${origin}/api/v1/status`)).status, 401);
  assert.equal((await fetch(origin)).status, 401);
  const tab = await open(context);
  await tab.goto(origin);
  assert.match(await tab.textContent("body"), /token/i);
});
