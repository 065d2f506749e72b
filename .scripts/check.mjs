// `npm run check`: style, warnings, documentation and types, each denied; part of `npm test`.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { page } from "./page.mjs";
import { main, npm, root, run } from "./step.mjs";
import { setup } from "./setup.mjs";
import { Tally } from "./tally.mjs";

/** What these checks need of Rust besides the compiler. */
export const COMPONENTS = ["rustfmt", "clippy"];

const headless = ["--workspace", "--no-default-features"];
const deny = { RUSTDOCFLAGS: "-D warnings" };

const CHECKS = [
  ["Rust is formatted", null, () => run("cargo", ["fmt", "--all", "--check"])],
  ["clippy finds nothing: everything but the window", "2 minutes the first time",
    () => run("cargo", ["clippy", "--locked", ...headless, "--all-targets", "--quiet", "--", "-D", "warnings"])],
  ["clippy finds nothing: the window", "2 minutes the first time",
    () => run("cargo", ["clippy", "--locked", "-p", "weir-desktop", "--features", "custom-protocol", "--all-targets", "--quiet", "--", "-D", "warnings"])],
  ["rustdoc finds nothing", "half a minute",
    () => run("cargo", ["doc", "--locked", ...headless, "--no-deps", "--document-private-items", "--quiet"], { env: deny })],
  ["UI types and lint", null, () => npm(["run", "--silent", "check:ui"])],
  ["the UI's types are those of the API", null, types],
  ["the page is at most 350 kB, compressed", null, size],
];

/** Runs every check; each counts as one test. */
export async function check(tally = new Tally()) {
  for (const [name, about, body] of CHECKS) await tally.one(`check: ${name}`, about, body);
  return tally;
}

/** Largest page, scripts and styles compressed: it opens at once, on a phone too. */
const MAX_PAGE = 350_000;

async function size() {
  const began = Date.now();
  await page();
  const assets = join(root, "ui", "dist", "assets");
  const code = readdirSync(assets).filter((name) => /\.(js|css)$/.test(name));
  const bytes = code.reduce((sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length, 0);
  const seconds = (Date.now() - began) / 1000;
  return { ok: bytes <= MAX_PAGE, seconds, problem: `the page is ${Math.round(bytes / 1000)} kB, and at most ${MAX_PAGE / 1000} are allowed` };
}

async function types() {
  const file = join(root, "ui", "src", "api", "schema.ts");
  const before = readFileSync(file, "utf8");
  const made = await npm(["run", "--silent", "generate:api"], { quiet: true });
  if (!made.ok || readFileSync(file, "utf8") === before) return made;
  return { ...made, ok: false, problem: "ui/src/api/schema.ts was stale and has been made again: commit it" };
}

if (process.argv[1] === import.meta.filename) {
  main(async () => {
    await setup({ needed: ["build", "window"], components: COMPONENTS });
    return (await check()).close();
  });
}
