import { expect, test } from 'vitest';

import { expectAccessible, page, show } from '../../../test/page';
import { guide } from './guide.svelte';

test('who starts Weir for the first time is led through three steps', async () => {
  guide.state = 'new';
  const host = await show('empty');
  await expect.element(page.getByRole('heading', { name: 'Three steps, and you are live' })).toBeVisible();
  await expectAccessible();
  await page.getByRole('button', { name: 'Record everything' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/settings', body: { record_all: true } }]);
  host.scene.settings.record_all = true;
  host.emit({ type: 'changed', topics: ['settings'] });
  await expect.element(page.getByRole('heading', { name: /Record ?, done/ })).toBeVisible();
  await page.getByRole('button', { name: 'Add destination' }).click();
  expect(location.hash).toBe('#/destinations/add');
});

test('the guide is sent away once and for all', async () => {
  guide.state = 'new';
  await show('empty');
  await page.getByRole('button', { name: 'Close the guide' }).click();
  await expect.element(page.getByRole('heading', { name: 'Three steps, and you are live' })).not.toBeInTheDocument();
  expect(localStorage.getItem('weir.guide')).toBe('done');
});

test('who has destinations already never sees it', async () => {
  guide.state = 'new';
  await show('live');
  await expect.element(page.getByRole('article', { name: 'live/stream' })).toBeVisible();
  expect(guide.state).toBe('done');
});
