// Every setting of docs/configuration.md can be reached by click: on the page of fine-tuning, or where it is used.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, root, until } from "../program.mjs";
import { accessible, go, open, serve } from "./tab.mjs";

const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n';

/** Where a setting is that is not fine-tuning: the page, and its control by role and name. */
const PLACES = {
  "rtmp.enabled": ["listeners", "switch", "Listen for RTMP"],
  "rtmps.enabled": ["listeners", "switch", "Listen for RTMPS"],
  "srt.enabled": ["listeners", "switch", "Listen for SRT"],
  "srt.latency_ms": ["listeners", "textbox", "Latency"],
  "srt.delivery": ["listeners", "combobox", "Pass on"],
  "srt.bare_stream_id": ["listeners", "combobox", "A stream ID that is only a name"],
  "srt.default_path": ["listeners", "textbox", "Stream of callers who name none"],
  "srt.encryption": ["listeners", "combobox", "Encryption"],
  "srt.streams": ["listeners", "button", "Add passphrase"],
  "srt.key_length": ["listeners", "combobox", "Key length"],
  "srt.passphrase_file": ["listeners", "textbox", "Passphrase file", { Encryption: "From a passphrase file" }],
  "auth.mode": ["listeners", "combobox", "Who is let in"],
  "auth.open_playback": ["listeners", "switch", "Watching needs no key"],
  "auth.wrong_tries": ["listeners", "textbox", "Wrong tries before an address is ignored for a while"],
  "auth.callback": ["listeners", "textbox", "Address that is asked", { "Who is let in": "Whoever another program lets in" }],
  "auth.file": ["listeners", "textbox", "File of tokens", { "Who is let in": "Whoever has a token of a file" }],
  "metrics.listen": ["listeners", "switch", "Serve numbers for monitoring"],
  "recording.record_all": ["recordings/rules", "switch", "Record everything"],
  "recording.container": ["recordings/rules", "combobox", "File format"],
  "recording.segment_seconds": ["recordings/rules", "textbox", "Begin a new file after so many minutes"],
  "recording.segment_pattern": ["recordings/rules", "textbox", "Names of these files"],
  "recording.on_return": ["recordings/rules", "combobox", "When the encoder comes back"],
  "recording.reserve_bytes": ["recordings/rules", "textbox", "Leave this much free, in GB"],
  "recording.when_full": ["recordings/rules", "combobox", "When no more is free"],
  "recording.keep_days": ["recordings/rules", "textbox", "Delete after so many days"],
  "recording.keep_bytes": ["recordings/rules", "textbox", "Delete the oldest beyond this much, in GB"],
  "recording.dir": ["recordings/rules", "textbox", "Recordings folder"],
  "recording.rules.container": ["recordings/rules", "combobox", "File format"],
  "recording.rules.folder": ["recordings/rules", "textbox", "Folder below the recordings folder"],
  "recording.rules.record": ["recordings/rules", "combobox", "Recorded by itself"],
  "recording.rules.segment_seconds": ["recordings/rules", "textbox", "Minutes a file"],
  "recording.rules.streams": ["recordings/rules", "textbox", "Streams"],
  "log.level": ["log", "combobox", "Written by Weir"],
};

/** What is filled in on a form behind a button, or has its own test. */
const FORMS = {
  "hooks.list": ["listeners", "Add hook", ["Address", "Headers, one a line", "Name", "When it is called"]],
  destinations: ["destinations/add", "Another server", ["Server address", "Stream key", "Name", "Second address of the same service"]],
};
/** Of the desktop program alone: `weir serve` has no window. */
const WINDOW = /^desktop\./;

/** `rtmp.listen` and so on, as the page of settings in the documents lists them. */
function documented() {
  const text = readFileSync(join(root, "docs", "configuration.md"), "utf8");
  let table = "";
  const names = [];
  for (const line of text.split("\n")) {
    table = /^## `\[\[?([\w.]+)\]?\]`/.exec(line)?.[1] ?? table;
    const name = /^\| `(\w+)` \|/.exec(line)?.[1];
    if (name) names.push(`${table}.${name}`);
  }
  return names;
}

test("every documented setting has a control", { timeout: 180_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  await api("PATCH", "srt", { encryption: "per_stream" });
  await api("PATCH", "access", { mode: "token" });
  await api("PATCH", "recording-settings", { segment_seconds: 600 });
  const tab = await open(context, address);

  await go(tab, "settings/tuning");
  await tab.locator("[data-setting]").first().waitFor();
  const tuned = await tab.locator("[data-setting]").evaluateAll((rows) => rows.map((row) => row.dataset.setting));
  const names = documented();
  assert.ok(names.length > 80, `${names.length} settings`);
  const rest = names.filter((name) => !tuned.includes(name) && !WINDOW.test(name) && !Object.keys(FORMS).some((form) => name.startsWith(`${form}.`)));
  assert.deepEqual(rest.filter((name) => !(name in PLACES)), [], "settings without a control");
  assert.deepEqual(tuned.filter((name) => !names.includes(name)), [], "controls without a setting");
  await accessible(tab, "fine-tuning");

  let here = "settings/tuning";
  for (const name of rest) {
    const [page, role, label, first = {}] = PLACES[name];
    if (page !== here) await go(tab, (here = page));
    for (const [field, option] of Object.entries(first)) await tab.getByLabel(field, { exact: true }).selectOption({ label: option });
    await tab.getByRole(role, { name: label, exact: true }).first().waitFor();
  }
  for (const [page, button, labels] of Object.values(FORMS)) {
    await go(tab, page);
    await tab.getByRole("button", { name: button }).click();
    for (const label of labels) await tab.getByRole("dialog").getByText(label, { exact: true }).first().waitFor({ state: "attached" });
    await tab.keyboard.press("Escape");
  }
  assert.deepEqual(tab.faults, []);
});

test("fine-tuning takes effect at once, and what cannot be is refused in words", { timeout: 120_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const tab = await open(context, address);
  await go(tab, "settings/tuning");
  const row = (name) => tab.locator(`[data-setting="${name}"]`);
  const fill = async (name, text) => {
    await row(name).getByRole("textbox").fill(text);
    await row(name).getByRole("button", { name: "Save" }).click();
  };
  await fill("rtmp.idle_seconds", "45.5");
  await until("it", async () => (await api("GET", "config")).config.rtmp.idle_seconds === 45.5);
  await row("streams.duplicate_publisher").getByRole("combobox").selectOption({ label: "takes over" });
  await until("it", async () => (await api("GET", "config")).config.streams.duplicate_publisher === "replace");
  await row("log.file").getByRole("switch").click();
  await until("it", async () => (await api("GET", "config")).config.log.file === false);
  await fill("log.file_bytes", "2.5");
  await until("it", async () => (await api("GET", "config")).config.log.file_bytes === 2_500_000);
  await fill("tls.names", "studio.local, 10.0.0.5");
  await until("it", async () => (await api("GET", "certificate")).names.includes("studio.local"));
  const port = await freePort();
  await fill("rtmp.listen", `localhost:${port}`);
  await until("it", async () => (await api("GET", "listeners")).listeners.some((listener) => listener.port === port && listener.state === "listening"));

  await row("tls.cert").getByRole("textbox").fill("/srv/cert.pem");
  await row("tls.key").getByRole("textbox").fill("/srv/key.pem");
  await tab.getByRole("form", { name: "Certificate from files" }).getByRole("button", { name: "Save" }).click();
  await until("both", async () => (({ cert, key }) => cert === "/srv/cert.pem" && key === "/srv/key.pem")((await api("GET", "config")).config.tls));
  await tab.getByRole("button", { name: "Use no files" }).click();
  await until("neither", async () => (({ cert, key }) => cert === null && key === null)((await api("GET", "config")).config.tls));

  await fill("rtmp.listen", "localhost:1,localhost:1");
  await row("rtmp.listen").getByText("“RTMP” cannot be so: localhost:1 is there twice; once is enough.", { exact: true }).waitFor();
  await row("rtmp.listen").getByRole("button", { name: "Undo" }).click();
  await row("rtmp.chunk_size").getByRole("textbox").fill("99999999");
  await row("rtmp.chunk_size").getByText("Chunk size, bytes: between 1 and 65536.").waitFor();
  assert.equal((await api("GET", "config")).config.rtmp.chunk_size, 60000);
  await row("rtmp.chunk_size").getByRole("button", { name: "Undo" }).click();
  await row("rtmp.chunk_size").getByRole("alert").waitFor({ state: "detached" });
  assert.deepEqual(tab.faults, []);
});
