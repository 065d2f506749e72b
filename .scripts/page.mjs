// The user interface as files, built when its sources are newer: both programs carry it, and need not be built again otherwise.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Failure, npm, root, title } from "./step.mjs";

export async function page() {
  const made = time(join(root, "ui", "dist", "index.html"));
  const sources = ["package-lock.json", "Cargo.lock", ...readdirSync(join(root, "ui")).filter((name) => name !== "dist").map((name) => join("ui", name))];
  if (Math.max(...sources.map((name) => newest(join(root, name)))) < made) return;
  title("Building the user interface", "10 seconds");
  const built = await npm(["run", "--silent", "build:ui"], { quiet: true });
  if (!built.ok) throw new Failure(`The user interface could not be built: ${built.problem}`);
}

function time(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function newest(path) {
  if (!statSync(path).isDirectory()) return time(path);
  return Math.max(time(path), ...readdirSync(path).map((name) => newest(join(path, name))));
}
