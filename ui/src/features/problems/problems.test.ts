import { expect, test } from 'vitest';

import { expectAccessible, page, show } from '../../../test/page';
import { destination } from '../../../dev/parts';
import { locale } from '../../i18n/i18n.svelte';
import { Redactor } from './report';
import { kindOf } from './troubles';

test('what is wrong right now stands above what happened, with a way to put it right', async () => {
  await show('problems', {
    at: 'problems',
    change: (scene) => {
      const last_error = { code: 'key_refused', message: 'The destination refuses the stream key (denied).', hint: 'Copy it again.' };
      scene.destinations = [destination({ state: 'stopped', last_error })];
    },
  });
  await expect.element(page.getByRole('heading', { name: 'Wrong right now' })).toBeVisible();
  await expect.element(page.getByText('The destination refuses the stream key (denied).')).toBeVisible();
  await expect.element(page.getByRole('link', { name: 'To the destination' })).toHaveAttribute('href', '#/destinations');
  await expect.element(page.getByText('6 times')).toBeVisible();
});

test('a kind and words narrow the list, and all come back', async () => {
  await show('problems', { at: 'problems' });
  await page.getByLabelText('Search').fill('tls 192');
  await expect.element(page.getByText(/tried to connect with TLS/)).toBeVisible();
  expect(page.getByRole('listitem').getByText(/A second encoder/).elements()).toEqual([]);
  await page.getByRole('radio', { name: 'Recordings' }).click();
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect.element(page.getByText(/A second encoder was refused/).first()).toBeVisible();
});

test('a report can be copied, and holds neither address nor name', async () => {
  const host = await show('problems', { at: 'problems' });
  await page.getByRole('button', { name: 'Copy report', exact: true }).click();
  await expect.element(page.getByText('The report names no key, no address and no folder.')).toBeVisible();
  const [report] = host.copied;
  expect(report).toContain('Weir 0.1.0 (linux)');
  expect(report).toContain('stream_in_use');
  expect(report).toContain('6 times');
  expect(report).not.toMatch(/192\.168|127\.0\.0\.1|live\/stream/);
});

test('that the report was copied is forgotten after a moment, and a refusal stays', async () => {
  const host = await show('problems', { at: 'problems' });
  const copy = page.getByRole('button', { name: 'Copy report', exact: true });
  await copy.click();
  await expect.element(page.getByRole('button', { name: 'Report copied' })).toBeVisible();
  await expect.element(copy, { timeout: 4000 }).toBeVisible();
  host.copy = () => Promise.resolve(false);
  await copy.click();
  await expect.element(page.getByText('The report could not be copied.')).toBeVisible();
});

test.each([
  ['rtmp://live.example.org/app/secret?k=1 failed', 'rtmp://[hidden] failed'],
  ['10.0.0.1 and 10.0.0.2 and 10.0.0.1', '[address 1] and [address 2] and [address 1]'],
  ['fe80::1c2:3 left', '[address 1] left'],
  ['/home/mara/Videos/a.flv is full', '[folder]/a.flv is full'],
  ['key live_1234567890_abcdefgh', 'key [hidden]'],
  ['the name stream.nohost.invalid cannot be found', 'the name [address 1] cannot be found'],
  ['Studio.Example.org is gone', '[address 1] is gone'],
  ['NetStream.Publish.Denied, weir.toml, show.flv, e.g. 2.5 s.', 'NetStream.Publish.Denied, weir.toml, show.flv, e.g. 2.5 s.'],
  ['connection_refused after 12 seconds', 'connection_refused after 12 seconds'],
])('in a report %j becomes %j', (text, redacted) => expect(new Redactor().text(text)).toBe(redacted));

test('in another language the words come from the page, and the engine keeps its own beside them', async () => {
  locale.choose('de');
  await show('problems', { at: 'problems', change: (scene) => { if (scene.problems[1]) scene.problems[1].code = 'tls_on_rtmp_port'; } });
  await expect.element(page.getByText(/Ein Encoder versuchte eine verschlüsselte Verbindung/)).toBeVisible();
  await expect.element(page.getByText(/A program tried to connect with TLS/)).toBeVisible();
});

test('codes fall into kinds, and an unknown one is an attempt', () => {
  expect(['recording_failed', 'port_in_use', 'destination_failed', 'something_new'].map(kindOf)).toEqual([
    'recordings',
    'weir',
    'destinations',
    'attempts',
  ]);
});

test('new problems are counted in the navigation until they are looked at', async () => {
  await show('problems', { change: (scene) => (scene.status.started_at = '2026-11-22T09:00:00Z') });
  await expect.element(page.getByTitle('4 new problems')).toBeVisible();
  await page.getByRole('link', { name: /Problems/ }).click();
  await expect.element(page.getByTitle('4 new problems')).not.toBeInTheDocument();
});

test.each(['empty', 'problems', 'taken', 'loading'] as const)('%s is accessible', async (scene) => {
  await show(scene, { at: 'problems' });
  await expect.element(page.getByRole('heading', { name: 'Attempts and problems', level: 1 })).toBeVisible();
  await expectAccessible();
});
