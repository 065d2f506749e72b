import { describe, expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';

import { expectAccessible, page, show } from '../../../test/page';
import { destination } from '../../../dev/scenes';
import { addressProblem, asPatch, draftOf } from './draft';

const add = () => page.getByRole('button', { name: 'Add destination' });

describe('adding', () => {
  test('sends what was typed, and the key stays hidden until asked for', async () => {
    const host = await show('empty', { at: 'destinations' });
    await add().click();
    await page.getByLabelText('Server address').fill(' rtmp://live.twitch.tv/app ');
    const key = page.getByLabelText('Stream key', { exact: true });
    await key.fill('live_123');
    await expect.element(key).toHaveAttribute('type', 'password');
    await page.getByRole('button', { name: 'Show the stream key' }).click();
    await expect.element(key).toHaveAttribute('type', 'text');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await expect.element(page.getByRole('dialog')).not.toBeInTheDocument();
    expect(host.asked).toEqual([
      { method: 'POST', path: '/destinations', body: { url: 'rtmp://live.twitch.tv/app', key: 'live_123' } },
    ]);
  });

  test('works by keyboard alone', async () => {
    const host = await show('empty', { at: 'destinations' });
    await expect.element(add()).toBeVisible();
    (add().element() as HTMLElement).focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('dialog')).toBeVisible();
    await page.getByLabelText('Server address').fill('rtmp://example.org/live/abc');
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('dialog')).not.toBeInTheDocument();
    expect(host.asked[0]?.body).toEqual({ url: 'rtmp://example.org/live/abc' });
  });

  test('tells what is wrong with an address before asking the engine', async () => {
    const host = await show('empty', { at: 'destinations' });
    await add().click();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await expect.element(page.getByText('The address of the server is missing.')).toBeVisible();
    await page.getByLabelText('Server address').fill('https://twitch.tv/me');
    await expect.element(page.getByText(/the address of a web page/)).toBeVisible();
    expect(host.asked).toEqual([]);
  });

  test('shows what the engine says about it and keeps what was typed', async () => {
    const refusal = { code: 'invalid_value' as const, message: 'The port 99999 does not exist.', hint: 'Leave it out.' };
    await show('empty', { at: 'destinations', change: (scene) => (scene.refusal = refusal) });
    await add().click();
    await page.getByLabelText('Server address').fill('rtmp://example.org:99999/live');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await expect.element(page.getByText('The port 99999 does not exist.')).toBeVisible();
    await expect.element(page.getByLabelText('Server address')).toHaveValue('rtmp://example.org:99999/live');
  });

  test.each([
    ['', 'form.url.missing'],
    ['live.twitch.tv/app', 'form.url.scheme'],
    ['rtmp://', 'form.url.scheme'],
    ['http://a/b', 'form.url.web'],
    ['RTMP://a/b', undefined],
  ])('an address %j is answered with %s', (url, problem) => expect(addressProblem(url)).toBe(problem));
});

test('an edit sends only what was changed, never a masked address', () => {
  const kept = destination({ url: 'rtmp://a/live/•••', name: 'A' });
  expect(asPatch(draftOf(kept), kept)).toEqual({});
  expect(asPatch({ ...draftOf(kept), name: 'B', key: 'k', streams: 'live/x' }, kept)).toEqual({
    name: 'B',
    key: 'k',
    streams: 'live/x',
  });
});

test('every state is told in a word of its own', async () => {
  await show('destinations', { at: 'destinations' });
  for (const word of ['live', 'trying again in 8 s', 'stopped', 'off']) {
    await expect.element(page.getByRole('listitem').getByText(word, { exact: true }).first()).toBeVisible();
  }
  await expect.element(page.getByText('The server refused the stream key.')).toBeVisible();
});

test('a destination is switched off, tried again and removed after a question', async () => {
  const host = await show('destinations', { at: 'destinations' });
  await page.getByRole('switch', { name: 'Send to Twitch' }).click();
  await page.getByRole('listitem', { name: 'YouTube' }).getByRole('button', { name: 'Try now' }).click();
  await page.getByRole('button', { name: 'Remove Facebook' }).click();
  await expect.element(page.getByRole('alertdialog')).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect.element(page.getByRole('alertdialog')).not.toBeInTheDocument();
  await page.getByRole('button', { name: 'Remove Facebook' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
  await expect.element(page.getByRole('alertdialog')).not.toBeInTheDocument();
  expect(host.asked).toEqual([
    { method: 'PATCH', path: '/destinations/d1', body: { enabled: false } },
    { method: 'POST', path: '/destinations/d2/retry', body: undefined },
    { method: 'DELETE', path: '/destinations/d3', body: undefined },
  ]);
});

test.each(['empty', 'destinations'] as const)('%s is accessible', async (scene) => {
  await show(scene, { at: 'destinations' });
  await expect.element(add()).toBeVisible();
  await expectAccessible();
});

test('the form is accessible', async () => {
  await show('several', { at: 'destinations' });
  await add().click();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expectAccessible();
});
