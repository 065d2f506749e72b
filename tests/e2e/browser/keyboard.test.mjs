// Every journey with the keyboard alone: Tab, arrows, Enter, Space, Escape and letters; no pointer, and no shortcut of ours.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { publish } from "../ffmpeg.mjs";
import { Program, freePort, isListening, scratch, until } from "../program.mjs";
import { keyboard } from "./keys.mjs";
import { open, says, serve } from "./tab.mjs";

const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n\n[streams]\ngrace_seconds = 1.0\n';
const QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"];
const PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30"];

const portOf = async (api, protocol) => {
  const { listeners } = await api("GET", "listeners");
  const found = listeners.find((listener) => listener.protocol === protocol);
  return Number(found.bound[0]?.split(":").at(-1) ?? found.port);
};
const isLive = (api, path) => until(`${path} to be live`, async () => (await api("GET", "streams")).streams.find((stream) => stream.path === path && stream.state === "live"));

async function begin(context, wanted = {}) {
  const weir = await serve(context, { settings: SETTINGS, ...wanted });
  const tab = await open(context, weir.address);
  return { ...weir, tab, keys: keyboard(tab) };
}

test("record and play", { timeout: 240_000 }, async (context) => {
  const { api, tab, keys } = await begin(context);
  const encoder = publish(`rtmp://127.0.0.1:${await portOf(api, "rtmp")}/live/stream`);
  context.after(() => encoder.stop());
  await isLive(api, "live/stream");

  await tab.locator("article[data-stream]").waitFor();
  await keys.use("Record");
  await until("four seconds", async () => (await api("GET", "streams")).streams[0]?.recording?.duration_seconds > 4);
  await keys.use("Stop recording", "Space");
  await until("the end of the recording", async () => (await api("GET", "streams")).streams[0]?.recording === null);

  await keys.page("Recordings");
  await tab.locator("li[data-recording]").first().waitFor();
  await keys.use(/^Play /);
  const video = tab.locator("video");
  await until("the film to play", () => video.evaluate((element) => element.currentTime > 0.3 && element.videoWidth > 0));
  await keys.press("Escape");
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  assert.match(await keys.focus(), /^Play /, "the keyboard goes on where it was");

  await keys.use(/^Do more with /);
  await tab.getByRole("menuitem").first().waitFor();
  for (let count = 0; count < 12 && !/Rename/.test(await keys.focus()); count += 1) await keys.press("ArrowDown");
  await keys.press("Enter");
  await keys.fill("New name", "Evening show");
  await keys.press("Enter");
  await says(tab, /Evening show\.flv/);
  assert.deepEqual(tab.faults, []);
});

test("a certificate for RTMPS, and an encoder that uses it", { timeout: 180_000 }, async (context) => {
  const { api, tab, keys } = await begin(context);
  await keys.page("Listeners", "Listeners & security");
  const port = await freePort();
  await keys.fill("Port for RTMPS", String(port));
  await keys.press("Enter");
  await until("the port", async () => (await portOf(api, "rtmps")) === port);
  await keys.to("Listen for RTMPS", { back: true });
  await keys.press("Space");
  await until("RTMPS", () => isListening(port));

  const before = (await api("GET", "certificate")).fingerprint;
  await keys.use("Renew now");
  await until("another certificate", async () => (await api("GET", "certificate")).fingerprint !== before);
  await keys.to("Export");
  const [download] = await Promise.all([tab.waitForEvent("download"), keys.press("Enter")]);
  // By this name it is told how to trust it.
  assert.equal(download.suggestedFilename(), "weir.crt");
  const file = join(scratch(context), "weir.crt");
  await download.saveAs(file);
  assert.match(readFileSync(file, "utf8"), /^-----BEGIN CERTIFICATE-----/);
  const encoder = new Program("ffmpeg", [...QUIET, ...PICTURE, "-f", "flv", "-tls_verify", "1", "-ca_file", file, `rtmps://localhost:${port}/live/secure`]);
  context.after(() => encoder.stop());
  await isLive(api, "live/secure");
  assert.deepEqual(tab.faults, []);
});

test("a passphrase for SRT, and an encoder that uses it", { timeout: 180_000 }, async (context) => {
  const { api, tab, keys } = await begin(context);
  await keys.page("Listeners", "Listeners & security");
  const port = await freePort();
  await keys.fill("Port for SRT", String(port));
  await keys.press("Enter");
  await until("the port", async () => (await portOf(api, "srt")) === port);
  await keys.to("Listen for SRT", { back: true });
  await keys.press("Space");
  await until("SRT", async () => (await api("GET", "listeners")).listeners.some(({ protocol, state }) => protocol === "srt" && state === "listening"));

  await keys.choose("Encryption", "A passphrase for each stream");
  await until("the choice", async () => (await api("GET", "srt")).encryption === "per_stream");
  await keys.fill("Stream", "live/camera1");
  await keys.use("Add passphrase");
  await says(tab, /It is not shown again/);
  await keys.choose("Key length", "AES-256");
  await until("the length", async () => (await api("GET", "srt")).key_length === 32);
  const passphrase = (await tab.getByText("New passphrase for live/camera1").locator("..").locator("code").innerText()).trim();
  const encoder = new Program("ffmpeg", [...QUIET, ...PICTURE, "-f", "mpegts", `srt://127.0.0.1:${port}?mode=caller&transtype=live&streamid=publish:live/camera1&passphrase=${passphrase}&pbkeylen=32`]);
  context.after(() => encoder.stop());
  await isLive(api, "live/camera1");
  assert.deepEqual(tab.faults, []);
});

test("a destination: the wizard, its numbers, another key, off, and away", { timeout: 240_000 }, async (context) => {
  const { api, tab, keys } = await begin(context);
  const other = await serve(context, { settings: SETTINGS });
  const encoder = publish(`rtmp://127.0.0.1:${await portOf(api, "rtmp")}/live/stream`);
  context.after(() => encoder.stop());
  await isLive(api, "live/stream");

  await keys.page("Destinations");
  await keys.use("Add destination");
  await tab.getByRole("dialog").waitFor();
  // A service and back again: nothing is lost on the way.
  await keys.use("Twitch");
  await tab.getByText(/Step 2 of 3/).waitFor();
  await keys.use("Back");
  await keys.use(/^Another server/);
  await keys.fill("Server address", `rtmp://127.0.0.1:${await portOf(other.api, "rtmp")}/live`);
  await keys.fill("Stream key", "relayed");
  await keys.fill("Name", "Second Weir");
  await keys.press("Enter");
  await tab.getByText(/Step 3 of 3/).waitFor();
  await keys.use("Add");
  await isLive(other.api, "live/relayed");
  const row = tab.locator('li[data-destination="Second Weir"]');
  await until("the state", async () => (await row.getAttribute("data-state")) === "live");

  await keys.use("Numbers and errors of Second Weir");
  await row.locator('[data-chart="bitrate"] canvas').waitFor();
  await keys.to("10 minutes");
  await keys.press("ArrowRight");
  await until("the whole session", () => row.getByRole("radio", { name: "Whole session" }).isChecked());

  await keys.use("Edit Second Weir");
  await tab.getByRole("dialog").waitFor();
  await keys.fill("Name", "Renamed");
  await keys.press("Enter");
  await tab.locator('li[data-destination="Renamed"]').waitFor();
  await keys.use("Send to Renamed", "Space");
  await until("it to be off", async () => (await api("GET", "destinations")).destinations[0].enabled === false);
  await keys.use("Remove Renamed");
  await tab.getByRole("alertdialog").waitFor();
  await keys.press("Escape");
  await tab.getByRole("alertdialog").waitFor({ state: "detached" });
  await keys.use("Remove Renamed");
  await keys.use("Remove");
  await until("it to be away", async () => (await api("GET", "destinations")).destinations.length === 0);
  assert.deepEqual(tab.faults, []);
});

test("the settings: looks, language, licences, and one of the fine ones", { timeout: 180_000 }, async (context) => {
  const { api, tab, keys } = await begin(context);
  await keys.page("Settings");
  await keys.to(/^(System|Light|Dark)$/);
  await keys.press("ArrowRight", "ArrowRight", "ArrowRight");
  const theme = await tab.evaluate(() => localStorage.getItem("weir.theme"));
  assert.ok(["light", "dark", "system"].includes(theme), String(theme));
  await keys.choose("Language", "Deutsch");
  await tab.getByRole("heading", { level: 1, name: "Einstellungen" }).waitFor();
  await keys.choose("Sprache", "English");
  await keys.use("Streamer mode", "Space");
  await until("streamer mode", () => tab.getByRole("switch", { name: "Streamer mode" }).isChecked());
  await keys.press("Space");

  await keys.use("Licences");
  await tab.getByRole("dialog").waitFor();
  await keys.press("Escape");
  await tab.getByRole("dialog").waitFor({ state: "detached" });

  await keys.use("To Fine-tuning");
  await tab.getByRole("heading", { level: 1, name: "Fine-tuning" }).waitFor();
  await keys.fill("Search", "viewers of one");
  await keys.fill("Viewers of one stream", "7");
  await keys.press("Enter");
  await until("the limit", async () => (await api("GET", "config")).config.limits.players_per_stream === 7);
  assert.deepEqual(tab.faults, []);
});

test("the first minutes: the guide, the address, a phone", { timeout: 120_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address, { guide: true });
  const keys = keyboard(tab);
  await tab.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await keys.use(/^Copy: Server/);
  await until("the address", async () => /^rtmp:\/\//.test(await tab.evaluate(() => navigator.clipboard.readText())));
  await keys.use("Use a phone");
  await tab.getByRole("dialog").waitFor();
  await keys.press("Escape");
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  await keys.use("Record everything");
  await until("everything to be recorded", async () => (await api("GET", "settings")).record_all);
  await keys.use("Close the guide");
  await tab.locator("#guide").waitFor({ state: "detached" });
  assert.deepEqual(tab.faults, []);
});
