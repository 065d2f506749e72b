import { expect, test } from 'vitest';

import { expectAccessible, page, show } from '../../../test/page';

test('files show date, length, size and whether they are still written', async () => {
  await show('live', { at: 'recordings' });
  const rows = page.getByRole('listitem').filter({ hasText: '.flv' });
  await expect.element(rows.first()).toHaveTextContent(/live_stream_20261122_140450\.flv.*Recording.*25:10.*1\.1 GB/i);
  await expect.element(rows.nth(1)).toHaveTextContent(/2:03:04.*5\.5 GB/);
  await expect.element(rows.nth(2)).toHaveTextContent(/The disk is full\..*Stopped early/i);
  await expect.element(rows.nth(3)).toHaveTextContent(/Cut off/i);
});

test('a file that grows shows the newest numbers', async () => {
  const host = await show('live', { at: 'recordings' });
  await expect.element(page.getByText('25:10')).toBeVisible();
  host.emit({
    type: 'stats',
    stats: {
      at: '2026-11-22T14:30:01Z',
      totals: host.scene.status.totals,
      destinations: [],
      streams: [
        {
          path: 'live/stream',
          uptime_seconds: 1,
          bitrate: 1,
          fps: null,
          key_frame_interval_seconds: null,
          readers: 0,
          recording_bytes: 1_300_000_000,
          recording_seconds: 1511,
        },
      ],
    },
  });
  await expect.element(page.getByText('25:11')).toBeVisible();
  await expect.element(page.getByText('1.3 GB')).toBeVisible();
});

test('the window opens the folder, a browser copies its path', async () => {
  await show('live', { at: 'recordings', kind: 'window' });
  await expect.element(page.getByRole('button', { name: 'Open folder' })).toBeVisible();
});

test('a browser copies the path of the folder', async () => {
  const host = await show('live', { at: 'recordings' });
  await page.getByRole('button', { name: /^Copy/ }).click();
  expect(host.copied).toEqual(['/home/mara/Videos/Weir']);
});

test('a folder that cannot be read is told, and read again when asked', async () => {
  const host = await show('unreadable', { at: 'recordings' });
  await expect.element(page.getByText(/permission denied/)).toBeVisible();
  host.scene.failing = [];
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect.element(page.getByText('live_stream_20261122_140450.flv')).toBeVisible();
});

test.each(['empty', 'live', 'unreadable'] as const)('%s is accessible', async (scene) => {
  await show(scene, { at: 'recordings' });
  await expect.element(page.getByRole('heading', { name: 'Recordings', exact: true })).toBeVisible();
  await expectAccessible();
});
