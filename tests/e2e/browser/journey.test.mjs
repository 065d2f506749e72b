// The UI in Chromium, served by `weir serve --http`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { journey, pictured } from "../journey.mjs";
import { open, serve } from "./tab.mjs";

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
  const tab = await open(context, address, { viewport: { width: 1040, height: 760 } });
  const { faults } = tab;
  tab.on("console", (message) => message.type() === "error" && faults.push(message.text()));
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
    const told = await answer.json();
    assert.deepEqual(Object.keys(told), ["code", "message", "hint", "setting"]);
    assert.equal(told.setting, null);
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
