import { expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';

import { expectAccessible, page, show } from '../../test/page';

test('an engine that does not answer is told, and found again by itself', async () => {
  const host = await show('lost');
  await expect.element(page.getByRole('heading', { name: 'Weir does not answer' })).toBeVisible();
  await expectAccessible();
  host.scene.link = 'live';
  await expect.element(page.getByRole('heading', { name: 'Waiting for your encoder' })).toBeVisible();
});

test('a lost connection keeps what was known on the page', async () => {
  const host = await show('live');
  await expect.element(page.getByRole('article', { name: 'live/stream' })).toBeVisible();
  host.scene.link = 'lost';
  host.drop();
  await expect.element(page.getByText(/The connection to Weir is lost/)).toBeVisible();
  await expect.element(page.getByRole('article', { name: 'live/stream' })).toBeVisible();
  // Pressed while it is still lost: once it is back, the page would find it by itself before the press.
  await page.getByRole('button', { name: 'Try again' }).click();
  host.scene.link = 'live';
  await expect.element(page.getByText(/The connection to Weir is lost/)).not.toBeInTheDocument();
});

test('an engine that cannot start says why', async () => {
  await show('broken');
  await expect.element(page.getByText(/config\.toml, line 3/)).toBeVisible();
  await expectAccessible();
});

test('beside every page stands whether an encoder can come', async () => {
  const host = await show('off');
  const nav = page.getByRole('navigation');
  await expect.element(nav.getByText('No way in for encoders')).toBeVisible();
  host.scene.listeners.forEach((listener) => (listener.state = 'listening'));
  host.emit({ type: 'changed', topics: ['listeners'] });
  await expect.element(nav.getByText('Ready for your encoder')).toBeVisible();
});

test('a page without its token asks for it', async () => {
  const host = await show('locked');
  const tokens: string[] = [];
  host.useToken = (token) => tokens.push(token);
  await expect.element(page.getByRole('heading', { name: 'This page needs the token' })).toBeVisible();
  // Without it there is nowhere to go, and the connection is not what is wrong.
  expect(page.getByRole('navigation').elements()).toEqual([]);
  expect(document.body.textContent).not.toContain('No connection to Weir');
  await page.getByLabelText('Token', { exact: true }).fill('abc');
  await page.getByRole('button', { name: 'Open' }).click();
  expect(tokens).toEqual(['abc']);
  await expectAccessible();
  expect(page.getByText('Weir did not accept this token.').elements()).toEqual([]);
});

test('every page is reached by keyboard, is named, and takes the focus', async () => {
  await show('live');
  const named = [
    ['Destinations', 'Destinations'],
    ['Recordings', 'Recordings'],
    ['Problems', 'Attempts and problems'],
    ['Listeners', 'Listeners & security'],
    ['Log', 'Log'],
    ['Settings', 'Settings'],
    ['Live', 'Live'],
  ] as const;
  for (const [link, name] of named) {
    await expect.element(page.getByRole('link', { name: link, exact: true })).toBeVisible();
    (page.getByRole('link', { name: link, exact: true }).element() as HTMLElement).focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('heading', { name, level: 1 })).toBeVisible();
    await expect.element(page.getByRole('link', { name: link, exact: true })).toHaveAttribute('aria-current', 'page');
    await expect.poll(() => document.activeElement?.id).toBe('main');
  }
});

test.each([
  [380, 'live'],
  [380, 'destinations'],
  [380, 'recordings'],
  [380, 'problems'],
  [380, 'listeners'],
  [380, 'log'],
  [380, 'settings'],
  [800, 'live'],
  [2560, 'live'],
] as const)('at %i px the page %s does not scroll sideways', async (width, at) => {
  await page.viewport(width, 800);
  try {
    await show('destinations', { at });
    await expect.element(page.getByRole('heading', { level: 1 })).toBeVisible();
    expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
  } finally {
    await page.viewport(1280, 800);
  }
});

test('on a phone the pages that are needed less are behind a button', async () => {
  await page.viewport(380, 800);
  try {
    await show('empty');
    await expect.element(page.getByRole('link', { name: 'Log' })).not.toBeInTheDocument();
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('link', { name: 'Log' }).click();
    await expect.element(page.getByRole('heading', { name: 'Log', level: 1 })).toBeVisible();
    await expect.element(page.getByRole('link', { name: 'Log' })).not.toBeInTheDocument();
    await expectAccessible();
  } finally {
    await page.viewport(1280, 800);
  }
});

test('one key goes to a page, hides secrets, and lists the keys', async () => {
  await show('empty');
  await expect.element(page.getByRole('heading', { name: 'Live', level: 1 })).toBeVisible();
  await userEvent.keyboard('4');
  await expect.element(page.getByRole('heading', { name: 'Attempts and problems', level: 1 })).toBeVisible();
  await userEvent.keyboard('h');
  await expect.element(page.getByText('Streamer mode is on')).toBeVisible();
  await userEvent.keyboard('?');
  await expect.element(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await expectAccessible();
});

test('shortcuts are letters while one types, and nothing when switched off', async () => {
  await show('problems', { at: 'problems' });
  await page.getByRole('searchbox').fill('');
  await userEvent.keyboard('4n');
  await expect.element(page.getByRole('searchbox')).toHaveValue('4n');
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('switch', { name: 'Use keyboard shortcuts' }).click();
  await userEvent.keyboard('1');
  await expect.element(page.getByRole('heading', { name: 'Settings', level: 1 })).toBeVisible();
});
