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
  host.scene.link = 'live';
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect.element(page.getByText(/The connection to Weir is lost/)).not.toBeInTheDocument();
});

test('an engine that cannot start says why', async () => {
  await show('broken');
  await expect.element(page.getByText(/config\.toml, line 3/)).toBeVisible();
  await expectAccessible();
});

test('a page without its token asks for it', async () => {
  const host = await show('locked');
  const tokens: string[] = [];
  host.useToken = (token) => tokens.push(token);
  await page.getByLabelText('Token', { exact: true }).fill('abc');
  await page.getByRole('button', { name: 'Open' }).click();
  expect(tokens).toEqual(['abc']);
  await expectAccessible();
  expect(page.getByText('Weir did not accept this token.').elements()).toEqual([]);
});

test('every page is reached by keyboard, is named, and takes the focus', async () => {
  await show('live');
  for (const name of ['Destinations', 'Recordings', 'Settings', 'Live']) {
    await expect.element(page.getByRole('link', { name, exact: true })).toBeVisible();
    (page.getByRole('link', { name, exact: true }).element() as HTMLElement).focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('heading', { name, level: 1 })).toBeVisible();
    await expect.element(page.getByRole('link', { name, exact: true })).toHaveAttribute('aria-current', 'page');
    await expect.poll(() => document.activeElement?.id).toBe('main');
  }
});

test.each([
  [380, 'live'],
  [380, 'destinations'],
  [380, 'recordings'],
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
