// What a streamer sets up and looks at, page by page, in a browser before the real program.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect, publish } from "../ffmpeg.mjs";
import { Program, freePort, isListening, scratch, until } from "../program.mjs";
import { accessible, browser, go, open, says, serve } from "./tab.mjs";

const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n\n[streams]\ngrace_seconds = 1.0\n';
const QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"];
const PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30"];

const portOf = async (api, protocol) => {
  const { listeners } = await api("GET", "listeners");
  const found = listeners.find((listener) => listener.protocol === protocol);
  return Number(found.bound[0]?.split(":").at(-1) ?? found.port);
};
const isLive = (api, path) => until(`${path} to be live`, async () => (await api("GET", "streams")).streams.find((stream) => stream.path === path && stream.state === "live"));

test("a destination is added from a preset in three steps and goes live to a second Weir", { timeout: 180_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const other = await serve(context, { settings: SETTINGS });
  const encoder = publish(`rtmp://127.0.0.1:${await portOf(api, "rtmp")}/live/stream`);
  context.after(() => encoder.stop());
  await isLive(api, "live/stream");

  const tab = await open(context, address);
  await go(tab, "destinations");
  await tab.getByRole("button", { name: "Add destination" }).click();
  await tab.getByRole("searchbox").fill("weir no such service");
  await tab.getByRole("button", { name: "Another server" }).click();
  await tab.getByLabel("Server address").fill(`rtmp://127.0.0.1:${await portOf(other.api, "rtmp")}/live`);
  await tab.getByLabel("Stream key", { exact: true }).fill("relayed");
  await tab.getByRole("textbox", { name: "Name", exact: true }).fill("Second Weir");
  await tab.getByRole("button", { name: "Next" }).click();
  await tab.getByRole("button", { name: "Add", exact: true }).click();
  await isLive(other.api, "live/relayed");
  const row = tab.locator('li[data-destination="Second Weir"]');
  await until("the state", async () => (await row.getAttribute("data-state")) === "live");
  await row.getByRole("button", { name: "Numbers and errors of Second Weir" }).click();
  await until("the numbers", async () => /Round trip/.test(await row.innerText()));
  await accessible(tab, "destinations");

  // The second Weir goes: the reason and the countdown are told.
  await other.program.stop();
  await says(tab, /Trying again/);
  await row.getByRole("button", { name: "Try now" }).waitFor();
  assert.deepEqual(tab.faults, []);
});

test("every service has its three steps, with the page of its key", { timeout: 120_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "destinations/add");
  const { presets } = await api("GET", "presets");
  await tab.getByRole("searchbox").waitFor();
  const shown = await tab.locator("[data-preset]").count();
  assert.equal(shown, presets.length);
  await accessible(tab, "the gallery");
  const withPage = presets.find(({ key_page: page, kind }) => page && kind === "service");
  await tab.locator(`[data-preset="${withPage.id}"]`).click();
  assert.equal(await tab.getByRole("link", { name: /with the key/ }).getAttribute("href"), withPage.key_page);
});

test("a page without WebCodecs has the pictures of recordings too, and one of sound alone says what it is", { timeout: 240_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const url = `rtmp://127.0.0.1:${await portOf(api, "rtmp")}/live`;
  for (const [name, what] of Object.entries({ show: {}, radio: { picture: false } })) {
    const encoder = publish(`${url}/${name}`, what);
    context.after(() => encoder.stop());
    await isLive(api, `live/${name}`);
    await api("POST", `streams/live%2F${name}/record`);
    await until("three seconds", async () => (await api("GET", "streams")).streams.find(({ path }) => path === `live/${name}`)?.recording?.duration_seconds > 3);
    await api("DELETE", `streams/live%2F${name}/record`);
    await encoder.stop();
  }
  const tab = await open(context);
  await tab.addInitScript("delete globalThis.VideoDecoder; delete globalThis.EncodedVideoChunk;");
  await tab.goto(address);
  await tab.waitForURL((at) => !at.search.includes("token"));
  await go(tab, "recordings");
  const picture = tab.locator('li[data-recording*="show"] canvas.there');
  await picture.waitFor();
  const colours = await picture.evaluate((canvas) => new Set(canvas.getContext("2d").getImageData(0, canvas.height / 2, canvas.width, 1).data).size);
  assert.ok(colours > 8, `${colours} shades: a picture, not a black box`);
  assert.equal(await tab.locator("canvas.there").count(), 1);

  await tab.getByRole("button", { name: /^Play .*radio/ }).click();
  await until("the sound", () => tab.locator("[role=dialog] video").evaluate((element) => element.currentTime > 0.3 && element.webkitAudioDecodedByteCount > 0));
  await tab.getByRole("dialog").getByText("No picture, only sound").waitFor();
  await accessible(tab, "a film of sound alone");
  assert.deepEqual(tab.faults, []);
});

test("a recording is found, played, renamed, converted and thrown away", { timeout: 240_000 }, async (context) => {
  const { address, api, recordings } = await serve(context, { settings: SETTINGS });
  const encoder = publish(`rtmp://127.0.0.1:${await portOf(api, "rtmp")}/live/stream`);
  context.after(() => encoder.stop());
  await isLive(api, "live/stream");
  await api("POST", "streams/live%2Fstream/record");
  await until("five seconds", async () => (await api("GET", "streams")).streams[0]?.recording?.duration_seconds > 5);
  await api("DELETE", "streams/live%2Fstream/record");
  await encoder.stop();

  const tab = await open(context, address);
  await go(tab, "recordings");
  const item = tab.locator("li[data-recording]").first();
  await item.waitFor();
  await until("its picture", () => item.locator("canvas.there").count());
  await tab.getByRole("searchbox").fill("h.264 stream");
  await until("it to be found", async () => (await tab.locator("li[data-recording]").count()) === 1);

  await item.getByRole("button", { name: /^Play / }).click();
  const video = tab.locator("video");
  await until("the film to play", () => video.evaluate((element) => element.currentTime > 0.3 && element.videoWidth > 0));
  await video.evaluate((element) => (element.currentTime = 3.5));
  await until("the film to go on after a seek", () => video.evaluate((element) => !element.seeking && element.currentTime > 3.5 && element.readyState >= 2));
  await tab.getByRole("button", { name: "Close" }).click();

  const menu = async (entry) => {
    await tab.getByRole("button", { name: /^Do more with / }).first().click();
    await tab.getByRole("menuitem", { name: entry }).click();
  };
  await menu("Rename");
  await tab.getByLabel("New name").fill("Evening show");
  await tab.getByRole("button", { name: "Rename", exact: true }).click();
  await tab.getByRole("searchbox").fill("");
  await says(tab, /Evening show\.flv/);

  await menu("Make an MP4 of it");
  await says(tab, /Evening show\.mp4/, 30_000);
  const made = inspect(join(recordings, "Evening show.mp4"));
  assert.equal(made.video.codec_name, "h264");
  assert.ok(made.duration > 4);
  await accessible(tab, "recordings");

  await menu("Move to the trash");
  await tab.getByRole("alertdialog").getByRole("button", { name: "Move to the trash" }).click();
  // Where there is no trash the page asks again before it deletes for good.
  await until("one file less", async () => {
    const forGood = tab.getByRole("button", { name: "Delete for good" });
    if (await forGood.isVisible()) await forGood.click();
    return (await api("GET", "recordings")).total === 1;
  });
  assert.deepEqual(tab.faults, []);
});

test("a listener moves to another port, and encoders reach it there", { timeout: 120_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "listeners");
  const port = await freePort();
  await tab.getByLabel("Port for RTMP", { exact: true }).fill(String(port));
  await tab.getByRole("button", { name: "Save" }).click();
  await says(tab, new RegExp(`Listening on port ${port}`), 10_000);
  assert.ok(await isListening(port));
  const encoder = publish(`rtmp://127.0.0.1:${port}/live/stream`);
  context.after(() => encoder.stop());
  await isLive(api, "live/stream");
});

test("a certificate is made, and an encoder publishes over RTMPS with it", { timeout: 180_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "listeners");
  const card = tab.locator('article[data-listener^="rtmps"]');
  await card.waitFor();
  const port = await freePort();
  await card.getByLabel("Port for RTMPS").fill(String(port));
  await card.getByRole("button", { name: "Save" }).click();
  if (!(await card.getByRole("switch", { name: "Listen for RTMPS" }).isChecked())) await card.getByRole("switch", { name: "Listen for RTMPS" }).click();
  await until("RTMPS", () => isListening(port));

  const before = await api("GET", "certificate");
  await tab.getByRole("button", { name: "Renew now" }).click();
  const after = await until("another certificate", async () => {
    const now = await api("GET", "certificate");
    return now.fingerprint !== before.fingerprint && now;
  });
  await says(tab, new RegExp(after.fingerprint.slice(0, 4).toUpperCase()));
  const [download] = await Promise.all([tab.waitForEvent("download"), tab.getByRole("button", { name: "Export" }).first().click()]);
  // By this name it is told how to trust it.
  assert.equal(download.suggestedFilename(), "weir.crt");
  const file = join(scratch(context), "weir.crt");
  await download.saveAs(file);
  assert.match(readFileSync(file, "utf8"), /^-----BEGIN CERTIFICATE-----/);
  await accessible(tab, "listeners");

  const encoder = new Program("ffmpeg", [...QUIET, ...PICTURE, "-f", "flv", "-tls_verify", "1", "-ca_file", file, `rtmps://localhost:${port}/live/secure`]);
  context.after(() => encoder.stop());
  await isLive(api, "live/secure");
});

test("a passphrase is added, and an encoder publishes over SRT with it", { timeout: 180_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "listeners");
  const card = tab.locator('article[data-listener^="srt"]');
  const port = await freePort();
  await card.getByLabel("Port for SRT").fill(String(port));
  await card.getByRole("button", { name: "Save" }).click();
  await until("the port", async () => (await portOf(api, "srt")) === port);
  if (!(await card.getByRole("switch", { name: "Listen for SRT" }).isChecked())) await card.getByRole("switch", { name: "Listen for SRT" }).click();
  await tab.getByLabel("Encryption").selectOption({ label: "A passphrase for each stream" });
  await tab.getByLabel("Stream", { exact: true }).fill("live/camera1");
  await tab.getByRole("button", { name: "Add passphrase" }).click();
  await says(tab, /It is not shown again/);
  const made = tab.getByText("New passphrase for live/camera1").locator("..").locator("code");
  const passphrase = (await made.innerText()).trim();
  assert.ok(passphrase.length >= 10, passphrase);
  await tab.getByRole("list", { name: "Streams with a passphrase" }).getByText("live/camera1").waitFor();

  const srt = (streamid, phrase) => {
    const secret = phrase ? `&passphrase=${phrase}&pbkeylen=16` : "";
    return new Program("ffmpeg", [...QUIET, ...PICTURE, "-f", "mpegts", `srt://127.0.0.1:${port}?mode=caller&transtype=live&streamid=${streamid}${secret}`]);
  };

  // Who has no passphrase, a wrong one, or another stream is refused, and why is told.
  await go(tab, "problems");
  const refused = [
    ["no passphrase", srt("publish:live/camera1"), /it gave none/],
    ["a wrong passphrase", srt("publish:live/camera1", "canary-wrong-phrase"), /its passphrase is not the one of live\/camera1/],
    ["a stream without one", srt("publish:live/other", "canary-wrong-phrase"), /live\/other has no passphrase/],
    ["a stream id that cannot be used", srt("publish:../camera1", passphrase), /its stream id cannot be used/],
  ];
  for (const [what, program, words] of refused) {
    context.after(() => program.stop());
    await context.test(what, () => says(tab, words, 8000));
    await program.stop();
  }

  const encoder = srt("publish:live/camera1", passphrase);
  context.after(() => encoder.stop());
  await isLive(api, "live/camera1");
  assert.doesNotMatch(await tab.evaluate(() => document.body.innerText), new RegExp(passphrase));
});

test("stream keys are asked for, made, and revoked; who has none is refused", { timeout: 120_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "listeners");
  await tab.getByLabel("Who is let in").selectOption({ label: "Whoever has a key made here" });
  await tab.getByLabel("Name of the key").fill("OBS");
  await tab.getByRole("button", { name: "Make a key" }).click();
  const shown = tab.getByText("Stream key for OBS").locator("..").locator("code");
  const key = (await shown.innerText()).trim();
  const port = await portOf(api, "rtmp");

  const stranger = publish(`rtmp://127.0.0.1:${port}/live/stream`);
  context.after(() => stranger.stop());
  await go(tab, "problems");
  await says(tab, /key/);
  await stranger.stop();

  const encoder = publish(`rtmp://127.0.0.1:${port}/live/${key}`);
  context.after(() => encoder.stop());
  await until("the stream", async () => (await api("GET", "streams")).streams.some(({ state }) => state === "live"));
  await go(tab, "listeners");
  await tab.getByRole("button", { name: "Revoke the key OBS" }).click();
  await tab.getByRole("alertdialog").getByRole("button", { name: "Revoke" }).click();
  await until("the encoder to be cut off", async () => !(await api("GET", "streams")).streams.some(({ state }) => state === "live"));
});

test("a hook is added, tested, and its failure is told", { timeout: 120_000 }, async (context) => {
  const { address } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "listeners");
  await tab.getByRole("button", { name: "Add hook" }).click();
  await tab.getByRole("textbox", { name: "Address" }).fill(`http://127.0.0.1:${await freePort()}/canary?secret=canary`);
  await tab.getByRole("textbox", { name: "Name", exact: true }).fill("Chat");
  await accessible(tab, "the form of a hook");
  await tab.getByRole("button", { name: "Add", exact: true }).click();
  await tab.getByRole("button", { name: "Test Chat with a sample" }).click();
  await says(tab, /It did not work/, 30_000);
  assert.doesNotMatch(await tab.evaluate(() => document.body.innerText), /canary/);
});

test("the log follows, narrows to a stream, and can be kept", { timeout: 120_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "log");
  const encoder = publish(`rtmp://127.0.0.1:${await portOf(api, "rtmp")}/live/stream`);
  context.after(() => encoder.stop());
  await isLive(api, "live/stream");
  await says(tab, /live\/stream/);
  await tab.getByLabel("Stream", { exact: true }).selectOption("live/stream");
  await says(tab, /\d+ lines?/);
  const [download] = await Promise.all([tab.waitForEvent("download"), tab.getByRole("button", { name: "Export" }).click()]);
  const file = join(scratch(context), "weir.log");
  await download.saveAs(file);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  assert.ok(lines.length > 0 && lines.every((line) => line.includes("stream=live/stream")), lines[0]);
  await tab.getByLabel("Written by Weir").selectOption({ label: "Everything" });
  await until("the level", async () => (await api("GET", "settings")).log_level === "debug");
});

test("every page is accessible in both themes and fits on a phone", { timeout: 240_000 }, async (context) => {
  const { address } = await serve(context, { settings: SETTINGS });
  const chrome = await browser(context);
  const tab = await open(context, address, { chrome });
  for (const page of ["", "destinations", "recordings", "recordings/rules", "problems", "listeners", "log", "settings"]) {
    await go(tab, page);
    await tab.getByRole("heading", { level: 1 }).waitFor();
    await until(`${page} to be read`, async () => (await tab.locator(".skeleton").count()) === 0);
    await accessible(tab, page || "live");
    for (const width of [380, 1280, 2560]) {
      await tab.setViewportSize({ width, height: 900 });
      const wide = await tab.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${page || "live"} is ${wide} wide at ${width}`);
    }
    await tab.setViewportSize({ width: 1280, height: 860 });
  }
  assert.deepEqual(tab.faults, []);
});

test("keyboard alone is enough: go everywhere, add a destination, change a port", { timeout: 180_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  const press = (...keys) => keys.reduce((before, key) => before.then(() => tab.keyboard.press(key)), Promise.resolve());
  const focus = () => tab.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.labels?.[0]?.textContent ?? document.activeElement?.textContent?.trim() ?? "");
  /** Tabs on until the thing with this name has the focus. */
  const tabTo = async (name) => {
    for (let count = 0; count < 80; count += 1) {
      if (new RegExp(name).test(await focus())) return;
      await press("Tab");
    }
    assert.fail(`the keyboard does not reach ${name}; it is at ${await focus()}`);
  };

  for (const [key, title] of [["2", "Destinations"], ["3", "Recordings"], ["4", "Attempts and problems"], ["5", "Listeners & security"], ["6", "Log"], ["7", "Settings"], ["1", "Live"]]) {
    await press(key);
    await tab.getByRole("heading", { level: 1, name: title }).waitFor();
  }
  await press("?");
  await tab.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await press("Escape");
  await tab.getByRole("dialog").waitFor({ state: "detached" });

  await press("n");
  await tab.getByRole("dialog").waitFor();
  await tabTo("Another server$");
  await press("Enter");
  await tab.keyboard.type("rtmp://127.0.0.1:9/live");
  await tabTo("^Stream key$");
  await tab.keyboard.type("canary");
  await press("Enter");
  await tab.getByText(/Step 3 of 3/).waitFor();
  await tabTo("^Add$");
  await press("Enter");
  await until("the destination", async () => (await api("GET", "destinations")).destinations.length === 1);
  await tab.getByRole("dialog").waitFor({ state: "detached" });

  await tab.evaluate(() => document.activeElement?.blur());
  await press("5");
  await tab.getByRole("heading", { level: 1, name: "Listeners & security" }).waitFor();
  const port = await freePort();
  await tabTo("^Port for RTMP$");
  await press("Control+a");
  await tab.keyboard.type(String(port));
  await press("Enter");
  await until("the port", () => isListening(port));
  assert.deepEqual(tab.faults, []);
});

test("a page whose program has gone says so, keeps what was known, and comes back", { timeout: 120_000 }, async (context) => {
  const folder = scratch(context);
  writeFileSync(join(folder, "weir.toml"), SETTINGS);
  const http = `127.0.0.1:${await freePort()}`;
  const { address, program } = await serve(context, { settings: SETTINGS, folder, http });
  const tab = await open(context, address);
  await go(tab, "listeners");
  await tab.getByRole("heading", { level: 1, name: "Listeners & security" }).waitFor();
  await program.stop();
  await says(tab, /The connection to Weir is lost/, 10_000);
  await tab.locator('article[data-listener^="rtmp"]').first().waitFor();
  await accessible(tab, "offline");
  await serve(context, { settings: SETTINGS, folder, http });
  await until("the page to find it again", async () => !(await tab.getByText(/The connection to Weir is lost/).isVisible()), 20_000);
  assert.deepEqual(tab.faults, []);
});
