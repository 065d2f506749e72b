// The real window: the desktop program with its web view, steered through WebDriver on a display of its own.
import { test } from "node:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Builder, By, Capabilities } from "selenium-webdriver";
import { SETTINGS, journey, pictured } from "../journey.mjs";
import { root, until, within } from "../program.mjs";
import { display, driver } from "./display.mjs";

const application = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", "weir-desktop");

async function open(context, address) {
  const wanted = new Capabilities({ browserName: "wry", "tauri:options": { application } });
  // The driver takes a moment to listen.
  const window = await until("the window", () => new Builder().usingServer(address).withCapabilities(wanted).build());
  // A web process that hangs must not hang the test.
  context.after(() => within("the window to close", (resolve) => window.quit().then(resolve, resolve), 10_000).catch(() => {}));
  return window;
}

function steer(window) {
  const find = (xpath) => until(xpath, () => window.findElement(By.xpath(xpath)));
  return {
    run: (code) => window.executeScript(code),
    click: async (xpath) => (await find(xpath)).click(),
    type: async (xpath, text) => (await find(xpath)).sendKeys(text),
    picture: async () => Buffer.from(await window.takeScreenshot(), "base64"),
  };
}

test("a streamer's first day in the window", { timeout: 240_000 }, async (context) => {
  const { folder, env } = await display(context);
  const recordings = join(folder, "recordings");
  mkdirSync(join(env.XDG_CONFIG_HOME, "weir"), { recursive: true });
  writeFileSync(join(env.XDG_CONFIG_HOME, "weir", "config.toml"), `${SETTINGS}\n[recording]\ndir = ${JSON.stringify(recordings)}\n`);
  const address = await driver(context, process.env.TAURI_DRIVER ?? join(root, ".cache", "tauri-driver", "bin", "tauri-driver"), env);
  const window = await open(context, address);
  const page = steer(window);
  await pictured("window", page, () => journey({ name: "window", page, recordings, context }));
});
