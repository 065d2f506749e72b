// What Weir is made of and under which licences: every crate and npm package that ends up in the product, with its own
// licence text, in one file beside the page (ui/public/licenses/third-party.json). The settings show it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Failure, main, root } from "./step.mjs";

const FILE = join(root, "ui", "public", "licenses", "third-party.json");
/** Names that packages give the file with their licence. */
const TEXT = /^(licen[cs]e|copying|notice|unlicense)/i;

main(async () => {
  const texts = [];
  const known = new Map();
  const keep = (folder) => {
    const words = readdirSync(folder).filter((name) => TEXT.test(name)).sort().map((name) => read(join(folder, name))).filter(Boolean);
    if (words.length === 0) return undefined;
    const text = words.join("\n\n");
    if (!known.has(text)) known.set(text, texts.push(text) - 1);
    return known.get(text);
  };
  const packages = [...crates(), ...modules()]
    .map(({ name, version, licence, folder }) => ({ name, version, licence, text: keep(folder) }))
    .sort((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify({ packages, texts }));
});

/** Crates that are linked into the programs: what only builds or tests is left out. */
function crates() {
  // Tens of megabytes: more than a pipe holds by default.
  const { status, stdout, stderr } = spawnSync("cargo", ["metadata", "--format-version", "1", "--locked"], { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Failure(`The licences of the crates could not be collected: ${stderr}`);
  const { packages, resolve, workspace_members: own } = JSON.parse(stdout);
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const linked = new Set(own);
  for (const id of linked) {
    for (const { pkg, dep_kinds: kinds } of nodes.get(id)?.deps ?? []) if (kinds.some(({ kind }) => kind === null)) linked.add(pkg);
  }
  return packages
    .filter(({ id }) => linked.has(id) && !own.includes(id))
    .map(({ name, version, license, manifest_path: manifest }) => ({ name, version, licence: license ?? "see its text", folder: dirname(manifest) }));
}

/** npm packages that are built into the page, with what they need themselves. */
function modules() {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== "" && !dev && !devOptional && existsSync(join(root, path, "package.json")))
    .map(([path, { version, license }]) => ({ name: path.split("node_modules/").at(-1), version, licence: license ?? "see its text", folder: join(root, path) }));
}

function read(path) {
  try {
    return readFileSync(path, "utf8").replaceAll("\r\n", "\n").trim();
  } catch {
    // A folder of that name.
    return "";
  }
}
