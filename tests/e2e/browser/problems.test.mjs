// Problems provoked for real: each must be told on its page, in words, within five seconds.
import assert from "node:assert/strict";
import { createServer, connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { createServer as createWebServer } from "node:http";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { publish } from "../ffmpeg.mjs";
import { Program, freePort, isListening, scratch, until } from "../program.mjs";
import { accessible, go, open, says, serve } from "./tab.mjs";

const SETTINGS = '[rtmp]\nlisten = ["localhost:0"]\n\n[streams]\ngrace_seconds = 0.5\nplay_wait_seconds = 0.2\n';

/** The page of problems of a running Weir, and its port for RTMP. */
async function watch(context, wanted = {}) {
  const weir = await serve(context, { settings: SETTINGS, ...wanted });
  const { listeners } = await weir.api("GET", "listeners");
  const port = Number(listeners.find(({ protocol }) => protocol === "rtmp").bound[0]?.split(":").at(-1));
  const tab = await open(context, weir.address);
  await go(tab, "problems");
  return { ...weir, tab, port };
}

/** Sends bytes, and keeps the connection open for as long as the test runs. */
function send(context, port, bytes) {
  const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
  socket.on("error", () => undefined);
  context.after(() => socket.destroy());
  return socket;
}

/** A server of nothing but what `serve` does with a connection. */
async function server(context, serve) {
  const listening = createServer(serve);
  context.after(() => listening.close());
  await new Promise((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return listening.address().port;
}

/** The handshake of an RTMP client (RTMP 1.0, 5.2), then `bytes`. */
function afterHandshake(context, port, bytes) {
  const socket = send(context, port, Buffer.concat([Buffer.from([3]), Buffer.alloc(8), randomBytes(1528)]));
  let heard = Buffer.alloc(0);
  socket.on("data", (data) => {
    const before = heard.length;
    heard = Buffer.concat([heard, data]);
    if (before < 3073 && heard.length >= 3073) socket.write(Buffer.concat([heard.subarray(1, 1537), bytes]));
  });
}

test("refused attempts are told as they happen", { timeout: 180_000 }, async (context) => {
  const { tab, port, api } = await watch(context);
  await says(tab, "Nothing is wrong");

  await context.test("a browser on the port for RTMP", async () => {
    send(context, port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await says(tab, /Open Weir's own page in the browser/);
  });

  await context.test("an encrypted connection on the plain port", async () => {
    connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }).on("error", () => undefined);
    await says(tab, /Write rtmp:\/\/ instead of rtmps:\/\//);
  });

  await context.test("a program that speaks something else", async () => {
    send(context, port, Buffer.alloc(2000, 0x55));
    await says(tab, /Check which program connects to this port/);
  });

  await context.test("a program that breaks the rules of RTMP", async () => {
    // A chunk of a message of 16 MB (RTMP 1.0, 5.3.1.2.1).
    afterHandshake(context, port, Buffer.from([0x03, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0]));
    await says(tab, /does not follow RTMP/);
  });

  await context.test("a player of a stream that nobody sends", async () => {
    const player = new Program("ffmpeg", ["-hide_banner", "-i", `rtmp://127.0.0.1:${port}/live/nobody`, "-f", "null", "-"]);
    context.after(() => player.stop());
    await says(tab, /A player asked for live\/nobody/);
  });

  const encoder = publish(`rtmp://127.0.0.1:${port}/live/stream`);
  context.after(() => encoder.stop());
  await until("the stream", async () => (await api("GET", "streams")).streams.some(({ state }) => state === "live"));

  await context.test("a second encoder with the same key", async () => {
    const second = publish(`rtmp://127.0.0.1:${port}/live/stream`);
    context.after(() => second.stop());
    await says(tab, /a second encoder was refused/);
  });

  await context.test("the list is found by words, and the report tells nothing private", async () => {
    await tab.getByRole("searchbox").fill("tls_on");
    await until("one problem", async () => (await tab.locator("main li[data-code]").count()) === 1);
    await tab.getByRole("searchbox").fill("");
    await tab.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await tab.getByRole("button", { name: "Copy report", exact: true }).click();
    const report = await tab.evaluate(() => navigator.clipboard.readText());
    assert.match(report, /stream_in_use/);
    assert.doesNotMatch(report, /127\.0\.0\.1|live\/stream/);
  });

  const destination = async (name, url) => api("POST", "destinations", { name, url, key: "canary-key" });

  await context.test("a destination that takes no connection", async () => {
    await destination("Nobody", `rtmp://127.0.0.1:${await freePort()}/live`);
    await says(tab, /Check the address and its port, and that the server runs/);
  });

  await context.test("a destination that is a web server", async () => {
    const web = createWebServer((_, answer) => answer.end("hello"));
    context.after(() => web.close());
    await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
    await destination("Web", `rtmp://127.0.0.1:${web.address().port}/live`);
    await says(tab, /Web\b/);
    await until("its reason", async () => {
      const { destinations } = await api("GET", "destinations");
      return destinations.find(({ name }) => name === "Web").last_error;
    });
  });

  await context.test("a destination that closes the connection", async () => {
    const closing = await server(context, (socket) => socket.on("error", () => undefined).end());
    await destination("Closing", `rtmp://127.0.0.1:${closing}/live`);
    await says(tab, /closed the connection/);
  });

  await context.test("a destination at which the key is in use", async () => {
    const other = await serve(context, { settings: SETTINGS });
    const there = Number((await other.api("GET", "listeners")).listeners[0].bound[0].split(":").at(-1));
    const first = publish(`rtmp://127.0.0.1:${there}/live/canary-key`);
    context.after(() => first.stop());
    await until("the other stream", async () => (await other.api("GET", "streams")).streams.length > 0);
    await destination("In use", `rtmp://127.0.0.1:${there}/live`);
    await says(tab, /this key is already in use/);
  });

  await context.test("a key is nowhere on the page", async () => {
    assert.doesNotMatch(await tab.evaluate(() => document.body.innerText), /canary-key/);
  });

  await context.test("everything is accessible in both themes", () => accessible(tab, "problems"));
});

test("a taken port is told with the program that holds it, and another one is a press away", { timeout: 120_000 }, async (context) => {
  const taken = await server(context, () => undefined);
  const { tab, api } = await watch(context);
  await api("PATCH", "listeners/rtmp", { port: taken });
  await says(tab, /Wrong right now/);
  await tab.getByRole("link", { name: "To the listener" }).first().click();
  await says(tab, new RegExp(`node \\(process ${process.pid}\\) uses port ${taken}|MainThread \\(process ${process.pid}\\)|uses port ${taken}`));
  await tab.getByRole("button", { name: /^Use port \d+ instead$/ }).first().click();
  const listener = await until("the listener", async () => {
    const { listeners } = await api("GET", "listeners");
    return listeners.find(({ protocol, state }) => protocol === "rtmp" && state === "listening");
  });
  assert.notEqual(listener.port, taken);
  assert.ok(await isListening(listener.port));
  await go(tab, "problems");
  await until("the problem to be gone", async () => !(await tab.getByRole("heading", { name: "Wrong right now" }).isVisible()));
});

test("a recording that was cut off is repaired at the next start, and that is told", { timeout: 120_000 }, async (context) => {
  const folder = scratch(context);
  const first = await watch(context, { folder });
  const encoder = publish(`rtmp://127.0.0.1:${first.port}/live/stream`);
  context.after(() => encoder.stop());
  await until("the stream", async () => (await first.api("GET", "streams")).streams.some(({ state }) => state === "live"));
  await first.api("POST", "streams/live%2Fstream/record");
  await until("two seconds of recording", async () => {
    const [stream] = (await first.api("GET", "streams")).streams;
    return stream?.recording?.duration_seconds > 2;
  });
  first.program.kill();
  await first.program.ended;
  await encoder.stop();
  // What a crash leaves: a file that ends anywhere.
  const [name] = readdirSync(first.recordings);
  const file = join(first.recordings, name);
  truncateSync(file, statSync(file).size - 1000);

  const second = await watch(context, { folder, settings: undefined });
  await says(second.tab, /was cut off last time and is whole again/);
});

test("a recordings folder that is gone ends the recording, and says so", { timeout: 120_000 }, async (context) => {
  const { tab, port, api, recordings } = await watch(context);
  const encoder = publish(`rtmp://127.0.0.1:${port}/live/stream`);
  context.after(() => encoder.stop());
  await until("the stream", async () => (await api("GET", "streams")).streams.some(({ state }) => state === "live"));
  // A file stands where the folder should be.
  rmSync(recordings, { recursive: true, force: true });
  mkdirSync(join(recordings, ".."), { recursive: true });
  writeFileSync(recordings, "in the way");
  await api("POST", "streams/live%2Fstream/record").catch(() => undefined);
  await says(tab, /The recording of live\/stream has stopped/);
});
