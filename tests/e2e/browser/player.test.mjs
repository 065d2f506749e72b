// Recordings played in the page before the real program: places to jump to, and codecs that a browser may not know.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { publish } from "../ffmpeg.mjs";
import { Program, root, until } from "../program.mjs";
import { accessible, go, open, says, serve } from "./tab.mjs";

const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n\n[streams]\ngrace_seconds = 20.0\n';
const QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"];
const PATH = "streams/live%2Fstream";

const server = async (api, protocol) => (await api("GET", "status")).ingest.find((one) => one.protocol === protocol).server;
const recorded = (api, seconds) => until(`${seconds} s of recording`, async () => (await api("GET", "streams")).streams[0]?.recording?.duration_seconds > seconds);
const state = (film) => film.evaluate(({ currentTime, seeking, readyState, paused, videoWidth }) => ({ currentTime, seeking, readyState, paused, videoWidth }));

test("where the encoder was away the player has a mark, and leads behind it by mouse and by keyboard", { timeout: 240_000 }, async (context) => {
  const { address, api } = await serve(context, { settings: SETTINGS });
  const url = `${await server(api, "rtmp")}/stream`;
  const first = publish(url, { keyFrames: 30 });
  context.after(() => first.stop());
  await until("the stream", async () => (await api("GET", "streams")).streams.some(({ state: is }) => is === "live"));
  await api("POST", `${PATH}/record`);
  await recorded(api, 3);
  await first.stop();
  await until("the pause", async () => (await api("GET", "streams")).streams[0]?.state === "interrupted");
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const second = publish(url, { keyFrames: 30 });
  context.after(() => second.stop());
  await until("the encoder to be back", async () => (await api("GET", "streams")).streams[0]?.state === "live");
  const { recording } = (await api("GET", "streams")).streams[0];
  await recorded(api, recording.duration_seconds + 4);

  const tab = await open(context, address);
  await go(tab, "recordings");
  const places = tab.getByRole("toolbar", { name: "Places in it" });
  const film = tab.locator("[role=dialog] video");
  /** Plays the first file of the list and looks at the mark of its one gap. */
  const look = async (what) => {
    await tab.getByRole("button", { name: /^Play / }).first().click();
    await until(`${what} to play`, async () => (await state(film)).videoWidth > 0);
    const id = await tab.locator("li[data-recording]").first().getAttribute("data-recording");
    const { chapters } = await api("GET", `recordings/${encodeURIComponent(id)}/media`);
    const gaps = chapters.filter(({ gap }) => gap);
    assert.equal(gaps.length, 1, JSON.stringify(chapters));
    const [{ start_seconds: from, gap }] = gaps;
    assert.equal(gap.cause, "encoder_away");
    assert.ok(gap.missing_seconds > 2 && gap.missing_seconds < 30, JSON.stringify(gap));
    const mark = places.getByRole("button", { name: /without a stream: the encoder was away$/ });
    await mark.waitFor();
    return { mark, behind: from + gap.missing_seconds };
  };
  const arrives = (at) =>
    until(`${at} s of the film`, async () => {
      const { currentTime, seeking, readyState } = await state(film);
      return !seeking && readyState >= 2 && currentTime > at - 0.3 && currentTime < at + 5;
    });

  // While it is written, once its head says so.
  await until("the gap in what is written", async () => {
    const [{ id }] = (await api("GET", "recordings")).recordings;
    return (await api("GET", `recordings/${encodeURIComponent(id)}/media`)).chapters.some(({ gap }) => gap);
  });
  await look("the file that is written");
  await tab.keyboard.press("Escape");
  await film.waitFor({ state: "detached" });

  await api("DELETE", `${PATH}/record`);
  await second.stop();
  await until("the file to be closed", async () => (await api("GET", "recordings")).recordings[0]?.state === "finished");
  const { mark, behind } = await look("the FLV file");
  await mark.click();
  await arrives(behind);
  await accessible(tab, "the player");

  await tab.getByRole("slider", { name: "Position in the recording" }).focus();
  await tab.keyboard.press("Home");
  await until("the beginning", async () => (await state(film)).currentTime < 2);
  await mark.focus();
  await tab.keyboard.press("Enter");
  await arrives(behind);
  await tab.keyboard.press("Escape");

  const [{ id }] = (await api("GET", "recordings")).recordings;
  await api("POST", `recordings/${encodeURIComponent(id)}/jobs`, { kind: "convert_to_mp4" });
  await until("the MP4 file", async () => (await api("GET", "recordings")).recordings.some(({ container, state: is }) => container === "mp4" && is === "finished"));
  await tab.getByRole("searchbox").fill(".mp4");
  await until("it alone", async () => (await tab.locator("li[data-recording]").count()) === 1 && /\.mp4/.test(await tab.locator("li[data-recording]").innerText()));
  const other = await look("the MP4 file");
  await other.mark.click();
  await arrives(other.behind);
  assert.deepEqual(tab.faults, []);
});

/** FFmpeg 9, which alone sends the newer codecs over RTMP: named by `npm test`, or where it puts it. */
function ffmpeg9() {
  const folder = join(root, ".cache", "ffmpeg-9", "imageio_ffmpeg", "binaries");
  const cached = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith("ffmpeg")).map((name) => join(folder, name)) : [];
  return [process.env.WEIR_FFMPEG_9, ...cached].find((path) => path && existsSync(path));
}

const PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=15"];
const TONE = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "libopus", "-b:a", "64k"];
const NEWER = {
  AV1: { codec: "av01.0.04M.08", args: ["-c:v", "libsvtav1", "-preset", "13", "-g", "15", "-svtav1-params", "pred-struct=1:lookahead=0"] },
  VP9: { codec: "vp09.00.10.08", args: ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "15", "-lag-in-frames", "0", "-b:v", "400k"] },
  "H.265": { codec: "hvc1.1.6.L60.90", args: ["-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-x265-params", "log-level=none:keyint=15:min-keyint=15", "-pix_fmt", "yuv420p"] },
};

for (const container of ["flv", "mp4"]) {
  for (const [name, { codec, args }] of Object.entries(NEWER)) {
    test(`${name} with Opus is shown live and played from ${container}, or refused in words`, { timeout: 240_000 }, async (context) => {
      const encoder = ffmpeg9();
      if (!encoder) return context.skip("FFmpeg 9 is not there: npm test fetches it");
      const { address, api } = await serve(context, { settings: `${SETTINGS}\n[recording]\ncontainer = "${container}"\n` });
      const source = new Program(encoder, [...QUIET, ...PICTURE, ...TONE, ...args, "-f", "flv", `${await server(api, "rtmp")}/stream`]);
      context.after(() => source.stop());
      await until("the stream", async () => (await api("GET", "streams")).streams.some(({ state: is, tracks }) => is === "live" && tracks.length >= 2));
      await api("POST", `${PATH}/record`);

      const tab = await open(context, address);
      const known = await tab.evaluate(async (config) => (await VideoDecoder.isConfigSupported({ codec: config })).supported, codec);
      const preview = tab.locator("[data-preview]");
      const shown = known ? "shown" : "codec";
      await until(`the card to say ${shown}`, async () => (await preview.getAttribute("data-preview")) === shown);
      if (!known) await says(tab, new RegExp(`No picture: ${name} cannot be decoded here`));

      await recorded(api, 3);
      await api("DELETE", `${PATH}/record`);
      await source.stop();
      await until("the file", async () => (await api("GET", "recordings")).recordings[0]?.state === "finished");
      assert.equal((await api("GET", "recordings")).recordings[0].container, container);
      await go(tab, "recordings");
      await tab.getByRole("button", { name: /^Play / }).first().click();
      const film = tab.locator("[role=dialog] video");
      if (known) {
        await until("the film to play", async () => (await state(film)).currentTime > 0.3 && (await state(film)).videoWidth === 320);
        await film.evaluate((element) => (element.currentTime = 2));
        await until("it to go on after a seek", async () => (await state(film)).currentTime > 2.1 && !(await state(film)).seeking);
        await until("its sound", () => film.evaluate((element) => element.webkitAudioDecodedByteCount > 0));
      } else {
        await tab.getByRole("dialog").getByText(new RegExp(`${name}.* cannot be played here`)).waitFor();
        await film.waitFor({ state: "detached" });
        await accessible(tab, "a film that cannot be played");
      }
      assert.deepEqual(tab.faults, []);
    });
  }
}
