// What is live, seen in Chromium before the real engine: its picture, its page, its readers, with mouse and with keys alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import process from "node:process";
import { chromium } from "playwright";
import { play, publish } from "../ffmpeg.mjs";
import { until } from "../program.mjs";
import { accessible, open, serve } from "./tab.mjs";

/** A small copy of the picture as text: equal for equal pictures, short for a black one. */
const LOOK = `(surface) => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [32, 18];
  const context = copy.getContext("2d");
  context.drawImage(surface, 0, 0, 32, 18);
  return Array.from(context.getImageData(0, 0, 32, 18).data).join();
}`;

async function moves(surface) {
  const look = () => surface.evaluate(eval(LOOK));
  await until("a picture", async () => new Set((await look()).split(",")).size > 20);
  const first = await look();
  await until("another picture", async () => (await look()) !== first);
}

/** A live stream with its card on the page. `init` runs in the page before anything of ours. */
async function begin(context, { encoder = publish, init, args = [] } = {}) {
  const { address, api } = await serve(context);
  const chrome = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", ...args] });
  context.after(() => chrome.close());
  const tab = await open(context, undefined, { chrome });
  tab.on("console", (message) => message.type() === "error" && tab.faults.push(message.text()));
  const opened = [];
  tab.on("websocket", (socket) => socket.url().includes("/preview?") && opened.push(socket.url()));
  if (init) await tab.addInitScript(init);
  await tab.goto(address);
  await tab.waitForURL((url) => !url.search.includes("token"));
  const { ingest } = await api("GET", "status");
  const { server } = ingest.find(({ protocol }) => protocol === "rtmp");
  const source = encoder(`${server}/stream`);
  context.after(() => source.stop());
  const card = tab.locator('article[data-stream="live/stream"]');
  await card.waitFor({ timeout: 60_000 });
  return { tab, faults: tab.faults, server, source, card, api, opened };
}

const readers = async (api, kind) => (await api("GET", "streams/live%2Fstream")).readers.filter((reader) => reader.kind === kind);

test("a card shows the moving picture, and without it the engine has no reader", { timeout: 180_000 }, async (context) => {
  const { tab, card, api, faults, opened } = await begin(context);
  await moves(card.locator("canvas[aria-label]"));
  assert.equal((await readers(api, "preview")).length, 1);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(opened.length, 1, "it stays open while the numbers of the stream change");
  await tab.getByRole("button", { name: "Pictures" }).click();
  await card.getByText("Pictures are off").waitFor();
  await until("the reader to go", async () => (await readers(api, "preview")).length === 0);
  await tab.getByRole("button", { name: "Pictures" }).click();
  await moves(card.locator("canvas[aria-label]"));
  await card.locator('[data-health="good"]').waitFor();
  assert.deepEqual(faults, [], "nothing is refused by the content security policy");
});

test("a page without WebCodecs, as on a phone over plain HTTP, shows the picture all the same", { timeout: 180_000 }, async (context) => {
  const init = "delete globalThis.VideoDecoder; delete globalThis.EncodedVideoChunk;";
  const { card, api, faults } = await begin(context, { init });
  await moves(card.locator("video"));
  const at = () => card.locator("video").evaluate((video) => video.currentTime);
  const before = await at();
  await until("the video to go on", async () => (await at()) > before + 1);
  const behind = await card.locator("video").evaluate((video) => video.buffered.end(video.buffered.length - 1) - video.currentTime);
  assert.ok(behind < 1.5, `${behind} s behind what has arrived`);
  assert.equal((await readers(api, "preview")).length, 1);
  assert.deepEqual(faults, []);
});

test("sound without WebCodecs, of a picture and alone, and no picture of the stream before", { timeout: 240_000 }, async (context) => {
  const init = "delete globalThis.VideoDecoder; delete globalThis.EncodedVideoChunk;";
  const { tab, server, faults } = await begin(context, { init });
  const radio = publish(`${server}/radio`, { picture: false });
  context.after(() => radio.stop());
  await tab.locator('article[data-stream="live/radio"]').getByText("No picture, only sound").waitFor({ timeout: 60_000 });

  await tab.getByRole("link", { name: "live/stream" }).click();
  const video = tab.locator("figure video");
  const heard = () => video.evaluate((it) => !it.muted && !it.paused && it.webkitAudioDecodedByteCount > 0);
  await moves(video);
  await tab.getByRole("button", { name: "Sound" }).click();
  await until("sound with the picture", heard);
  await moves(video);

  await tab.evaluate(() => (location.hash = "#/live/live/radio"));
  const screen = tab.locator("figure [data-preview]");
  await screen.getByText("No picture, only sound").waitFor();
  assert.equal(await video.evaluate((it) => it.muted && getComputedStyle(it).visibility === "hidden"), true, "silent, and nothing of the other stream");
  await tab.getByRole("button", { name: "Sound" }).click();
  await until("sound alone", heard);
  await screen.getByText("No picture, only sound").waitFor();

  await tab.evaluate(() => (location.hash = "#/live/live/stream"));
  await moves(video);
  assert.equal(await screen.innerText(), "");
  assert.deepEqual(faults, []);
});

test("the page of a stream: sound, numbers, a player that is disconnected, and what happened", { timeout: 240_000 }, async (context) => {
  const { tab, card, server, api, faults } = await begin(context, { args: ["--autoplay-policy=no-user-gesture-required"] });
  await card.getByRole("link", { name: "live/stream" }).click();
  await tab.getByRole("heading", { level: 1, name: "live/stream" }).waitFor();
  await moves(tab.locator("figure canvas[aria-label]"));

  await tab.getByRole("button", { name: "Sound" }).click();
  const video = tab.locator("figure video");
  await moves(video);
  assert.equal(await video.evaluate((it) => it.muted), false);
  await until("sound", () => video.evaluate((it) => it.webkitAudioDecodedByteCount > 0));
  await tab.getByRole("button", { name: "Sound" }).click();
  await moves(tab.locator("figure canvas[aria-label]"));

  for (const chart of ["bitrate", "fps", "key_frame_interval_seconds", "behind_seconds"]) await tab.locator(`[data-chart="${chart}"] canvas`).waitFor();
  await tab.getByRole("img", { name: /^Bitrate, now [\d.]+ Mbit\/s$/ }).waitFor();

  const player = play(`${server}/stream`);
  context.after(() => player.stop());
  await until("the player", async () => (await readers(api, "player")).length === 1);
  await tab.getByRole("button", { name: /^Disconnect 127/ }).click();
  await until("it to be gone", async () => (await readers(api, "player")).length === 0);
  await player.ended;

  for (const words of ["The encoder connected", "A player joined", "A player left"]) await tab.getByText(words).waitFor();
  const { events, recent } = await api("GET", "streams/live%2Fstream/history");
  assert.ok(events.some(({ code }) => code === "tracks_changed"));
  assert.ok(Math.max(...recent.fps) > 25 && Math.max(...recent.bitrate) > 500_000, JSON.stringify(recent.fps));

  await tab.getByRole("button", { name: "Disconnect encoder" }).click();
  await tab.getByRole("alertdialog").getByRole("button", { name: "Disconnect encoder" }).click();
  await tab.getByText("The encoder went").waitFor();
  assert.deepEqual(faults, []);
});

test("what is wrong with a stream is said with the remedy", { timeout: 180_000 }, async (context) => {
  const sparse = (url) => publish(url, { keyFrames: 240, sound: false });
  const { tab, card } = await begin(context, { encoder: sparse });
  await card.getByText(/There is no sound/).waitFor({ timeout: 60_000 });
  await card.getByRole("link", { name: "live/stream" }).click();
  await tab.getByText("Key frames every 8.0 s: YouTube wants 4 s or less, Twitch 2 s.").waitFor({ timeout: 60_000 });
  await tab.getByText("In FFmpeg: -g 60 (twice the frame rate).").waitFor();
});

test("all of it by keyboard alone", { timeout: 180_000 }, async (context) => {
  const { tab, server, api } = await begin(context);
  const focused = () => tab.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute("aria-label"));
  const tabTo = async (name) => {
    for (let step = 0; step < 80; step += 1) {
      await tab.keyboard.press("Tab");
      if (new RegExp(name).test((await focused()) ?? "")) return;
    }
    assert.fail(`no way to ${name} by Tab`);
  };
  await tabTo("^live/stream$");
  await tab.keyboard.press("Enter");
  await tab.getByRole("heading", { level: 1, name: "live/stream" }).waitFor();
  await tabTo("^Record$");
  await tab.keyboard.press("Space");
  await until("the recording", async () => (await api("GET", "streams/live%2Fstream")).recording !== null);
  const player = play(`${server}/stream`);
  context.after(() => player.stop());
  await tab.getByRole("button", { name: /^Disconnect 127/ }).waitFor({ timeout: 60_000 });
  await tabTo("^Disconnect 127");
  await tab.keyboard.press("Enter");
  await player.ended;
  await tabTo("^Disconnect encoder$");
  await tab.keyboard.press("Enter");
  await tab.getByRole("alertdialog").waitFor();
  await tab.keyboard.press("Escape");
  await tab.getByRole("alertdialog").waitFor({ state: "hidden" });
  assert.match(await focused(), /Disconnect encoder/, "the keyboard goes on where it was");
});

test("nothing serious for a screen reader, in both themes, with a live stream", { timeout: 180_000 }, async (context) => {
  const { tab, card } = await begin(context);
  await moves(card.locator("canvas[aria-label]"));
  await accessible(tab, "live");
  await card.getByRole("link", { name: "live/stream" }).click();
  await tab.locator('[data-chart="bitrate"] canvas').waitFor();
  await accessible(tab, "stream");
});
