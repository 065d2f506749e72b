// From the first start to every way in, in the real window: FFmpeg and OBS publish, nginx receives, a recording is played,
// a port is moved, and encoders come in encrypted over RTMPS and SRT. What was to be seen stays in tests/artifacts/proof.
import assert from "node:assert/strict";
import { test } from "node:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect, play, publish, publishSecurely, publishSrt } from "../ffmpeg.mjs";
import { SETTINGS, SETTLED, pictured, words } from "../journey.mjs";
import { nginx } from "../nginx.mjs";
import { freePort, insist, isListening, root, until, which } from "../program.mjs";
import { display, hands } from "./display.mjs";
import { obs, obsLacks } from "./obs.mjs";
import { open } from "./steer.mjs";

const PLACE = join(root, "tests", "artifacts", "proof");
const button = (word) => `//button[normalize-space()="${word}"]`;
const field = (label) => `//label[normalize-space()="${label}"]/following::input[1]`;
const listener = (id) => `//article[@data-listener="${id}"]`;
const heading = (word) => `Array.from(document.querySelectorAll("h1, h2, [role=heading]")).some((it) => it.textContent.trim() === ${JSON.stringify(word)})`;

/** A small copy of what a canvas or a video shows, as text. */
const LOOK = `const surface = document.querySelector(arguments[0]);
  if (!(surface?.width || surface?.videoWidth)) return "";
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [32, 18];
  const drawn = copy.getContext("2d");
  drawn.drawImage(surface, 0, 0, 32, 18);
  return Array.from(drawn.getImageData(0, 0, 32, 18).data).join();`;

test("from the first start to every way in", { timeout: 420_000 }, async (context) => {
  const screen = await display(context);
  const { page, recordings } = await open(context, screen, SETTINGS);
  mkdirSync(PLACE, { recursive: true });
  const shown = (what, expression) => until(what, () => page.run(`return ${expression}`));
  const says = (text) => until(`the page to say ${text}`, () => page.run('return new RegExp(arguments[0], "i").test(document.querySelector("main").innerText)', text.source ?? text));
  const go = (id) => page.click(`//nav//a[@href="#/${id}"]`);
  const card = (path) => `document.querySelector('article[data-stream="${path}"]')`;
  const follow = (encoder) => (context.after(() => encoder.stop()), encoder);
  const moves = async (surface) => {
    // A picture out of sight is not decoded.
    await until(`${surface} to come into sight`, () => page.run("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' }); return true", surface));
    await until(`a picture in ${surface}`, async () => new Set((await page.run(LOOK, surface)).split(",")).size > 20);
    const first = await page.run(LOOK, surface);
    await until(`another picture in ${surface}`, async () => (await page.run(LOOK, surface)) !== first);
  };
  const pictures = async (what) => {
    const before = await page.run("return document.documentElement.dataset.theme");
    for (const theme of ["light", "dark"]) {
      await page.run(`document.documentElement.dataset.theme = "${theme}"`);
      await page.run(SETTLED);
      writeFileSync(join(PLACE, `${what}-${theme}.png`), await page.picture());
    }
    await page.run("document.documentElement.dataset.theme = arguments[0]", before);
  };
  /** One part of the journey: it is counted by itself, and a failed one leaves a picture. What comes later stands on it. */
  const part = async (name, body, lack) => {
    if (lack) return void (await context.test(name, { skip: lack }, () => {}));
    let failure;
    await context.test(name, () => pictured("proof", page, body).catch((error) => Promise.reject((failure = error))));
    if (failure) throw failure;
  };

  let server;
  await part("the first start shows three steps and the address", async () => {
    await shown("the guide", heading(words["guide.title"]));
    await shown("the address for the encoder", heading(words["live.waiting.title"]));
    [server] = await page.run('return Array.from(document.querySelectorAll("section code"), (it) => it.textContent)');
    assert.match(server, /^rtmp:\/\/[^/]+:\d+\/live$/);
    await pictures("1-first-start");
  });

  let encoder;
  await part("FFmpeg publishes, and its card shows the moving picture", async () => {
    encoder = follow(publish(`${server}/stream`));
    await shown("the stream", card("live/stream"));
    await moves('article[data-stream="live/stream"] canvas[aria-label]');
    await shown("the health of it", `${card("live/stream")}.querySelector('[data-health="good"]')`);
    await pictures("2-ffmpeg");
  });

  let studio;
  await part("OBS publishes beside it", async () => {
    const { program, env } = await obs(context, { server, key: "obs" });
    studio = program;
    await shown("the stream of OBS", card("live/obs"));
    await moves('article[data-stream="live/obs"] canvas[aria-label]');
    await shown("what it sends", `["H.264", "AAC", "640 × 360"].every((it) => ${card("live/obs")}.textContent.includes(it))`);
    await pictures("3-obs");
    hands(env).picture(join(PLACE, "3-obs-itself.png"));
  }, obsLacks());
  const recorded = obsLacks() ? "live/stream" : "live/obs";

  const platform = await nginx(context);
  await part("a destination is added while live, and nginx receives", async () => {
    await go("destinations");
    await page.click(button(words["destinations.add"]));
    await page.click('//button[@data-preset="custom"]');
    await page.type(field(words["form.url"]), platform);
    await page.type(field(words["form.key"]), "relay");
    await page.type(field(words["form.name"]), "nginx");
    await page.click(button(words.next));
    await page.click(button(words["form.add.do"]));
    await shown("it to be live", `document.querySelector('li[data-destination="nginx"]')?.dataset.state === "live"`);
    await pictures("4-destination");
    const player = follow(play(`${platform}/relay`));
    const [, frames] = await player.says(/^frame=\s*([1-9]\d*)/);
    assert.ok(Number(frames) > 0);
    await player.stop();
  }, platform ? undefined : "nginx with its RTMP module cannot be had");

  let file;
  await part("a stream is recorded", async () => {
    await go("");
    const record = `//article[@data-stream="${recorded}"]`;
    await page.click(`${record}${button(words["record.start"])}`);
    await shown("four seconds of it", `/\\b0?0:0?[4-9]\\b/.test(${card(recorded)}.querySelector("button[aria-pressed=true]")?.parentElement.textContent)`);
    await pictures("5-recording");
    await page.click(`${record}${button(words["record.stop"])}`);
    await shown("the end of the recording", `!${card(recorded)}.querySelector("button[aria-pressed=true]")`);
    [file] = readdirSync(recordings);
    await go("recordings");
    await shown("it to be finished", `document.querySelector("li[data-recording]") && !document.querySelector("main li.recording")`);
    const about = inspect(join(recordings, file));
    assert.deepEqual([about.video.codec_name, about.audio.codec_name], ["h264", "aac"]);
    assert.ok(about.duration > 3 && about.frames > 80, `${about.duration} s, ${about.frames} frames`);
  });

  await part("the recording is played in the app", async () => {
    await shown("its picture in the list", `document.querySelector("li[data-recording] canvas.there")`);
    await page.click(`//li[@data-recording]//button[starts-with(@aria-label, "${words["recordings.playNamed"].replace("{name}", "")}")]`);
    const video = `document.querySelector("[role=dialog] video")`;
    await shown("the film to play", `${video}?.currentTime > 0.3 && ${video}.videoWidth > 0`);
    await moves("[role=dialog] video");
    await page.run(`${video}.currentTime = 2.5`);
    await shown("it to go on after a seek", `!${video}.seeking && ${video}.currentTime > 2.5 && ${video}.readyState >= 2`);
    await pictures("6-player");
    await page.click(`//*[@role="dialog"]//button[@aria-label="${words.close}"]`);
  });

  await part("a listener is moved to another port, and who is live stays live", async () => {
    await go("listeners");
    const port = await freePort();
    await page.fill(`${listener("rtmp")}${field(words["listeners.port"].replace("{protocol}", "RTMP"))}`, `${port}`);
    await page.click(`${listener("rtmp")}${button(words.save)}`);
    await says(words["listener.listening"].replace("{port}", port));
    assert.ok(await isListening(port));
    await studio?.stop("SIGKILL");
    const moved = follow(publish(`rtmp://localhost:${port}/live/moved`));
    await go("");
    await moves('article[data-stream="live/moved"] canvas[aria-label]');
    await shown("the first stream", `${card("live/stream")}?.textContent.includes("fps")`);
    assert.equal(encoder.lines.length, 0, encoder.lines.join("\n"));
    await moved.stop();
  });

  await part("a certificate is made and saved, and FFmpeg publishes over RTMPS, trusting it", async () => {
    await go("listeners");
    const port = await freePort();
    await page.fill(`${listener("rtmps")}${field(words["listeners.port"].replace("{protocol}", "RTMPS"))}`, `${port}`);
    await page.click(`${listener("rtmps")}${button(words.save)}`);
    await page.click(`${listener("rtmps")}//button[@role="switch"][@aria-label="${words["listeners.switch"].replace("{protocol}", "RTMPS")}"]`);
    await until("RTMPS", () => isListening(port));
    const fingerprint = `document.evaluate('//span[starts-with(., "${words["certificate.fingerprint"]}")]/following::code[1]', document, null, 9).singleNodeValue?.textContent`;
    const before = await shown("the fingerprint", fingerprint);
    await page.click(button(words["certificate.renew"]));
    await shown("another fingerprint", `(${fingerprint} ?? ${JSON.stringify(before)}) !== ${JSON.stringify(before)}`);
    const pem = join(screen.folder, "trusted.pem");
    await save(context, page, screen.env, `${button(words["certificate.export"])}`, pem);
    assert.match(readFileSync(pem, "utf8"), /^-----BEGIN CERTIFICATE-----/);
    await pictures("7-certificate");
    follow(publishSecurely(`rtmps://localhost:${port}/live/secure`, pem));
    await go("");
    await moves('article[data-stream="live/secure"] canvas[aria-label]');
  }, which("xdotool") ? undefined : "xdotool cannot be had, which answers the question where to save");

  await part("a passphrase is added, and FFmpeg publishes over SRT with it", async () => {
    await go("listeners");
    const port = await freePort();
    await page.fill(`${listener("srt")}${field(words["listeners.port"].replace("{protocol}", "SRT"))}`, `${port}`);
    await page.click(`${listener("srt")}${button(words.save)}`);
    await page.click(`${listener("srt")}//button[@role="switch"][@aria-label="${words["listeners.switch"].replace("{protocol}", "SRT")}"]`);
    await says(words["listener.listening"].replace("{port}", port));
    await page.click(`//label[normalize-space()="${words["srt.encryption"]}"]/following::select[1]/option[normalize-space()="${words["srt.encryption.perStream"]}"]`);
    await page.fill(field(words["srt.add.path"]), "live/camera1");
    await page.click(button(words["srt.add"]));
    const made = `//span[normalize-space()="${words["srt.made.for"].replace("{path}", "live/camera1")}"]/following::code[1]`;
    const passphrase = (await page.text(made)).trim();
    assert.ok(passphrase.length >= 10, passphrase);
    await pictures("8-passphrase");
    follow(publishSrt(`srt://127.0.0.1:${port}`, "publish:live/camera1", passphrase));
    await go("");
    await moves('article[data-stream="live/camera1"] canvas[aria-label]');
    await pictures("9-all");
    if (which("xdotool")) {
      await go("listeners");
      const json = join(screen.folder, "kept.json");
      // Not the next best "Export": until the passphrases are there, that is the certificate's.
      await save(context, page, screen.env, `//form[.${button(words["srt.add"])}]${button(words["srt.export"])}`, json);
      assert.deepEqual(JSON.parse(readFileSync(json, "utf8")), { "live/camera1": passphrase });
    }
  });

  await part("the log is saved", async () => {
    await go("log");
    // Lines out of sight are not laid out, and so have no inner text.
    await shown("what happened over SRT", `document.querySelector("main").textContent.includes("live/camera1")`);
    const log = join(screen.folder, "kept.log");
    await save(context, page, screen.env, button(words["log.export"]), log);
    assert.match(readFileSync(log, "utf8"), /stream=live\/camera1/);
  }, which("xdotool") ? undefined : "xdotool cannot be had, which answers the question where to save");
});

/** Presses what saves a file, and answers the question where to. */
async function save(context, page, env, xpath, file) {
  const person = hands(env);
  await page.click(xpath);
  await person.shown("Save the file");
  const name = async () => {
    if (!person.isShown("Save the file")) return;
    // Of the name that the page gave it only the stem is marked.
    await person.keys("Save the file", "ctrl+a");
    await person.types("Save the file", file);
    person.picture(join(PLACE, "save.png"));
    await person.keys("Save the file", "Return");
  };
  await insist(`${file} to be written`, name, () => existsSync(file) && readFileSync(file).length > 0);
}
