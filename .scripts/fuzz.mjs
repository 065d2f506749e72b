// Feeds the decoders with noise that learns which bytes open new paths (libFuzzer, on the stable compiler).
// `npm test` gives each target a few seconds; `npm run fuzz -- chunk 600` gives one of them ten minutes.
import { mkdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ask, main, root, run, windows } from "./step.mjs";
import { setup } from "./setup.mjs";
import { Tally } from "./tally.mjs";

const SECONDS = 8;
const home = join(root, "tests", "fuzz");
const target = join(root, "target", "fuzz");

// What cargo-fuzz passes, without the sanitizer that needs a nightly compiler: there is no unsafe code to watch.
const COVERAGE = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "-Ccodegen-units=1",
  "--cfg",
  "fuzzing",
].join(" ");

// An input that takes this much is a fault: memory reserved by a length that a peer names, or work without bound.
const LIMITS = ["-malloc_limit_mb=64", "-rss_limit_mb=1024", "-timeout=5", "-max_len=65536"];

/** The fuzz targets, each one test; `seconds` for each. */
export async function fuzz(tally, chosen = targets(), seconds = SECONDS) {
  if (windows) return tally.skip("fuzz", "the fuzzer's runtime is not built on Windows");
  const triple = ask("rustc", ["--print", "host-tuple"]) ?? ask("rustc", ["-vV"]).match(/^host: (.+)$/m)[1];
  const env = { RUSTFLAGS: COVERAGE, CARGO_TARGET_DIR: target };
  // With --target the flags stay away from build scripts.
  const build = () => run("cargo", ["build", "--locked", "--release", "--quiet", "--target", triple], { cwd: home, env });
  if (!(await tally.one("build: fuzz targets", "1 minute the first time", build))) return chosen.forEach((name) => tally.fail(`fuzz: ${name}`, "not built"));
  const found = join(root, "tests", "artifacts", "fuzz");
  mkdirSync(found, { recursive: true });
  const one = async (name) => {
    const learnt = join(target, "corpus", name);
    mkdirSync(learnt, { recursive: true });
    const seeds = join(home, "corpus", name);
    const args = [learnt, seeds, `-max_total_time=${seconds}`, `-artifact_prefix=${found}/${name}-`, ...LIMITS];
    await tally.one(`fuzz: ${name}`, `${seconds} seconds`, async () => {
      const result = await run(join(target, triple, "release", name), args, { quiet: true, limit: seconds / 60 + 5 });
      const runs = /Done (\d+) runs/.exec(result.output)?.[1];
      return result.ok && !runs ? { ...result, ok: false, problem: "it ran nothing" } : result;
    });
  };
  // Each takes one core.
  const waiting = [...chosen];
  const worker = async () => {
    for (let name = waiting.shift(); name; name = waiting.shift()) await one(name);
  };
  await Promise.all(cpus().map(worker));
}

function targets() {
  const manifest = readFileSync(join(home, "Cargo.toml"), "utf8");
  return [...manifest.matchAll(/^\[\[bin\]\]\nname = "(.+)"/gm)].map(([, name]) => name);
}

if (process.argv[1] === import.meta.filename) {
  main(async () => {
    await setup({ needed: ["build"] });
    const tally = new Tally();
    const [name, seconds] = process.argv.slice(2);
    await fuzz(tally, name ? [name] : targets(), Number(seconds ?? 60));
    return tally.close();
  });
}
