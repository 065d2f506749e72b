// `node .scripts/rest.mjs [seconds]`: what the open page costs at rest: one live stream, its picture off, one tab in a Chromium
// without a graphics card. CPU of all of the browser's processes and of the tab's own, as a part of one core.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright";
import { Program } from "../tests/e2e/program.mjs";
import { publish } from "../tests/e2e/ffmpeg.mjs";
import { Failure, main, root, say, windows } from "./step.mjs";
import { chromium as installed } from "./setup.mjs";

const SETTLE_MS = 15_000;

main(async () => {
  const seconds = Number(process.argv[2] ?? 30);
  if (!installed() || process.platform !== "linux") throw new Failure("This needs Chromium on Linux.");
  const folder = mkdtempSync(join(tmpdir(), "weir-rest-"));
  writeFileSync(join(folder, "weir.toml"), '[rtmp]\nlisten = ["localhost:0"]\n');
  const program = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", windows ? "weir.exe" : "weir");
  const weir = new Program(program, ["serve", "--http", "127.0.0.1:0", "--config", join(folder, "weir.toml"), "--data-dir", join(folder, "data")]);
  let encoder;
  let browser;
  try {
    const [address] = await weir.says(/http:\/\/\S+token=[\w-]+/);
    const { origin, searchParams } = new URL(address);
    const headers = { authorization: `Bearer ${searchParams.get("token")}` };
    const { ingest } = await (await fetch(`${origin}/api/v1/status`, { headers })).json();
    browser = await chromium.launch({ executablePath: installed(), args: ["--no-sandbox"] });
    const tab = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    await tab.addInitScript(() => {
      localStorage.setItem("weir.guide", "done");
      localStorage.setItem("weir.pictures", "off");
    });
    await tab.goto(address);
    encoder = publish(`${ingest[0].server}/stream`);
    await tab.locator("article[data-stream]").waitFor({ timeout: 60_000 });
    if (!(await tab.getByText("Pictures are off").count())) await tab.getByRole("button", { name: "Pictures" }).click();
    const session = await browser.newBrowserCDPSession();
    const measure = async (what) => {
      await tab.waitForTimeout(SETTLE_MS);
      const before = await cpu(session);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      const after = await cpu(session);
      const part = (kind) => `${(((after[kind] ?? 0) - (before[kind] ?? 0)) / seconds * 100).toFixed(2)} %`;
      say(`${what}: ${part("all")} of a core altogether; tab ${part("renderer")}, drawing ${part("GPU")}, browser ${part("browser")}`);
    };
    await measure("one live stream, at rest");
    // Another tab in front is what hides a page.
    await tab.evaluate(() => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await measure("the same, hidden");
    const blank = await browser.newPage();
    await tab.close();
    await blank.waitForTimeout(100);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const before = await cpu(session);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    say(`an empty tab: ${(((await cpu(session)).all - before.all) / seconds * 100).toFixed(2)} % of a core altogether`);
  } finally {
    await browser?.close();
    await encoder?.stop();
    await weir.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** CPU seconds so far, by kind of process. From the system: the protocol rounds to whole ones. */
async function cpu(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const spent = { all: 0 };
  for (const { id, type } of processInfo) {
    const [, rest] = /\) (.*)$/s.exec(readFileSync(`/proc/${id}/stat`, "utf8")) ?? [];
    const seconds = rest.split(" ").slice(11, 13).reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
    spent[type] = (spent[type] ?? 0) + seconds;
    spent.all += seconds;
  }
  return spent;
}
