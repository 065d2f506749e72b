/** The whole page before a made-up engine, and what a reader with other needs would find wrong with it. */
import axe from 'axe-core';
import { expect } from 'vitest';
import { page } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';

import { madeUpHost, type MadeUpHost } from '../dev/engine';
import { scenes, type Scene, type SceneName } from '../dev/scenes';
import App from '../src/app/App.svelte';
import { href, type PageId } from '../src/route.svelte';
import type { Host } from '../src/host/host';
import { appearance } from '../src/styles/theme.svelte';

interface Wanted {
  at?: PageId;
  /** What follows the page's name in the address. */
  rest?: string;
  kind?: Host['kind'];
  change?: (scene: Scene) => void;
}

export async function show(name: SceneName, { at = 'live', rest = '', kind = 'browser', change }: Wanted = {}): Promise<MadeUpHost> {
  location.hash = href(at, rest);
  const scene: Scene = { ...scenes[name](), still: true };
  change?.(scene);
  const host = madeUpHost(scene, kind);
  await render(App, { host });
  return host;
}

const ends = ({ effect }: Animation): boolean => effect?.getComputedTiming().endTime !== Infinity;

/** Fails on what axe calls serious or critical, in both themes. */
export async function expectAccessible(): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    appearance.choose(theme);
    // Colours fade from theme to theme; what counts is where they arrive.
    await Promise.all(document.getAnimations().filter(ends).map(({ finished }) => finished.catch(() => undefined)));
    // A film that is made up never loads, and axe would wait for it.
    const { violations } = await axe.run(document.body, { resultTypes: ['violations'], preload: { assets: ['cssom'] } });
    const found = violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${theme}: ${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
    expect(found).toEqual([]);
  }
}

export { page };
