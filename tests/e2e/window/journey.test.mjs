// The real window: the desktop program with its web view, steered through WebDriver on a display of its own.
import { test } from "node:test";
import { SETTINGS, journey, pictured } from "../journey.mjs";
import { display } from "./display.mjs";
import { open } from "./steer.mjs";

test("a streamer's first day in the window", { timeout: 240_000 }, async (context) => {
  const { page, recordings } = await open(context, await display(context), SETTINGS);
  await pictured("window", page, () => journey({ name: "window", page, recordings, context }));
});
