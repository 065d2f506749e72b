// The keyboard as the only tool.
import assert from "node:assert/strict";

/** What a screen reader would call the thing with the focus. */
const NAME = () => {
  const it = document.activeElement;
  if (!it || it === document.body) return "";
  const spoken = it.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id)?.textContent?.trim()).join(" ");
  const copy = it.cloneNode(true);
  copy.querySelectorAll("[aria-hidden=true]").forEach((hidden) => hidden.remove());
  return (it.getAttribute("aria-label") ?? spoken ?? it.labels?.[0]?.textContent ?? copy.textContent ?? "").trim() || (it.getAttribute("title") ?? "");
};

/** Tab presses after which something cannot be reached. */
const FAR = 160;

export function keyboard(tab) {
  const press = async (...keys) => {
    for (const key of keys) await tab.keyboard.press(key);
  };
  const focus = () => tab.evaluate(NAME);

  /** Tabs on until the thing with this name has the focus; `back` goes the other way. */
  async function to(name, { back = false } = {}) {
    const wanted = name instanceof RegExp ? name : new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    const seen = [];
    for (let count = 0; count < FAR; count += 1) {
      const here = await focus();
      if (wanted.test(here)) return;
      seen.push(here);
      await press(back ? "Shift+Tab" : "Tab");
    }
    assert.fail(`the keyboard does not reach ${wanted}; it goes ${[...new Set(seen)].slice(-30).join(" | ")}`);
  }

  return {
    press,
    focus,
    to,
    type: (text) => tab.keyboard.type(text),
    /** Replaces what is in a field. */
    async fill(name, text) {
      await to(name);
      await press("Control+a");
      await tab.keyboard.type(text);
    },
    /** Presses a button or follows a link. */
    async use(name, key = "Enter") {
      await to(name);
      await press(key);
    },
    /** Goes down a list of choices until this one is chosen. */
    async choose(name, option) {
      await to(name);
      const shown = () => tab.evaluate(() => document.activeElement.selectedOptions[0].textContent.trim());
      await press("Home");
      for (let count = 0; (await shown()) !== option; count += 1) {
        assert.ok(count < 20, `${name} has no ${option}`);
        await press("ArrowDown");
      }
    },
    /** To a page by its link in the navigation. */
    async page(name, title = name) {
      await to(new RegExp(`^${name}`));
      await press("Enter");
      await tab.getByRole("heading", { level: 1, name: title }).waitFor();
    },
  };
}
