/** Streamer mode on every page: the screen may be in the picture. */
import { expect, test } from 'vitest';

import { page, show } from '../../test/page';
import type { SceneName } from '../../dev/scenes';
import { veil } from '../components/veil.svelte';
import type { PageId } from '../route.svelte';

/** Everything that is seen, or read aloud beside the microphone: text, what stands in fields, and the names of things. */
function told(): string[] {
  const all: string[] = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.parentElement?.closest('style, script')) all.push(node.textContent ?? '');
  }
  for (const element of document.querySelectorAll('body *')) {
    for (const name of ['title', 'aria-label', 'alt', 'placeholder', 'aria-valuetext']) all.push(element.getAttribute(name) ?? '');
    if (element instanceof HTMLInputElement && element.type !== 'password') all.push(element.value);
    if (element instanceof HTMLTextAreaElement) all.push(element.value);
  }
  return all.filter((text) => text.trim() !== '');
}

const ADDRESS = /\w+:\/\/\S|\b\d{1,3}(\.\d{1,3}){3}\b|\[?::1\]?|\/(home|srv|tmp)\/|\.(local|lan)\b|\b(twitch\.tv|youtube\.com|example\.org|facebook\.com)|horse battery|\b([0-9a-f]{4}[ :]){4}/i;
/** What a page says by itself, of no one's machine. */
const HARMLESS = /^(rtmp|rtmps|srt|https?):\/\/?$|for example rtmp:\/\/(live\.twitch\.tv\/app|example\.com\/app; with a login rtmp:\/\/user:password@example\.com\/app)$/;

const leaks = (): string[] => told().filter((text) => ADDRESS.test(text) && !HARMLESS.test(text.trim()));

const PLACES: [SceneName, PageId, string?][] = [
  ['empty', 'live'],
  ['network', 'live'],
  ['several', 'live'],
  ['taken', 'live'],
  ['live', 'live', 'live/stream'],
  ['destinations', 'destinations'],
  ['own', 'destinations'],
  ['live', 'recordings'],
  ['unreadable', 'recordings'],
  ['live', 'recordings', 'rules'],
  ['problems', 'problems'],
  ['secured', 'listeners'],
  ['srt', 'listeners'],
  ['network', 'listeners'],
  ['log', 'log'],
  ['live', 'settings'],
  ['live', 'settings', 'tuning'],
  ['broken', 'live'],
  ['locked', 'live'],
];

test.each(PLACES)('%s, %s %s: no address, no folder and no secret is told', async (scene, at, rest = '') => {
  veil.choose(true);
  await show(scene, { at, rest, kind: at === 'settings' ? 'window' : 'browser' });
  await expect.element(page.getByRole('main')).toBeVisible();
  await expect.poll(() => document.querySelectorAll('main [aria-busy="true"]').length).toBe(0);
  expect(leaks()).toEqual([]);
});

test('the same look finds them while the mode is off', async () => {
  await show('several');
  await expect.element(page.getByRole('article', { name: 'live/stream' })).toBeVisible();
  expect(told().some((text) => ADDRESS.test(text))).toBe(true);
});

test.each([
  ['the details of a destination', 'destinations', 'destinations', /^Numbers and errors of YouTube/],
  ['a destination being changed', 'destinations', 'destinations', /^Edit Second PC/],
  ['a hook being changed', 'secured', 'listeners', /^Edit Tell the chat/],
  ['how to trust the certificate', 'secured', 'listeners', /^How to trust it/],
  ['the phone', 'network', 'live', /^Use a phone/],
] as const)('%s tells none either', async (_, scene, at, button) => {
  veil.choose(true);
  await show(scene, { at });
  await page.getByText(button).or(page.getByRole('button', { name: button })).first().click();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(leaks()).toEqual([]);
});
