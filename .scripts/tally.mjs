// Counts what every suite reports and closes with one line a machine can read.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, say, title } from "./step.mjs";

/** Counts read from the closing lines of a test runner's output. */
const READERS = {
  // A Rust test that finds a program missing as it runs cannot be ignored any more: it says so, and counts as skipped here.
  cargo: (output) => {
    const { passed, failed, skipped } = sum(output, /^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm);
    const said = new Set([...output.matchAll(/SKIPPED (\S+):/g)].map(([, test]) => test)).size;
    return { passed: passed - said, failed, skipped: skipped + said };
  },
  vitest: (output) => {
    const line = /^\s*Tests\s+(.+)\(\d+\)$/m.exec(output)?.[1] ?? "";
    const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
    return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") + count("todo") };
  },
  node: (output) => {
    const count = (word) => Number(new RegExp(`^(?:#|ℹ) ${word} (\\d+)$`, "m").exec(output)?.[1] ?? 0);
    return { passed: count("pass"), failed: count("fail"), skipped: count("skipped") + count("todo") };
  },
};

/** What a runner says of the tests that failed, in its own words. */
const FAILURES = {
  cargo: (output) => [...output.matchAll(/^---- (\S+)(?: stdout)? ----\n([\s\S]*?)(?=\n\n(?:---- |failures:)|\n\nerror)/gm)].map(([, name, said]) => `${name}\n${said.trim()}`),
  vitest: (output) => [...output.matchAll(/^ FAIL {2}(.+\n[\s\S]*?)(?=\n⎯| FAIL |$(?![\s\S]))/gm)].map(([, said]) => said.trim()),
  node: (output) => {
    const told = /^✖ failing tests:\n([\s\S]*)/m.exec(output)?.[1] ?? "";
    return told.split(/\n\n(?=test at )/).map((said) => said.trim()).filter(Boolean);
  },
};

/** The names of the tests in what [`FAILURES`] gives, as the runner takes them to run just these again. */
const NAMES = {
  cargo: (failure) => failure.split("\n")[0],
  node: (failure) => /^test at (.+?):\d+:\d+$/m.exec(failure)?.[1],
};

/** So many failed tests of a suite are run again, alone: more are no accident. */
const MOST_AGAIN = 3;

/** How much of one failure is said again at the end. */
const LINES = 14;

function sum(output, pattern) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, skipped] of output.matchAll(pattern)) {
    total.passed += Number(passed);
    total.failed += Number(failed);
    total.skipped += Number(skipped);
  }
  return total;
}

export class Tally {
  #total = { passed: 0, failed: 0, skipped: 0 };
  #lines = [];
  #failures = [];
  #began = Date.now();

  /** A step that is one test by itself: it passes when its program ends well. */
  async one(name, about, body) {
    title(name, about);
    const result = await body();
    this.#add(name, result, { passed: result.ok ? 1 : 0, failed: result.ok ? 0 : 1, skipped: 0 });
    return result.ok;
  }

  /**
   * A suite with a runner of its own, whose counts are read. A runner that dies without counting is one failure.
   *
   * `again` runs only the test (or the file of tests) named. Tests beside real programs on a busy machine now and then fail by the
   * machine: a few that fail are run once more, each alone. Those that pass then are counted as passed, and named as unsteady at the
   * end, with what they said.
   */
  async suite(name, about, reader, body, again) {
    title(name, about);
    let result = await body();
    const counts = READERS[reader](result.output);
    const failures = result.ok ? [] : FAILURES[reader](result.output);
    const [unsteady, failed] = [[], []];
    const names = [...new Set(failures.map((failure) => NAMES[reader]?.(failure)))];
    const all = failures.length === counts.failed && names.every(Boolean);
    if (again && all && counts.failed > 0 && names.length <= MOST_AGAIN) {
      for (const test of names) {
        title(`${name}: once more ${test}`);
        const alone = await again(test);
        result = { ...result, seconds: result.seconds + alone.seconds };
        const steady = alone.ok && READERS[reader](alone.output).passed > 0;
        for (const failure of failures.filter((one) => NAMES[reader](one) === test)) {
          if (steady) unsteady.push(failure);
          else failed.push(failure, ...FAILURES[reader](alone.output).map((said) => `once more, ${said}`));
        }
      }
      counts.passed += unsteady.length;
      counts.failed -= unsteady.length;
      if (counts.failed === 0) result = { ...result, ok: true, problem: null };
      if (unsteady.length) result.problem = [result.problem, `unsteady, failed at first and passed alone: ${unsteady.length}`].filter(Boolean).join("; ");
    } else {
      failed.push(...failures);
    }
    this.#failures.push(...unsteady.map((failure) => shortened("unsteady", failure)));
    if (!result.ok && counts.failed === 0) counts.failed = 1;
    const skipped = [...result.output.matchAll(/^skipped: (.+)$/gm)].map(([, reason]) => reason);
    if (skipped.length) result.problem ??= skipped.join("; ");
    if (result.ok && counts.passed + counts.failed + counts.skipped === 0) {
      counts.failed = 1;
      result.problem = "no test ran";
    }
    this.#add(name, result, counts);
    if (counts.failed > 0) this.#failures.push(...failed.map((failure) => shortened("failed", failure)));
    return counts.failed === 0;
  }

  /** A suite that could not run on this machine. */
  skip(name, why) {
    this.#add(name, { seconds: 0, problem: why }, { passed: 0, failed: 0, skipped: 1 });
  }

  /** A suite that could not run because an earlier step failed. */
  fail(name, why) {
    this.#add(name, { seconds: 0, problem: why }, { passed: 0, failed: 1, skipped: 0 });
  }

  /** Prints what failed once more, every suite's line, then the total; the exit code. */
  close() {
    const line = words(this.#total);
    const failures = this.#failures.flatMap((failure) => [failure, ""]);
    const text = [...failures, ...this.#lines, `in ${clock((Date.now() - this.#began) / 1000)}`, line].join("\n");
    say(`\n${text}`);
    mkdirSync(join(root, "target"), { recursive: true });
    writeFileSync(join(root, "target", "test-summary.txt"), `${text}\n`);
    return this.#total.failed === 0 ? 0 : 1;
  }

  #add(name, result, counts) {
    for (const key of Object.keys(counts)) this.#total[key] += counts[key];
    const mark = counts.failed > 0 ? "FAILED " : counts.passed === 0 ? "skipped" : "ok     ";
    const line = `${mark} ${name}: ${words(counts)}, ${clock(result.seconds)}${result.problem ? ` (${result.problem})` : ""}`;
    this.#lines.push(line);
    say(line);
  }
}

/** The first lines of a failure, each of a width that can be read. */
function shortened(how, failure) {
  const lines = failure.split("\n").filter((line) => line.trim() !== "");
  const kept = lines.slice(0, LINES).map((line) => (line.length > 300 ? `${line.slice(0, 300)}…` : line));
  return [`${how}: ${kept[0]}`, ...kept.slice(1).map((line) => `    ${line}`), ...(lines.length > LINES ? ["    …"] : [])].join("\n");
}

function words({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
}

function clock(seconds) {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
