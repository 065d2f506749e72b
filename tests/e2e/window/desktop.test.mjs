// What the desktop program is beside its window, on a desktop of nobody (desktop.py): the tray, notifications, dialogs, no sleep
// while live; and that streams outlive the window, the page, and the program itself.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { isDeepStrictEqual } from "node:util";
import { publish, receive } from "../ffmpeg.mjs";
import { Program, freePort, insist, isListening, root, until, within } from "../program.mjs";
import { desktop, desktopLacks } from "./display.mjs";
import { application } from "./steer.mjs";

const skip = desktopLacks();
const PLACE = join(root, "tests", "artifacts", "desktop");
mkdirSync(PLACE, { recursive: true });

/** A desktop with Weir's settings in place, and how to start Weir on it and to ask its API. */
async function seat(context) {
  const surroundings = await desktop(context);
  const { folder, env } = surroundings;
  const [rtmp, http] = [await freePort(), await freePort()];
  const recordings = join(folder, "recordings");
  mkdirSync(join(env.XDG_CONFIG_HOME, "weir"), { recursive: true });
  // An encoder that is started anew on a loaded machine is back within the grace time all the same.
  const settings = `[streams]\ngrace_seconds = 120\n[rtmp]\nlisten = ["localhost:${rtmp}"]\n[http]\nlisten = ["127.0.0.1:${http}"]\n[recording]\ndir = ${JSON.stringify(recordings)}\n`;
  writeFileSync(join(env.XDG_CONFIG_HOME, "weir", "config.toml"), settings);
  const token = () => readFileSync(join(env.XDG_DATA_HOME, "weir", "http_token"), "utf8").trim();
  const api = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token()}`, "content-type": "application/json" };
    const answer = await fetch(`http://127.0.0.1:${http}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const start = async (...args) => {
    const program = new Program(application, args, { env });
    context.after(() => program.stop());
    await until("the API", () => api("GET", "status"));
    return program;
  };
  const stream = async () => (await api("GET", "streams")).streams.find(({ path }) => path === "live/stream");
  const live = () => until("the stream to be live", async () => ((await stream())?.state === "live" ? stream() : undefined));
  const encode = () => {
    const encoder = publish(`rtmp://127.0.0.1:${rtmp}/live/stream`);
    context.after(() => encoder.stop());
    return encoder;
  };
  const entry = async (label) => (await surroundings.tray()).menu.find((one) => one.label === label);
  return { ...surroundings, rtmp, recordings, api, start, stream, live, encode, entry };
}

/** The picture in a file, however it is compressed. */
function pixels(file) {
  const { stdout, status } = spawnSync("ffmpeg", ["-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgba", "-"], { maxBuffer: 1 << 24 });
  assert.equal(status, 0, file);
  return stdout.toString("base64");
}

test("the stream outlives the window, and the tray and the notifications tell of it", { skip, timeout: 400_000 }, async (context) => {
  const it = await seat(context);
  const weir = await it.start();
  await it.hands.shown("Weir");
  // With its menu the program has looked at the engine for the first time: from then on it tells what changes.
  await until("the icon in the tray and its menu", () => it.entry("Open Weir"));
  const isIcon = async (mood) => pixels((await it.tray()).icon) === pixels(join(root, "icons", "tray", `${mood}.png`));
  await until("the icon of nothing live", () => isIcon("idle"));

  const encoder = it.encode();
  const { uptime_seconds: before } = await it.live();
  await it.notified("live/stream is live");
  await until("the icon of a live stream", () => isIcon("live"));
  await until("the line of a live stream", () => it.entry("Live: live/stream"));
  // No sleep while live: the system is asked for both kinds.
  await until("the guard against sleep", () => ["idle", "sleep"].every((what) => it.heard().some(({ awake, held }) => awake === what && held)));

  // Closed for the first time, the window says that Weir goes on; then it is gone, and the stream is not.
  const isAway = () => !it.hands.isShown("Weir");
  await it.hands.insist("Weir", ["alt+F4"], "the word that Weir goes on", () => it.hands.isShown("Weir keeps running"));
  it.hands.picture(join(PLACE, "closed.png"));
  await it.hands.insist("Weir keeps running", ["Return"], "the word to be read");
  await until("the window to be away", isAway);
  const away = await it.live();
  assert.ok(away.uptime_seconds >= before);

  // A second start shows the first one's window and ends.
  const second = new Program(application, [], { env: it.env });
  context.after(() => second.stop());
  const end = await within("the second start to end", (resolve) => second.ended.then(resolve));
  assert.equal(end, 0, second.lines.join("\n"));
  // It has not opened the first one's ports and files before.
  assert.deepEqual(second.lines.filter((line) => line.includes("weir_engine")), []);
  await it.hands.shown("Weir");
  // It was said once.
  await it.hands.insist("Weir", ["alt+F4"], "the window to be away again", isAway);
  assert.ok(!it.hands.isShown("Weir keeps running"));
  await it.press("Open Weir", () => it.hands.isShown("Weir"));
  // Its page follows again, and shows the picture.
  const watched = async () => (await it.api("GET", "streams/live%2Fstream")).readers.some(({ kind }) => kind === "preview");
  await until("the page to follow", watched);

  // The quick actions.
  await it.press("Record", async () => (await it.stream()).recording);
  await until("the recording", async () => (await it.stream()).recording?.duration_seconds > 1);
  await until("the other word", () => it.entry("Stop recording"));
  await it.press("Stop recording", async () => !(await it.stream()).recording);
  await until("the one recording", async () => (await it.api("GET", "recordings")).recordings.length === 1);
  assert.equal(readdirSync(it.recordings).length, 1);
  const { id } = await it.api("POST", "destinations", { name: "Nowhere", url: `rtmp://127.0.0.1:${await freePort()}/live`, key: "canary" });
  const leg = async () => (await it.entry("Destinations")).entries.find(({ label }) => label === "Nowhere");
  await until("the destination in the menu", async () => (await leg())?.checked);
  await it.press("Nowhere", async () => (await it.api("GET", "destinations")).destinations.find((one) => one.id === id).enabled === false);
  await until("its mark to be gone", async () => !(await leg()).checked);

  // The encoder is lost, and comes back within the grace time.
  encoder.kill();
  await it.notified("live/stream: the encoder is gone");
  it.encode();
  await it.notified("live/stream is back");

  // Who quits while live is asked.
  const ask = () => it.press("Quit Weir", () => it.hands.isShown("Quit Weir."));
  await ask();
  it.hands.picture(join(PLACE, "quit.png"));
  await it.hands.insist("Quit Weir.", ["Escape"], "the question to be gone");
  assert.equal((await it.live()).state, "live");
  let ended = false;
  weir.ended.then(() => (ended = true));
  const quit = async () => {
    if (ended) return;
    if (!it.hands.isShown("Quit Weir.")) await ask();
    // The button on the left.
    await it.hands.click("Quit Weir.", [0.25, 0.88]);
  };
  await insist("the program to end", quit, () => ended);
  assert.equal(await weir.ended, 0, weir.lines.slice(-20).join("\n"));
  // Nothing is left that keeps the computer awake.
  await until("the guard to be gone", () => ["idle", "sleep"].every((what) => it.heard().some(({ awake, held }) => awake === what && held === false)));
});

test("killed in the middle of it, Weir starts again with its listeners, destinations and what it recorded", { skip, timeout: 180_000 }, async (context) => {
  const it = await seat(context);
  const weir = await it.start();
  const moved = await freePort();
  await it.api("PATCH", "listeners/rtmp", { port: moved });
  const target = await freePort();
  const platform = receive(`rtmp://127.0.0.1:${target}/live/relay`);
  context.after(() => platform.stop());
  await until("the platform to listen", () => isListening(target));
  await it.api("POST", "destinations", { name: "Platform", url: `rtmp://127.0.0.1:${target}/live`, key: "relay" });
  const leg = async () => (await it.api("GET", "destinations")).destinations[0];
  const encode = () => {
    const encoder = publish(`rtmp://127.0.0.1:${moved}/live/stream`);
    context.after(() => encoder.stop());
    return encoder;
  };
  const encoder = encode();
  await it.live();
  await until("the destination", async () => (await leg()).state === "live");
  await it.api("POST", "streams/live%2Fstream/record");
  await until("two seconds of recording", async () => (await it.stream()).recording?.duration_seconds > 2);

  weir.kill();
  assert.equal(await weir.ended, "SIGKILL");
  await encoder.stop();
  await platform.stop();
  const again = receive(`rtmp://127.0.0.1:${target}/live/relay`);
  context.after(() => again.stop());
  await until("the platform to listen again", () => isListening(target));

  await it.start();
  assert.ok(await isListening(moved));
  assert.equal((await leg()).name, "Platform");
  await until("the recording to be whole", async () => {
    const { recordings } = await it.api("GET", "recordings");
    return recordings.length === 1 && ["repaired", "complete"].includes(recordings[0].state) && recordings[0].duration_seconds > 1;
  });
  encode();
  await it.live();
  await until("the destination to be live again", async () => (await leg()).state === "live");
  await again.says(/^frame=\s*([1-9]\d*)/);
});

/** The processes that a program started, and those they started. */
function children(pid) {
  const own = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  return own.flatMap((child) => [child, ...children(child)]);
}
const name = (pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim();

test("the page's process dies, and the stream does not notice", { skip, timeout: 120_000 }, async (context) => {
  const it = await seat(context);
  const weir = await it.start();
  await it.hands.shown("Weir");
  it.encode();
  await it.live();
  const watched = async () => (await it.api("GET", "streams/live%2Fstream")).readers.filter(({ kind }) => kind === "preview");
  const [reader] = await until("the picture in the window", async () => ((await watched()).length === 1 ? watched() : undefined));
  const page = () => until("the page's process", () => children(weir.pid).find((pid) => name(pid).startsWith("WebKitWebProc")));
  const { uptime_seconds: before } = await it.stream();
  process.kill(await page(), "SIGKILL");
  // The page is loaded anew by itself, and watches again.
  const [next] = await until("another picture", async () => {
    const now = await watched();
    return now.length === 1 && now[0].id !== reader.id ? now : undefined;
  });
  assert.ok(next && (await page()));
  const after = await it.stream();
  assert.equal(after.state, "live");
  assert.ok(after.uptime_seconds >= before && after.uptime_seconds > 0, "the connection is the same");
  await weir.says(/the page ended by itself/);
});

test("after a sleep everything is live again", { skip, timeout: 180_000 }, async (context) => {
  const it = await seat(context);
  const weir = await it.start();
  const target = await freePort();
  const platform = receive(`rtmp://127.0.0.1:${target}/live/relay`);
  context.after(() => platform.stop());
  await until("the platform to listen", () => isListening(target));
  await it.api("POST", "destinations", { name: "Platform", url: `rtmp://127.0.0.1:${target}/live`, key: "relay" });
  it.encode();
  await it.live();
  const leg = async () => (await it.api("GET", "destinations")).destinations[0];
  await until("the destination", async () => (await leg()).state === "live");
  // A computer that sleeps stops all its programs: so does this signal, the clock going on meanwhile.
  weir.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  weir.kill("SIGCONT");
  await it.live();
  const { bytes_sent: before } = await leg();
  await until("the destination to receive again", async () => {
    const now = await leg();
    return now.state === "live" && now.bytes_sent > before;
  });
});

test("it starts with the session, out of sight, and keeps its place on the screen", { skip, timeout: 120_000 }, async (context) => {
  const it = await seat(context);
  const weir = await it.start();
  const autostart = join(it.folder, ".config", "autostart");
  await it.api("PATCH", "desktop", { start_at_login: true });
  const [file] = await until("the entry", () => existsSync(autostart) && readdirSync(autostart).length === 1 && readdirSync(autostart));
  assert.match(readFileSync(join(autostart, file), "utf8"), /^Exec=.*weir-desktop.* --at-login$/m);
  await it.hands.move("Weir", [40, 60], [900, 640]);
  const place = await it.hands.place("Weir");
  assert.equal(await weir.stop(), 0, "an end that was asked for is a good end");

  await it.start("--at-login");
  await until("the icon in the tray", () => it.heard().filter(({ icon }) => icon).length >= 2);
  assert.ok(!it.hands.isShown("Weir"));
  await it.press("Open Weir", () => it.hands.isShown("Weir"));
  await until("the window to be where it was", async () => isDeepStrictEqual(await it.hands.place("Weir"), place));
  await it.api("PATCH", "desktop", { start_at_login: false });
  await until("the entry to be gone", () => readdirSync(autostart).length === 0);
});

test("what the desktop does follows its settings while Weir runs", { skip, timeout: 180_000 }, async (context) => {
  const it = await seat(context);
  const weir = await it.start();
  await it.hands.shown("Weir");
  const set = (settings) => it.api("PATCH", "desktop", settings);
  const isIcon = async (mood) => pixels((await it.tray()).icon) === pixels(join(root, "icons", "tray", `${mood}.png`));
  const notices = (words) => it.heard().filter(({ notification }) => notification?.includes(words)).length;
  // Sleep is held off while something is live, and only as long as that is wanted.
  const holds = () => it.heard().filter(({ awake }) => awake === "idle").reduce((sum, { held }) => sum + (held ? 1 : -1), 0);
  const encoder = it.encode();
  await it.live();
  await it.notified("live/stream is live");
  await until("the guard against sleep", () => holds() === 1);
  await set({ keep_awake: false });
  await until("the guard to be gone although the stream is live", () => holds() === 0);
  assert.equal((await it.stream()).state, "live");
  await set({ keep_awake: true });
  await until("the guard to be back", () => holds() === 1);

  // What is not wanted is not said, and what is wanted again is. The icon shows what was looked at.
  await set({ notify_streams: false });
  encoder.kill();
  await until("the stream to be interrupted", () => isIcon("idle"));
  await set({ notify_streams: true });
  const next = it.encode();
  await it.notified("live/stream is back");
  assert.equal(notices("the encoder is gone"), 0);

  const taken = createSocket("udp4");
  context.after(() => taken.close());
  await new Promise((resolve) => taken.bind(0, "127.0.0.1", resolve));
  const { port } = taken.address();
  const listen = (enabled) => it.api("PATCH", "listeners/srt", { enabled, port });
  for (const [wanted, said] of [[false, 0], [true, 1]]) {
    await set({ notify_trouble: wanted });
    await listen(true);
    await until("the icon of trouble", () => isIcon("trouble"));
    if (wanted) await it.notified(`${port}`);
    await listen(false);
    await until("the icon of a live stream", () => isIcon("live"));
    assert.equal(notices(`${port}`), said);
  }

  // To close the window is to quit, where that is wanted: after a question while something is live, at once otherwise.
  await set({ keep_running: false });
  await it.hands.keys("Weir", "alt+F4");
  await it.hands.shown("Quit Weir.");
  await it.hands.keys("Quit Weir.", "Escape");
  await until("the question to be gone", () => !it.hands.isShown("Quit Weir."));
  assert.equal((await it.live()).state, "live");
  await it.api("PATCH", "settings", { grace_seconds: 0 });
  await next.stop();
  await until("the end of the stream", async () => !(await it.stream()));
  await it.hands.keys("Weir", "alt+F4");
  assert.equal(await weir.ended, 0);
});

test("started with the session, its window is shown where that is wanted", { skip, timeout: 120_000 }, async (context) => {
  const it = await seat(context);
  for (const hidden of [true, false, true]) {
    const icons = it.heard().filter(({ icon }) => icon).length;
    const weir = await it.start("--at-login");
    await until("the icon in the tray", () => it.heard().filter(({ icon }) => icon).length > icons);
    if (hidden) {
      // A page that nobody sees asks for nothing; the window would be there by now, as it is below.
      await it.tray();
      assert.ok(!it.hands.isShown("Weir"));
    } else {
      await it.hands.shown("Weir");
    }
    await it.api("PATCH", "desktop", { start_hidden: !hidden });
    assert.equal(await weir.stop(), 0);
  }
});
