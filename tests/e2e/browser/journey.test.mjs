// The UI in Chromium, served by `weir serve --http`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright";
import { SETTINGS, journey, pictured } from "../journey.mjs";
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
  const page = steer(tab);
  await pictured("browser", page, () => journey({ name: "browser", page, recordings, context }));
  assert.deepEqual(faults, []);
  // An end that was asked for is a good end.
  assert.equal(await program.stop("SIGTERM"), 0);
});

test("without the token nothing is told, and the page asks for it", { timeout: 120_000 }, async (context) => {
  const { address } = await serve(context);
  const { origin, searchParams } = new URL(address);
  for (const token of ["", "0".repeat(64)]) {
    const answer = await fetch(`${origin}/api/v1/status`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 401);
    assert.deepEqual(Object.keys(await answer.json()), ["code", "message", "hint"]);
  }
  const tab = await open(context);
  await tab.goto(origin);
  await tab.getByLabel("Token", { exact: true }).fill(searchParams.get("token"));
  await tab.getByRole("button", { name: "Open", exact: true }).click();
  await tab.getByRole("heading", { name: "Waiting for your encoder" }).waitFor();
});

test("a page of somebody else cannot use the interface, even in a browser that knows the token", { timeout: 60_000 }, async (context) => {
  const { address } = await serve(context);
  const { origin, host, searchParams } = new URL(address);
  const authorization = `Bearer ${searchParams.get("token")}`;
  const foreign = await fetch(`${origin}/api/v1/status`, { headers: { authorization, origin: "https://example.com" } });
  assert.equal(foreign.status, 403);
  const own = await fetch(`${origin}/api/v1/status`, { headers: { authorization, origin: `http://${host}` } });
  assert.equal(own.status, 200);
});
