// More problems provoked for real, each told on its page in words within five seconds: keys, SRT, TLS, destinations, disks, streams.
import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { createServer as createWebServer } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { play, publish } from "../ffmpeg.mjs";
import { Program, freePort, until } from "../program.mjs";
import { accessible, go, open, serve, TOLD } from "./tab.mjs";

const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\nhandshake_seconds = 1.0\n\n[rtmps]\nenabled = true\nlisten = ["localhost:0"]\n\n[srt]\nenabled = true\nlisten = ["localhost:0"]\n\n[streams]\ngrace_seconds = 0.5\nplay_wait_seconds = 0.2\n';
const QUIET = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"];
const PICTURE = ["-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30"];

/** A running Weir with its page of problems; `port(protocol)`, and `tells(code, words)`: that the page says so in time. */
async function watch(context, settings = SETTINGS) {
  const weir = await serve(context, { settings, listen: "" });
  const { listeners } = await weir.api("GET", "listeners");
  const port = (protocol) => Number(listeners.find((listener) => listener.protocol === protocol).bound[0].split(":").at(-1));
  const tab = await open(context, weir.address);
  await go(tab, "problems");
  const tells = async (code, words) => {
    const item = tab.locator(`main li[data-code="${code}"]`).first();
    const said = await until(`the page to tell ${code}`, async () => (await item.count()) > 0 && item.innerText(), TOLD);
    assert.match(said, words, code);
  };
  const program = (...args) => {
    const started = new Program("ffmpeg", [...QUIET, ...args]);
    context.after(() => started.stop());
    return started;
  };
  const live = (path) => until(`${path} to be live`, async () => (await weir.api("GET", "streams")).streams.some((stream) => stream.path === path && stream.state === "live"));
  return { ...weir, tab, port, tells, program, live };
}

/** A server of nothing but what `answer` does with a connection. */
async function server(context, answer) {
  const listening = createServer(answer);
  context.after(() => listening.close());
  await new Promise((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return listening.address().port;
}

test("at the door: silence, plain on the encrypted port, distrust, keys", { timeout: 240_000 }, async (context) => {
  const { api, port, tells, program, tab, live } = await watch(context);

  await context.test("somebody who connects and says nothing", async () => {
    const socket = connect(port("rtmp"), "127.0.0.1");
    socket.on("error", () => undefined);
    context.after(() => socket.destroy());
    await tells("handshake_timeout", /check firewalls and proxies/);
  });

  await context.test("plain RTMP on the port for RTMPS", async () => {
    program(...PICTURE, "-f", "flv", `rtmp://127.0.0.1:${port("rtmps")}/live/plain`);
    await tells("rtmp_on_rtmps_port", /Write rtmps:\/\/ instead of rtmp:\/\//);
  });

  await context.test("a program that does not trust Weir's certificate", async () => {
    connectTls({ port: port("rtmps"), host: "127.0.0.1", servername: "localhost" }).on("error", () => undefined);
    await tells("certificate_refused", /rtmp:\/\//);
  });

  await api("PATCH", "access", { mode: "token" });
  const { secret: key } = await api("POST", "stream-keys", { name: "OBS", streams: "*", action: "publish" });
  await context.test("an encoder without a key", async () => {
    program(...PICTURE, "-f", "flv", `rtmp://127.0.0.1:${port("rtmp")}/live`);
    await until("a refusal", async () => (await tab.locator('main li[data-code="missing_key"], main li[data-code="wrong_key"]').count()) > 0, TOLD);
  });

  await context.test("an encoder with a wrong key", async () => {
    publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/a?token=canary-wrong`);
    await tells("wrong_key", /key/);
  });

  await context.test("a player with a key for publishing", async () => {
    const encoder = publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/a?token=${key}`);
    await live("live/a");
    const player = play(`rtmp://127.0.0.1:${port("rtmp")}/live/a?token=${key}`);
    context.after(() => player.stop());
    await tells("wrong_kind_of_key", /not for watching.*keys of their own/s);
    await encoder.stop();
  });

  await context.test("a program that decides, and says no", async () => {
    const web = createWebServer((_, answer) => answer.writeHead(403).end());
    context.after(() => web.close());
    await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
    await api("PATCH", "access", { callback: `http://127.0.0.1:${web.address().port}/`, mode: "callback" });
    publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/b`);
    await tells("callback_refused", /log/);
  });

  await context.test("a program that decides, and is not there", async () => {
    await api("PATCH", "access", { callback: `http://127.0.0.1:${await freePort()}/` });
    publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/c`);
    await tells("callback_failed", /runs and answers/);
  });

  await context.test("a guesser", async () => {
    await api("PATCH", "access", { mode: "token", wrong_tries: 2 });
    for (let count = 0; count < 4; count += 1) publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/d?token=guess-${count}`);
    await tells("too_many_wrong_keys", /correct its key/);
  });

  assert.doesNotMatch(await tab.evaluate(() => document.body.innerText), /canary|guess-/);
  await accessible(tab, "attempts");
});

function publishing(context, url) {
  const encoder = publish(url);
  context.after(() => encoder.stop());
  return encoder;
}

test("over SRT: no stream id, a passphrase too many, a key too short", { timeout: 180_000 }, async (context) => {
  const { api, port, tells, program } = await watch(context);
  const srt = (query) => program(...PICTURE, "-f", "mpegts", `srt://127.0.0.1:${port("srt")}?mode=caller&transtype=live${query}`);

  await context.test("a caller who encrypts where nobody does", async () => {
    srt("&streamid=publish:live/a&passphrase=canary-passphrase");
    await tells("srt_passphrase_unexpected", /live\/a has no passphrase/);
  });

  await context.test("a caller who names no stream", async () => {
    await api("PATCH", "srt", { default_path: "" });
    srt("");
    await tells("srt_no_stream_id", /Set a stream id in the encoder/);
  });

  await context.test("a caller with a shorter key than required", async () => {
    await api("PATCH", "srt", { passphrase: "canary-passphrase", encryption: "one", key_length: 32 });
    srt("&streamid=publish:live/a&passphrase=canary-passphrase&pbkeylen=16");
    await tells("srt_key_length", /AES-128.*AES-256/);
  });

  await context.test("a player of a stream that nobody sends", async () => {
    program("-i", `srt://127.0.0.1:${port("srt")}?mode=caller&streamid=play:live/nobody&passphrase=canary-passphrase&pbkeylen=32`, "-f", "null", "-");
    await tells("stream_not_found", /live\/nobody/);
  });
});

test("on the way out: names, certificates, keys, silence", { timeout: 240_000 }, async (context) => {
  const { api, port, tells, live, tab } = await watch(context);
  const other = await serve(context, { settings: SETTINGS, listen: "" });
  const { listeners } = await other.api("GET", "listeners");
  const there = (protocol) => Number(listeners.find((listener) => listener.protocol === protocol).bound[0].split(":").at(-1));
  await other.api("PATCH", "access", { mode: "token" });
  await other.api("POST", "stream-keys", { name: "somebody else", streams: "*", action: "publish" });
  publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/stream`);
  await live("live/stream");
  const destination = (name, url) => api("POST", "destinations", { name, url, key: "canary-key" });

  await context.test("a server whose name does not exist", async () => {
    await destination("Nowhere", "rtmp://weir.invalid/live");
    await tells("dns_failed", /weir\.invalid/);
  });

  await context.test("a server that nobody vouches for", async () => {
    await destination("Own", `rtmps://localhost:${there("rtmps")}/live`);
    await tells("certificate_untrusted", /vouches for the certificate of localhost/);
  });

  await context.test("a server that refuses the key", async () => {
    await destination("Refusing", `rtmp://127.0.0.1:${there("rtmp")}/live`);
    await tells("key_refused", /refuses the stream key/);
  });

  await context.test("a web server in place of a streaming server", async () => {
    const web = await server(context, (socket) => socket.on("error", () => undefined).end("HTTP/1.1 400 Bad Request\r\n\r\n" + " ".repeat(4000)));
    await destination("Web", `rtmp://127.0.0.1:${web}/live`);
    await until("its reason", async () => (await tab.locator("main li").filter({ hasText: "Web" }).locator("code").allInnerTexts()).some((code) => /not_rtmp|closed_by_peer/.test(code)), TOLD);
  });

  assert.doesNotMatch(await tab.evaluate(() => document.body.innerText), /canary/);
});

test("disks, limits, and the settings file", { timeout: 180_000 }, async (context) => {
  const { api, port, tells, live, folder } = await watch(context);
  publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/stream`);
  await live("live/stream");

  await context.test("a disk with no more room than is to stay free", async () => {
    await api("PATCH", "recording-settings", { reserve_bytes: 1e15 });
    await api("POST", "streams/live%2Fstream/record").catch(() => undefined);
    await tells("low_space", /[Ff]ree some space/);
  });

  await context.test("one viewer more than is allowed", async () => {
    await api("PATCH", "config", { limits: { players_per_stream: 1 } });
    for (let count = 0; count < 2; count += 1) {
      const player = play(`rtmp://127.0.0.1:${port("rtmp")}/live/stream`);
      context.after(() => player.stop());
    }
    await tells("too_many_players", /limits\.players_per_stream/);
  });

  await context.test("one stream more than is allowed", async () => {
    await api("PATCH", "config", { limits: { streams: 1 } });
    publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/second`);
    await tells("too_many_streams", /no longer needed/);
  });

  await context.test("a settings file with a mistake", async () => {
    writeFileSync(join(folder, "weir.toml"), `${SETTINGS}\n[rtmp]\nspeed = 1\n`);
    await tells("settings_invalid", /Correct the file/);
  });
});

test("a stream in trouble is told beside everything else, and when it is over it is gone", { timeout: 180_000 }, async (context) => {
  const { port, tells, live, tab } = await watch(context);
  const encoder = publishing(context, `rtmp://127.0.0.1:${port("rtmp")}/live/stream`);
  await live("live/stream");

  await context.test("an encoder that hangs", async () => {
    encoder.kill("SIGSTOP");
    const item = tab.locator('main li[data-code="no_frames"]');
    // Silence is told once it has lasted a few seconds.
    await until("the silence to be told", () => item.count(), 3 * TOLD);
    assert.match(await item.innerText(), /Nothing has arrived for .*To the stream/s);
    encoder.kill("SIGCONT");
    await until("it to be over", async () => (await item.count()) === 0);
  });
  await encoder.stop();

  await context.test("key frames that are far apart, and no sound", async () => {
    const sparse = publish(`rtmp://127.0.0.1:${port("rtmp")}/live/sparse`, { keyFrames: 240, sound: false });
    context.after(() => sparse.stop());
    await live("live/sparse");
    await until("the silence to be told", () => tab.locator('main li[data-code="audio_missing"]').count());
    await until("the key frames to be told", () => tab.locator('main li[data-code="key_frames_sparse"]').count());
    await tells("key_frames_sparse", /every 8\.0 s.*-g 60/s);
  });
});
