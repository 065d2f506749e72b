// A folder of ten thousand recordings: how soon their list answers over HTTP, when they are known and when they are new.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure, say, title } from "./step.mjs";

const MANY = 10_000;
const FOLDERS = 20;
/** Answers that are timed for each row. */
const TIMES = 50;
/** Longest that Weir may look into all of them, milliseconds. */
const PATIENCE = 300_000;

/** `tools` are those of the other cases. */
export async function library(home, { weir, load, table, rounds }) {
  title(`${MANY.toLocaleString("en")} recordings: ${rounds} rounds`);
  const folder = mkdtempSync(join(home, "library-"));
  await fill(folder, home, { weir, load });
  const measured = [];
  for (let round = 0; round < rounds; round++) measured.push(await measure(folder, home, weir));
  rmSync(folder, { recursive: true, force: true });
  const rows = [
    ["a page of 100, known files: middle, ms", (run) => run.page.middle, 1],
    ["the same, worst of 50, ms", (run) => run.page.worst, 1, "≤ 100"],
    ["a page of 1,000: worst of 50, ms", (run) => run.large.worst, 1, "≤ 100"],
    ["a search by two words: worst of 50, ms", (run) => run.search.worst, 1, "≤ 100"],
    ["the first answer after a start, ms", (run) => run.started, 1, "≤ 100"],
    ["the first answer of a folder nobody has looked into, ms", (run) => run.unknown, 1],
    ["all of it looked into after, s", (run) => run.looked / 1000, 1],
  ];
  return table(`A folder of ${MANY.toLocaleString("en")} recordings, listed over HTTP`, [{ name: "Weir" }], [measured], rows);
}

/** Records some seconds of a small stream and puts copies of the file everywhere. */
async function fill(folder, home, { weir, load }) {
  const recorded = mkdtempSync(join(home, "recorded-"));
  const hub = await started(weir(home, 0, ["--http", "127.0.0.1:0", "--record-all", "--record-dir", recorded]));
  try {
    await hub.ask("/recording-settings", { container: "mp4" });
    await load(["run", "--url", hub.url, "--pid", `${hub.pids[0]}`, "--bitrate", "64000", "--players", "1", "--seconds", "2"]);
    await until("the recording", async () => (await hub.ask("/recordings")).recordings.find(({ state }) => state === "finished"));
  } finally {
    await hub.stop();
  }
  const source = join(recorded, readdirSync(recorded).find((name) => name.endsWith(".mp4")));
  for (let number = 0; number < MANY; number++) {
    const below = join(folder, `camera ${number % FOLDERS}`);
    if (number < FOLDERS) mkdirSync(below);
    copyFileSync(source, join(below, `take_${number}.mp4`));
  }
  say(`Each of them has ${statSync(source).size} bytes.`);
}

async function measure(folder, home, weir) {
  const data = mkdtempSync(join(home, "weir-library-"));
  const server = weir(home, 0, ["--http", "127.0.0.1:0", "--record-dir", folder]);
  let hub = await started(server, data);
  try {
    const began = performance.now();
    const unknown = await timed(() => hub.ask("/recordings"));
    await until("all to be looked into", async () => !(await hub.ask("/recordings?limit=1")).is_partial, PATIENCE);
    const looked = performance.now() - began;
    const page = await several(() => hub.ask("/recordings"));
    const large = await several(() => hub.ask("/recordings?limit=1000&sort=name"));
    const search = await several(() => hub.ask("/recordings?search=camera%20take_77"));
    await hub.stop();
    hub = await started(server, data);
    const again = await timed(() => hub.ask("/recordings"));
    const { is_partial: partial, total } = await hub.ask("/recordings");
    if (partial || total !== MANY) throw new Failure(`After a start ${total} recordings are known${partial ? ", not all of them" : ""}.`);
    say(`a page of 100 within ${page.worst.toFixed(1)} ms, after a start within ${again.toFixed(1)} ms`);
    return { unknown, looked, page, large, search, started: again };
  } finally {
    await hub.stop();
  }
}

/** A running Weir that can be asked. */
async function started(server, data) {
  const hub = await server.start(data);
  const address = await until("the address of the page", () => /http:\/\/\S+\?token=\S+/.exec(hub.said())?.[0]);
  const { origin, searchParams } = new URL(address);
  const headers = { authorization: `Bearer ${searchParams.get("token")}`, "content-type": "application/json" };
  const ask = async (path, change) => {
    const answer = await fetch(`${origin}/api/v1${path}`, change ? { method: "PATCH", headers, body: JSON.stringify(change) } : { headers });
    if (!answer.ok) throw new Failure(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  await until("the page", () => ask("/status").catch(() => undefined));
  return { ...hub, ask };
}

async function timed(what) {
  const began = performance.now();
  await what();
  return performance.now() - began;
}

async function several(what) {
  const all = [];
  for (let time = 0; time < TIMES; time++) all.push(await timed(what));
  all.sort((a, b) => a - b);
  return { middle: all[TIMES >> 1], worst: all.at(-1) };
}

async function until(what, look, patience = 60_000) {
  const deadline = performance.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new Failure(`Waited in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
