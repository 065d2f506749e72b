// Whatever opens in front of a page, looked at with the eyes of somebody who sees little or nothing, in both themes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { publish } from "../ffmpeg.mjs";
import { until } from "../program.mjs";
import { accessible, go, open, serve } from "./tab.mjs";

const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n\n[streams]\ngrace_seconds = 1.0\n';

test("every dialog is accessible in both themes, and Escape closes it", { timeout: 300_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const { listeners } = await api("GET", "listeners");
  const port = listeners.find(({ protocol }) => protocol === "rtmp").bound[0].split(":").at(-1);
  const encoder = publish(`rtmp://127.0.0.1:${port}/live/stream`);
  context.after(() => encoder.stop());
  await until("the stream", async () => (await api("GET", "streams")).streams.some(({ state }) => state === "live"));
  await api("POST", "streams/live%2Fstream/record");
  await until("two seconds of it", async () => (await api("GET", "streams")).streams[0].recording?.duration_seconds > 2);
  await api("DELETE", "streams/live%2Fstream/record");
  await api("POST", "destinations", { name: "Nobody", url: "rtmp://127.0.0.1:9/live", enabled: false });

  const tab = await open(context, address);
  const button = (name) => tab.getByRole("button", { name, exact: typeof name === "string" }).first();
  const dialog = tab.locator('[role="dialog"], [role="alertdialog"]');
  /** Looks at what `show` opens, and closes it. */
  const look = async (what, page, show) => {
    await go(tab, page);
    await show();
    await dialog.waitFor();
    await accessible(tab, what);
    for (let count = 0; count < 3 && (await dialog.count()) > 0; count += 1) {
      await tab.keyboard.press("Escape");
      await tab.waitForTimeout(300);
    }
    await dialog.waitFor({ state: "detached" });
  };
  const menu = async (entry) => {
    await button(/^Do more with /).click();
    await tab.getByRole("menuitem", { name: entry }).click();
  };

  await look("the phone", "", () => button("Use a phone").click());
  await look("the gallery of services", "destinations/add", () => tab.getByRole("searchbox").waitFor());
  await look("the second step", "destinations/add", () => tab.locator('[data-preset="youtube"]').click());
  await look("the third step", "destinations/add", async () => {
    await tab.locator('[data-preset="custom"]').click();
    await tab.getByLabel("Server address").fill("rtmps://example.invalid/app");
    await button("Next").click();
    await tab.getByText(/Step 3 of 3/).waitFor();
    await tab.getByLabel(/stream/i).first().selectOption({ label: "Another stream, or a pattern" });
  });
  await look("changing a destination", "destinations", () => button("Edit Nobody").click());
  await look("removing a destination", "destinations", () => button("Remove Nobody").click());
  await look("disconnecting the encoder", "live/live/stream", () => button("Disconnect encoder").click());
  await look("playing a recording", "recordings", () => button(/^Play /).click());
  await look("renaming a recording", "recordings", () => menu("Rename"));
  await look("throwing a recording away", "recordings", () => menu("Move to the trash"));
  // From here on the encoder, which has no key, is out.
  await api("PATCH", "access", { mode: "token" });
  await api("POST", "stream-keys", { name: "OBS", streams: "*", action: "publish" });
  await look("revoking a key", "listeners", () => button("Revoke the key OBS").click());
  await look("a hook that calls an address", "listeners", () => button("Add hook").click());
  await look("a hook that runs a program", "listeners", async () => {
    await button("Add hook").click();
    await tab.getByRole("radio", { name: /program/i }).click();
  });
  await look("importing a certificate", "listeners", () => tab.getByRole("region", { name: /Certificate/ }).getByRole("button", { name: "Import" }).click());
  await look("the licences", "settings", () => button("Licences").click());
  await look("the keyboard shortcuts", "settings", async () => {
    await tab.locator("main").focus();
    await tab.keyboard.press("?");
  });
  assert.deepEqual(tab.faults, []);
});

test("the page of fine-tuning, of a stream, and of who has no token are accessible in both themes", { timeout: 180_000 }, async (context) => {
  const { address, origin } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  for (const page of ["settings/tuning", "recordings/rules", "live/live/nobody"]) {
    await go(tab, page);
    await tab.getByRole("heading", { level: 1 }).waitFor({ state: "attached" });
    await accessible(tab, page);
    for (const width of [380, 1280, 2560]) {
      await tab.setViewportSize({ width, height: 900 });
      const wide = await tab.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${page} is ${wide} wide at ${width}`);
    }
    await tab.setViewportSize({ width: 1280, height: 860 });
  }
  const stranger = await open(context);
  await stranger.goto(origin);
  await stranger.getByLabel("Token", { exact: true }).waitFor();
  await accessible(stranger, "without a token");
});
