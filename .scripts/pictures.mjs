// `npm run pictures`: the pictures in docs/images: the real page before the real engine with real streams, from a phone to a
// 4K screen, light and dark. It takes about five minutes. ffmpeg makes them small: 256 colours, WebP.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright";
import { Program, freePort, isListening, until } from "../tests/e2e/program.mjs";
import { Failure, ask, main, must, root, say, title, windows } from "./step.mjs";
import { page } from "./page.mjs";
import { chromium as installed } from "./setup.mjs";

const FOLDER = join(root, "docs", "images");
const SIZES = { 380: [380, 780], 1280: [1280, 800], 2560: [2560, 1440] };
/** Name, address, and what must be there before the picture is taken. */
const PAGES = [
  ["live", "", "article[data-stream]"],
  ["stream", "live/live/stream", "[data-chart=bitrate] canvas"],
  ["destinations", "destinations", "li[data-destination]"],
  ["add", "destinations/add", "[data-preset]"],
  ["recordings", "recordings", "canvas.there"],
  ["problems", "problems", "li[data-code]"],
  ["listeners", "listeners", "article[data-listener]"],
  ["log", "log", "main ol, main table, main [role=log], main li"],
  ["settings", "settings", "main h2"],
];
/** How long the streams run before the first picture: the line of a card holds two minutes. */
const RUN_SECONDS = 130;
const QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "error"];
const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-sc_threshold", "0"];
/** What the cameras see: made once and sent again and again, so that nothing encodes while pictures are taken. */
const LOOKS = {
  stream: ["mandelbrot=size=1280x720:rate=30:start_x=-0.743643887:start_y=-0.131825904:start_scale=0.01:end_scale=0.0004:end_pts=600", 20, ["-g", "60", "-b:v", "4500k", "-maxrate", "4500k", "-bufsize", "2250k"]],
  phone: ["gradients=size=960x540:rate=30:c0=0x0b3b4a:c1=0x1f9fb3:c2=0x6fe6d6:c3=0xf1bd62:nb_colors=4:speed=0.02", 24, ["-g", "240", "-b:v", "2000k", "-maxrate", "2000k", "-bufsize", "1000k"]],
};

main(async () => {
  const browserPath = installed();
  if (!browserPath) throw new Failure("The pictures are taken in Chromium, and there is none.");
  await page();
  title("Building Weir");
  await must("cargo", ["build", "--locked", "--package", "weir-cli", "--quiet"], { limit: 120 });
  const folder = mkdtempSync(join(tmpdir(), "evening-"));
  const ends = [() => rmSync(folder, { recursive: true, force: true })];
  const begin = (...args) => {
    const program = new Program(...args);
    ends.unshift(() => program.stop());
    return program;
  };
  try {
    title("Letting it run", `${Math.round(RUN_SECONDS / 60)} minutes`);
    const weir = await evening(folder, begin, (end) => ends.unshift(end));
    await new Promise((resolve) => setTimeout(resolve, RUN_SECONDS * 1000));
    title("Taking the pictures", "2 minutes");
    const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
    ends.unshift(() => browser.close());
    mkdirSync(FOLDER, { recursive: true });
    readdirSync(FOLDER).filter((name) => /\.(png|webp)$/.test(name)).forEach((name) => rmSync(join(FOLDER, name)));
    for (const theme of ["light", "dark"]) for (const size of Object.keys(SIZES)) await album(browser, weir, folder, size, theme);
  } finally {
    for (const end of ends) await end();
  }
  const bytes = readdirSync(FOLDER).reduce((sum, name) => sum + statSync(join(FOLDER, name)).size, 0);
  say(`${FOLDER}: ${Math.round(bytes / 1000)} kB`);
});

/** `weir serve` in a folder of its own. */
async function serve(folder, begin, settings) {
  const at = (name) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(at("weir.toml"), settings);
  const program = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", windows ? "weir.exe" : "weir");
  const flags = ["--http", "127.0.0.1:0", "--config", at("weir.toml"), "--data-dir", at("data"), "--record-dir", at("recordings")];
  const [address] = await begin(program, ["serve", ...flags]).says(/http:\/\/\S+token=[\w-]+/);
  const { origin, searchParams } = new URL(address);
  const headers = { authorization: `Bearer ${searchParams.get("token")}`, "content-type": "application/json" };
  const api = async (method, path, body) => {
    const answer = await fetch(`${origin}/api/v1/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  };
  return { address, api };
}

const here = (ports) => ["rtmp", "rtmps", "srt"].map((protocol) => `[${protocol}]\nenabled = true\nlisten = ["localhost:${ports[protocol] ?? 0}"]\n`).join("\n");

/** An evening: streams that run, destinations well and unwell, recordings, and what was refused. */
async function evening(folder, begin, after) {
  films(join(folder, "weir", "recordings"));
  for (const [name, [source, seconds, video]] of Object.entries(LOOKS)) {
    const sound = ["-f", "lavfi", "-i", "sine=frequency=220:sample_rate=48000", "-c:a", "aac", "-b:a", "128k"];
    ask("ffmpeg", [...QUIET, "-f", "lavfi", "-i", source, ...sound, ...X264, ...video, "-t", String(seconds), join(folder, `${name}.mp4`)]);
  }
  const camera = (name) => ["-re", "-stream_loop", "-1", "-i", join(folder, `${name}.mp4`), "-c", "copy"];
  const usual = async (port) => ((await isListening(port)) ? freePort() : port);
  const ports = { rtmp: await usual(1935), rtmps: await usual(1936), srt: await usual(10080) };
  const other = await serve(join(folder, "other"), begin, here({}));
  const strict = await serve(join(folder, "strict"), begin, here({}));
  await strict.api("PATCH", "access", { mode: "token" });
  const weir = await serve(join(folder, "weir"), begin, here(ports));
  const { api } = weir;
  const portOf = async ({ api: ask }, protocol) => (await ask("GET", "listeners")).listeners.find((one) => one.protocol === protocol).bound[0].split(":").at(-1);

  await api("PATCH", "srt", { encryption: "per_stream" });
  const { generated: passphrase } = await api("PUT", "srt/passphrases/live%2Fphone", {});
  await api("PUT", "srt/passphrases/live%2Fcamera2", {});
  await api("PATCH", "access", { mode: "token", open_playback: true });
  const { secret: key } = await api("POST", "stream-keys", { name: "OBS in the studio", streams: "*", action: "publish" });
  const { secret: phone } = await api("POST", "stream-keys", { name: "Phone", streams: "live/phone", action: "publish" });

  const web = createServer((_, answer) => answer.end("ok"));
  await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
  after(() => web.close());
  const hook = await api("POST", "hooks", { name: "Tell the chat", url: `http://127.0.0.1:${web.address().port}/live`, events: ["publish_start", "publish_stop"] }).catch((error) => say(String(error)));
  if (hook) await api("POST", `hooks/${hook.id}/test`, {});

  begin("ffmpeg", [...QUIET, ...camera("stream"), "-f", "flv", `rtmp://127.0.0.1:${ports.rtmp}/live/stream?token=${key}`]);
  begin("ffmpeg", [...QUIET, ...camera("phone"), "-f", "mpegts", `srt://127.0.0.1:${ports.srt}?mode=caller&transtype=live&streamid=publish:live/phone?token=${phone}&passphrase=${passphrase}`]);
  await until("both streams", async () => (await api("GET", "streams")).streams.filter(({ state }) => state === "live").length === 2);
  for (let count = 0; count < 2; count += 1) begin("ffmpeg", [...QUIET, "-i", `rtmp://127.0.0.1:${ports.rtmp}/live/stream`, "-c", "copy", "-f", "null", "-"]);
  await api("POST", "streams/live%2Fstream/record");

  const add = (body) => api("POST", "destinations", { streams: "live/stream", ...body });
  await add({ name: "Owncast", preset: "owncast", url: `rtmp://127.0.0.1:${await portOf(other, "rtmp")}/live`, key: "stage" });
  await add({ name: "Backup over SRT", preset: "custom", url: `srt://127.0.0.1:${await portOf(other, "srt")}?streamid=publish:live/backup` });
  await add({ name: "nginx in the studio", preset: "nginx-rtmp", url: `rtmp://127.0.0.1:${await freePort()}/live`, key: "show" });
  await add({ name: "Media server", preset: "mediamtx", url: `rtmp://127.0.0.1:${await portOf(strict, "rtmp")}/live`, key: "show" });
  await add({ name: "Twitch", preset: "twitch", url: "rtmp://ingest.global-contribute.live-video.net/app", key: "not-used", enabled: false });

  const socket = connect(ports.rtmp, "127.0.0.1", () => socket.end("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  socket.on("error", () => undefined);
  connectTls({ port: ports.rtmp, host: "127.0.0.1", rejectUnauthorized: false }).on("error", () => undefined);
  for (const url of [`rtmp://127.0.0.1:${ports.rtmp}/live/strem`]) begin("ffmpeg", [...QUIET, "-i", url, "-f", "null", "-"]);
  const tiny = ["-re", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10", ...X264];
  begin("ffmpeg", [...QUIET, ...tiny, "-f", "flv", `rtmp://127.0.0.1:${ports.rtmp}/live/camera3?token=wrong`]);
  begin("ffmpeg", [...QUIET, ...tiny, "-f", "mpegts", `srt://127.0.0.1:${ports.srt}?mode=caller&transtype=live&streamid=publish:live/camera2&passphrase=not-the-right-one`]);
  return weir;
}

/** Recordings of other evenings, an hour or so each with a picture every ten seconds, so that they are made in seconds. */
function films(folder) {
  mkdirSync(join(folder, "shows"), { recursive: true });
  const gradient = (colours, seed) => `gradients=size=640x360:rate=1/10:${colours}:seed=${seed}:speed=0.9`;
  const made = [
    ["live_stream_20261125_200312.mp4", "mandelbrot=size=640x360:rate=1/10:start_scale=0.4:end_scale=0.02", 5400],
    ["live_stream_20261124_195804.mp4", "mandelbrot=size=640x360:rate=1/10:start_x=-1.25:start_y=-0.05:start_scale=0.05:end_scale=0.01", 7260],
    ["live_phone_20261122_141530.mp4", gradient("c0=0x3b1d5a:c1=0xd9638f:c2=0xf7c873:nb_colors=3", 3), 1980],
    [join("shows", "Evening show.mp4"), gradient("c0=0x08222b:c1=0x2bb3a3:c2=0xd9f27e:nb_colors=3", 8), 3600],
    ["live_gopro_20261120_101112.mp4", gradient("c0=0x10243f:c1=0x5b8def:c2=0xe9f1ff:nb_colors=3", 5), 742],
  ];
  for (const [name, source, seconds] of made) {
    const file = join(folder, name);
    const sound = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-c:a", "aac", "-b:a", "64k"];
    ask("ffmpeg", [...QUIET, "-y", "-f", "lavfi", "-i", source, ...sound, ...X264, "-t", String(seconds), "-movflags", "+faststart", file]);
    const [, y, m, d, hour, minute] = /(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)/.exec(name) ?? [0, 2026, 11, 21, 20, 0];
    const at = new Date(Number(y), Number(m) - 1, Number(d), Number(hour), Number(minute), seconds);
    utimesSync(file, at, at);
  }
}

/** Every page in one size and theme. */
async function album(browser, { address }, folder, size, theme) {
  const [width, height] = SIZES[size];
  const tab = await browser.newPage({ viewport: { width, height }, locale: "en-GB", reducedMotion: "reduce", colorScheme: theme });
  await tab.addInitScript(() => localStorage.setItem("weir.guide", "done"));
  await tab.goto(address);
  await tab.waitForURL((url) => !url.search.includes("token"));
  for (const [name, hash, ready] of PAGES) {
    await tab.evaluate((to) => (location.hash = to), `#/${hash}`);
    await tab.locator(ready).first().waitFor();
    await tab.evaluate(() => document.fonts.ready);
    // The picture of a stream opens, thumbnails are decoded, charts are drawn.
    await tab.waitForTimeout(2500);
    const whole = join(folder, `${name}.png`);
    await tab.screenshot({ path: whole, animations: "disabled" });
    const filter = "split[a][b];[a]palettegen=max_colors=256[p];[b][p]paletteuse=dither=none";
    const small = ["-c:v", "libwebp", "-lossless", "1", "-compression_level", "6", "-quality", "100"];
    ask("ffmpeg", ["-v", "error", "-y", "-i", whole, "-vf", filter, ...small, join(FOLDER, `${name}-${size}-${theme}.webp`)]);
  }
  await tab.close();
}
