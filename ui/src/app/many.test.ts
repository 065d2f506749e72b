/** Many of everything: a wall of streams, a long folder, an evening of problems. */
import { expect, test } from 'vitest';

import { destination, problem, recording, stream } from '../../dev/parts';
import { page, show } from '../../test/page';

const LONG = 'live/ein-sehr-langer-name-ohne-jede-stelle-an-der-er-umbrechen-koennte-von-jemandem-der-es-gut-meinte';

test('fifty streams and their destinations are shown, and a second of numbers is no work', async () => {
  const streams = Array.from({ length: 50 }, (_, number) => stream({ path: number === 0 ? LONG : `live/camera${number}` }));
  const destinations = streams.map(({ path }, number) => destination({ id: `d${number}`, name: `Service ${number}`, streams: path, sending: path, state: 'live', bitrate: 6e6 }));
  const host = await show('live', { change: (scene) => Object.assign(scene, { streams, destinations }) });
  await expect.element(page.getByRole('article', { name: 'live/camera49' })).toBeInTheDocument();
  expect(page.getByRole('article').elements()).toHaveLength(50);
  expect(host.pictures.length).toBeLessThan(20);
  expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(innerWidth);

  const ROUNDS = 20;
  let spent = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const numbers = streams.map(({ path }) => ({ path, uptime_seconds: 5025 + round, bitrate: 6e6 + round * 1000, fps: 60, key_frame_interval_seconds: 2, readers: 3, recording_bytes: null, recording_seconds: null, recording_time_left_seconds: null }));
    const began = performance.now();
    host.emit({ type: 'stats', stats: { at: new Date(host.scene.startedAt + round * 1000).toISOString(), totals: host.scene.status.totals, streams: numbers, destinations: [] } });
    await Promise.resolve();
    spent += performance.now() - began;
    await new Promise(requestAnimationFrame);
  }
  expect(spent / ROUNDS).toBeLessThan(100);
});

test.each([380, 1280])('long names break or are cut, and nothing is wider than a page of %d', async (width) => {
  await page.viewport(width, 800);
  const name = `${LONG.replace('/', '_')}.flv`;
  await show('live', {
    change: (scene) => {
      scene.streams = [stream({ path: LONG })];
      scene.destinations = [destination({ name: LONG, url: `rtmp://${LONG.replace('/', '.')}/app`, state: 'retrying', retry_in_seconds: 5, last_error: { code: 'x', message: LONG, hint: LONG } })];
      scene.recordings.recordings = [recording({ id: name, file_name: name, stream: LONG })];
      scene.problems = [problem({ message: LONG, hint: LONG, stream: LONG })];
    },
  });
  for (const place of ['', `live/${LONG}`, 'destinations', 'recordings', 'problems', 'log', 'listeners', 'settings']) {
    location.hash = `#/${place}`;
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect([place, document.documentElement.scrollWidth]).toEqual([place, width]);
  }

  location.hash = '#/recordings';
  await page.getByRole('button', { name: `Play ${name}` }).click();
  const close = await page.getByRole('dialog').getByRole('button', { name: 'Close' }).findElement();
  const { left, right } = close.getBoundingClientRect();
  expect(left > 0 && right <= width, `${left} to ${right}`).toBe(true);
  await page.viewport(1280, 800);
});

test('a folder of a thousand recordings is shown in pieces', async () => {
  await show('live', {
    at: 'recordings',
    change: (scene) => {
      scene.recordings.recordings = Array.from({ length: 1000 }, (_, number) => recording({ id: `${number}.flv`, file_name: `${number}.flv`, has_picture: false }));
      scene.recordings.total = 1000;
    },
  });
  const items = page.getByRole('list', { name: 'Recordings' }).getByRole('listitem');
  await expect.poll(() => items.elements().length).toBe(60);
  await page.getByRole('button', { name: 'Show 940 more' }).click();
  await expect.poll(() => items.elements().length).toBe(120);
  await page.getByRole('searchbox').fill('999');
  await expect.poll(() => items.elements().length).toBe(1);
});
