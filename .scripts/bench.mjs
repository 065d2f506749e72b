// `npm run bench`: what a crowd of players costs, beside nginx-rtmp on the same machine in the same minutes; and what receiving
// over SRT costs, beside srt-live-transmit (libsrt).
//
// Servers take turns in rounds, because a machine's speed drifts; ratios are taken within a round, and the middle one of
// all rounds is shown. The server has one core for itself, the load generator another.
// Options: --rounds 3, --seconds 20, --case crowd|slow|silent|prelude|many|legs|library|srt (may be repeated).
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Failure, main, must, root, say, title, which } from "./step.mjs";
import { library } from "./bench-library.mjs";
import { setup } from "./setup.mjs";
import { nginx as findNginx } from "./tools.mjs";

const SERVER_CORE = 0;
const GENERATOR_CORE = 1;
const LEGS = 8;
const OPEN_FILES = 20_000;
const release = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release");
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "20" },
    case: { type: "string", multiple: true },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);

main(async () => {
  if (process.platform !== "linux") throw new Failure("The benchmark pins programs to cores and reads /proc: it runs on Linux only.");
  if (cpus().length < 2) throw new Failure("The benchmark needs two cores, one for the server and one for the players.");
  await setup({ needed: ["build"] });
  title("Building Weir and the load generator for speed", "3 minutes the first time");
  await must("cargo", ["build", "--locked", "--release", "--package", "weir-cli", "--package", "weir-load"], { limit: 60 });
  const home = mkdtempSync(join(tmpdir(), "weir-bench-"));
  try {
    const place = await findNginx();
    const servers = [weir(home), ...(place ? [nginx(home, place)] : [])];
    if (!place) say("nginx with its RTMP module is not installed (Debian: nginx libnginx-mod-rtmp): Weir is measured alone.");
    const chosen = Object.entries(CASES).filter(([name]) => !options.case || options.case.includes(name));
    const parts = [];
    for (const [, measure] of chosen) parts.push(await measure(servers, home));
    say(`\n${machine()}\n\n${parts.join("\n\n")}`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

const CASES = {
  /** 400 players of one stream, and the kernel alone for scale. */
  async crowd(servers) {
    const measured = await alternate("400 players of one stream", servers, (server) => play(server, ["--players", "400", "--seconds", `${seconds}`]));
    const kernel = [];
    for (let round = 0; round < rounds; round++) {
      kernel.push(await load(["kernel", "--players", "400", "--cpu", `${SERVER_CORE}`, "--seconds", `${Math.min(seconds, 10)}`]));
    }
    const rows = [
      ["CPU-seconds per delivered GB", (run) => run.cpu_seconds_per_gb, 3, "≤ 0.6 of nginx-rtmp"],
      // On loopback what a server leaves in the queue of a socket is sent when the player acknowledges, by the player's core.
      ["the same, server and players together", (run) => (run.server_cpu_seconds + run.generator_cpu_seconds) / run.delivered_gb, 3],
      ["latency p50, ms", (run) => run.latency_ms.p50, 2],
      ["latency p90, ms", (run) => run.latency_ms.p90, 2],
      ["latency p99, ms", (run) => run.latency_ms.p99, 2, "≤ nginx-rtmp"],
      ["latency max, ms", (run) => run.latency_ms.max, 2],
      ["connect to first key frame, p50, ms", (run) => run.first_key_ms.p50, 1],
      ["connect to first key frame, p99, ms", (run) => run.first_key_ms.p99, 1, "≤ 60"],
      ["memory per player, KiB", (run) => run.kib_per_player, 1, "≤ 12"],
      ["frames lost", (run) => run.lost + run.missing + run.corrupt + run.disordered, 0, "0"],
      ["players dropped", (run) => run.dropped_players, 0, "0"],
    ];
    const floor = middle(kernel.map((run) => run.cpu_seconds_per_gb)).toFixed(3);
    const note = `The kernel alone, one write per frame and player and no protocol, took ${floor} CPU-seconds per GB.`;
    return `${table("400 players of one 2.65 Mbit/s stream", servers, measured, rows)}\n\n${note}`;
  },

  /** Does a player that stalls disturb the others? */
  async slow(servers) {
    const among = ["--players", "50", "--seconds", `${seconds}`];
    const alone = await alternate("50 players", servers, (server) => play(server, among));
    const mixed = await alternate("50 players and two bad ones", servers, (server) => play(server, [...among, "--stalled", "1", "--limited", "50000"]));
    const joined = alone.map((runs, server) => runs.map((run, round) => ({ run, mixed: mixed[server][round] })));
    const rows = [
      ["p99 of 50 players, ms", ({ run }) => run.latency_ms.p99, 2],
      ["p99 of the same 50 beside a stalled one and one at 50 kbit/s, ms", ({ mixed }) => mixed.latency_ms.p99, 2, "as above"],
      ["frames the 50 lost", ({ mixed: run }) => run.lost + run.missing + run.corrupt + run.disordered, 0, "0"],
      ["of the 50, dropped", ({ mixed: run }) => run.dropped_players, 0, "0"],
    ];
    return table("One stalled player and one at 50 kbit/s among 50", servers, joined, rows);
  },

  /** Connections that say nothing. */
  async silent(servers) {
    const measured = await alternate("3,000 silent connections", servers, (server) => attack(server, "silent", "3000"));
    const rows = [
      ["handshake answered after, worst of ten, ms", (run) => run.greeted_ms.max, 1, "≤ 100"],
      ["play accepted after, worst of ten, ms", (run) => run.playing_ms.max, 1, "≤ 100"],
      ["clients not served", (run) => run.unserved, 0, "0"],
      ["memory per silent connection, KiB", (run) => run.kib_per_connection, 1],
    ];
    return table("The next client behind 3,000 connections that say nothing", servers, measured, rows);
  },

  /** Declarations of huge messages before connect. */
  async prelude(servers) {
    const measured = await alternate("2.8 kB before connect", servers, (server) => attack(server, "prelude", "200"));
    const rows = [
      ["memory per connection, KiB", (run) => run.kib_per_connection, 1, "≤ 64"],
      ["connections closed by the server, of 200", (run) => run.closed, 0],
    ];
    return table("2.8 kB before connect that announce 186 messages of 16 MiB", servers, measured, rows);
  },

  /** Many streams. */
  async many(servers) {
    const measured = await alternate("50 streams", servers, (server) => play(server, ["--publishers", "50", "--players", "50", "--seconds", `${seconds}`]));
    const rows = [
      ["CPU-seconds per delivered GB", (run) => run.cpu_seconds_per_gb, 3],
      ["latency p50, ms", (run) => run.latency_ms.p50, 2],
      ["latency p99, ms", (run) => run.latency_ms.p99, 2],
      ["frames lost", (run) => run.lost + run.missing + run.corrupt + run.disordered, 0, "0"],
    ];
    return table("50 publishers of 2.65 Mbit/s, one player each", servers, measured, rows);
  },

  /** One stream sent on to eight servers and recorded. */
  async legs(_, home) {
    const names = Array.from({ length: LEGS }, (_, leg) => `leg${leg + 1}`);
    const sending = {
      name: "Weir with eight destinations",
      async start() {
        const sink = await weir(home, GENERATOR_CORE).start();
        const urls = names.map((name) => sink.url.replace(/bench$/, name));
        const hub = await weir(home, SERVER_CORE, ["--record-all", "--record-dir", mkdtempSync(join(home, "files-")), ...urls.flatMap((url) => ["--relay-to", url])]).start();
        return { ...hub, plays: urls, stop: async () => (await hub.stop(), await sink.stop()) };
      },
    };
    // The way from encoder to player without the hub between: what it adds is the difference.
    const direct = {
      name: "the same players at the last server",
      async start() {
        const sink = await weir(home, GENERATOR_CORE).start();
        return { ...sink, plays: [sink.url] };
      },
    };
    const args = ["--bitrate", "6000000", "--players", `${LEGS}`, "--seconds", `${seconds}`];
    const measure = (server) => play(server, [...args, ...server.plays.flatMap((url) => ["--play-url", url])]);
    const measured = await alternate("one stream to eight destinations", [sending, direct], measure);
    const rows = [
      ["share of a core, %", (run) => (100 * run.server_cpu_seconds) / run.seconds, 2, "≤ 4"],
      ["resident memory, MiB", (run) => run.resident_with_players_kib / 1024, 1, "≤ 40"],
      ["latency encoder to player p50, ms", (run) => run.latency_ms.p50, 2],
      ["latency encoder to player p99, ms", (run) => run.latency_ms.p99, 2],
      ["frames lost", (run) => run.lost + run.missing + run.corrupt + run.disordered, 0, "0"],
    ];
    const added = middle(measured[0].map((run, round) => run.latency_ms.p99 - measured[1][round].latency_ms.p99)).toFixed(2);
    const note = `Added by the hub and its destinations, p99: ${added} ms (aim ≤ 20).`;
    return `${table("One 6 Mbit/s stream, recorded and sent to eight destinations", [sending, direct], measured, rows)}\n\n${note}`;
  },

  /** A folder of ten thousand recordings, listed over HTTP. */
  library: (_, home) => library(home, { weir, load, table, rounds }),

  /** Receiving over SRT, on a network that loses datagrams both ways. */
  async srt(_, home) {
    const servers = [weirSrt(home), ...(which("srt-live-transmit") ? [transmit()] : [])];
    if (servers.length < 2) say("srt-live-transmit is not installed (Debian: srt-tools): SRT is measured alone.");
    const rows = [
      ["CPU-seconds per received GB", (run) => run.cpu_seconds_per_gb, 3, "≤ 0.6 of libsrt"],
      ["resident memory, MiB", (run) => run.resident_kib / 1024, 1],
      ["packets given up", (run) => run.given_up + run.unacknowledged + run.refused, 0, "0"],
      ["publishers dropped", (run) => run.dropped_publishers, 0, "0"],
      ["the generator was late by, at most, ms", (run) => run.latest_ms, 0, "< 50"],
    ];
    const tables = [];
    for (const percent of [0, 2, 10]) {
      const what = `one publisher of 16 Mbit/s over SRT, ${percent} % of all datagrams lost`;
      const args = ["--bitrate", "16000000", "--loss", `${percent * 10}`, "--seconds", `${seconds}`];
      const measured = await alternate(what, servers, (server) => receive(server, args));
      tables.push(table(what, servers, measured, rows));
    }
    const crowd = servers.slice(0, 1);
    const args = ["--publishers", "100", "--bitrate", "4000000", "--seconds", `${seconds}`];
    const measured = await alternate("100 publishers over SRT", crowd, (server) => receive(server, args));
    tables.push(table("100 publishers of 4 Mbit/s over SRT on one port", crowd, measured, rows));
    return tables.join("\n\n");
  },
};

const play = (server, args) => load(["run", "--url", server.url, ...server.pids.flatMap((pid) => ["--pid", `${pid}`]), ...args]);
const attack = (server, kind, connections) =>
  load([kind, "--url", server.url, ...server.pids.flatMap((pid) => ["--pid", `${pid}`]), "--connections", connections]);

const receive = (server, args) =>
  load(["srt", "--server", server.srt, ...server.pids.flatMap((pid) => ["--pid", `${pid}`]), ...args]);

/** Every server in turn, a fresh process each time, as many times as there are rounds: results by server, then round. */
async function alternate(what, servers, measure) {
  title(`${what}: ${rounds} rounds of ${servers.map((server) => server.name).join(" and ")}`);
  const results = servers.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, server] of servers.entries()) {
      const started = await server.start();
      try {
        const run = await measure(started);
        if (!run.server_alive) throw new Failure(`${server.name} ended during the measurement.`);
        results[index].push(run);
        say(`${server.name}: ${summary(run)}`);
      } finally {
        await started.stop();
      }
    }
  }
  return results;
}

function summary(run) {
  if ("given_up" in run) return `${run.cpu_seconds_per_gb.toFixed(3)} CPU-s/GB, ${run.given_up} of ${run.packets} packets given up, ${run.unacknowledged} not acknowledged`;
  if (run.latency_ms) return `${run.cpu_seconds_per_gb.toFixed(3)} CPU-s/GB, p99 ${run.latency_ms.p99.toFixed(2)} ms, ${run.kib_per_player.toFixed(1)} KiB a player`;
  return `${run.kib_per_connection.toFixed(1)} KiB a connection${run.playing_ms ? `, play accepted in ${run.playing_ms.max.toFixed(1)} ms` : ""}`;
}

/** A Markdown table: a row for each value, a column for each server, the ratio of the first two, and what is aimed at. */
function table(caption, servers, measured, rows) {
  const two = servers.length > 1;
  const head = ["", ...servers.map((server) => server.name), ...(two ? ["ratio"] : []), "aim"];
  const lines = rows.map(([label, value, digits, aim = ""]) => {
    const columns = measured.map((runs) => runs.map(value));
    const cells = columns.map((column) => middle(column).toFixed(digits));
    const ratio = two && digits > 0 ? middle(columns[0].map((first, round) => first / columns[1][round])).toFixed(2) : "";
    return [label, ...cells, ...(two ? [ratio] : []), aim];
  });
  const bar = head.map((_, column) => (column ? "---:" : "---"));
  return [`### ${caption}`, "", ...[head, bar, ...lines].map((cells) => `| ${cells.join(" | ")} |`)].join("\n");
}

function middle(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function machine() {
  const model = cpus()[0].model.trim();
  const kernel = readFileSync("/proc/sys/kernel/osrelease", "utf8").trim();
  return `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores of ${model}, Linux ${kernel}, ${rounds} rounds of ${seconds} s.`;
}

function weir(home, core = SERVER_CORE, more = []) {
  return {
    name: "Weir",
    async start(data = mkdtempSync(join(home, "weir-"))) {
      const port = await freePort();
      const args = ["serve", "--listen", `127.0.0.1:${port}`, "--data-dir", data, "--config", join(data, "config.toml")];
      return serve("Weir", join(release, "weir"), [...args, ...more], port, core);
    },
  };
}

function weirSrt(home) {
  return {
    name: "Weir",
    async start() {
      const [port, srt] = [await freePort(), await freeUdpPort()];
      const data = mkdtempSync(join(home, "weir-srt-"));
      const args = ["serve", "--listen", `127.0.0.1:${port}`, "--srt-listen", `127.0.0.1:${srt}`, "--srt-latency", "200"];
      const places = ["--data-dir", data, "--config", join(data, "config.toml")];
      return { ...(await serve("Weir", join(release, "weir"), [...args, ...places], port)), srt: `127.0.0.1:${srt}` };
    },
  };
}

/** libsrt's own program, which throws away what it receives. */
function transmit() {
  return {
    name: "srt-live-transmit",
    async start() {
      const srt = await freeUdpPort();
      const from = `srt://127.0.0.1:${srt}?mode=listener&latency=200`;
      const child = pinned(SERVER_CORE, which("srt-live-transmit"), ["-q", "-a:no", from, "file://con"], ["ignore", "ignore", "ignore"]);
      const ended = new Promise((resolve) => child.on("close", resolve));
      const stop = () => (child.kill("SIGKILL"), ended);
      // Callers repeat their question until it listens.
      return { srt: `127.0.0.1:${srt}`, pids: [child.pid], stop };
    },
  };
}

function nginx(home, place) {
  const program = place === "/" ? which("nginx") ?? "/usr/sbin/nginx" : join(place, "usr/sbin/nginx");
  return {
    name: "nginx-rtmp",
    async start() {
      const port = await freePort();
      const data = mkdtempSync(join(home, "nginx-"));
      const lines = [
        `load_module ${join(place, "usr/lib/nginx/modules/ngx_rtmp_module.so")};`,
        `worker_processes 1; daemon off; pid ${data}/nginx.pid; error_log ${data}/error.log warn;`,
        process.getuid() === 0 ? "user root;" : "",
        `worker_rlimit_nofile ${OPEN_FILES};`,
        `events { worker_connections 16384; }`,
        `rtmp { access_log off; server { listen 127.0.0.1:${port}; chunk_size 4096; application live { live on; } } }`,
      ];
      writeFileSync(join(data, "nginx.conf"), `${lines.join("\n")}\n`);
      return serve("nginx-rtmp", program, ["-p", data, "-e", join(data, "start.log"), "-c", join(data, "nginx.conf")], port);
    },
  };
}

/** Starts a server on its core and waits until it listens. */
async function serve(name, program, args, port, core = SERVER_CORE) {
  const child = pinned(core, program, args, ["ignore", "pipe", "pipe"]);
  let [said, complaint] = ["", ""];
  child.stdout.on("data", (bytes) => (said += bytes));
  child.stderr.on("data", (bytes) => (complaint = (complaint + bytes).slice(-2000)));
  const ended = new Promise((resolve) => child.on("close", resolve));
  const deadline = Date.now() + 10_000;
  while (!(await listens(port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL");
      throw new Failure(`${name} does not listen on port ${port}. ${complaint}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 8_000);
    await ended;
    clearTimeout(timer);
  };
  return { url: `rtmp://127.0.0.1:${port}/live/bench`, pids: family(child.pid), said: () => said, stop };
}

/** A process and its children. */
function family(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return [pid, ...(children ? children.split(" ").map(Number) : [])];
}

function load(args) {
  const child = pinned(GENERATOR_CORE, join(release, "weir-load"), [...args, "--json"], ["ignore", "pipe", "inherit"]);
  let output = "";
  child.stdout.on("data", (bytes) => (output += bytes));
  return new Promise((resolve, reject) => {
    child.on("close", (code) => (code === 0 ? resolve(JSON.parse(output)) : reject(new Failure(`weir-load ${args.join(" ")} failed.`))));
  });
}

// Other work on the machine should not be measured: with the right to do so, both sides get the highest priority. Linux shares
// the processor among sessions first, so each gets a session of its own, which is put first as well.
const urgent = spawnSync("nice", ["-n", "-20", "true"]).status === 0 && process.getuid() === 0 && which("setsid");

/** Starts a program on one core, with enough open files; its process id is the program's. */
function pinned(core, program, args, stdio) {
  const first = urgent ? "echo -20 2>/dev/null >/proc/self/autogroup; " : "";
  const files = `${first}ulimit -n ${OPEN_FILES} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"`;
  const command = [...(urgent ? ["nice", "-n", "-20"] : []), "taskset", "-c", `${core}`, program, ...args];
  const shell = ["sh", "-c", files, "sh", ...command];
  const child = urgent ? spawn("setsid", shell, { stdio }) : spawn(shell[0], shell.slice(1), { stdio });
  running.add(child);
  child.on("close", () => running.delete(child));
  return child;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

function freeUdpPort() {
  return new Promise((resolve) => {
    const probe = createSocket("udp4");
    probe.bind(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
