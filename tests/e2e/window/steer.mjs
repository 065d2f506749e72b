// The window, steered through WebDriver.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Builder, By, Capabilities } from "selenium-webdriver";
import { root, until, within } from "../program.mjs";
import { driver } from "./display.mjs";

export const application = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug", "weir-desktop");

/** Opens the desktop program with these settings, as somebody who never did before. */
export async function open(context, { folder, env }, settings, program = application) {
  const recordings = join(folder, "recordings");
  mkdirSync(join(env.XDG_CONFIG_HOME, "weir"), { recursive: true });
  writeFileSync(join(env.XDG_CONFIG_HOME, "weir", "config.toml"), `${settings}\n[recording]\ndir = ${JSON.stringify(recordings)}\n`);
  const address = await driver(context, process.env.TAURI_DRIVER ?? join(root, ".cache", "tauri-driver", "bin", "tauri-driver"), env);
  const wanted = new Capabilities({ browserName: "wry", "tauri:options": { application: program } });
  // The driver takes a moment to listen.
  const window = await until("the window", () => new Builder().usingServer(address).withCapabilities(wanted).build());
  // A web process that hangs must not hang the test.
  context.after(() => within("the window to close", (resolve) => window.quit().then(resolve, resolve), 10_000).catch(() => {}));
  return { window, page: steer(window), recordings };
}

function steer(window) {
  const find = (xpath) => until(xpath, () => window.findElement(By.xpath(xpath)));
  return {
    run: (code, ...args) => window.executeScript(code, ...args),
    /** Runs code that calls its last argument when it is done. */
    wait: (code, ...args) => window.executeAsyncScript(code, ...args),
    click: (xpath) => until(`a click on ${xpath}`, async () => (await (await find(xpath)).click(), true)),
    type: async (xpath, text) => (await find(xpath)).sendKeys(text),
    /** Types in the place of what is there. */
    async fill(xpath, text) {
      const field = await find(xpath);
      await field.clear();
      await field.sendKeys(text);
    },
    text: async (xpath) => (await find(xpath)).getText(),
    picture: async () => Buffer.from(await window.takeScreenshot(), "base64"),
  };
}
