import { beforeEach, describe, expect, test } from 'vitest';

import { sparse, stream } from '../../../dev/parts';
import type { StreamEvent, StreamSeries } from '../../api/model';
import { locale } from '../../i18n/i18n.svelte';
import { expectAccessible, page, show } from '../../../test/page';
import { extended, retold } from '../../engine/past.svelte';

const series = (times: number[]): StreamSeries => ({
  step_seconds: 1,
  times,
  bitrate: times.map((time) => time * 10),
  fps: times,
  key_frame_interval_seconds: times,
  behind_seconds: times,
  readers: times,
});

const event = (changes: Partial<StreamEvent>): StreamEvent => ({ at: '1', code: 'player_joined', subject: 'a', message: null, reason: null, count: 1, ...changes });

test('a series takes what is newer and forgets the oldest', () => {
  const next = extended(series([1, 2, 3]), series([3, 4, 5]), 4);
  expect(next.times).toEqual([2, 3, 4, 5]);
  expect(next.bitrate).toEqual([20, 30, 40, 50]);
  expect(extended(next, series([5]), 4)).toBe(next);
});

test('a line that gathers is told once, with its latest count', () => {
  const known = [event({ code: 'publish_started', at: '0' }), event({})];
  expect(retold(known, [event({ at: '2', count: 5 })])).toEqual([known[0], event({ at: '2', count: 5 })]);
  expect(retold(known, [event({})])).toHaveLength(2);
});

describe('the page of a stream', () => {
  beforeEach(() => {
    location.hash = '';
  });

  const open = (change?: Parameters<typeof show>[1]): ReturnType<typeof show> => show('live', { ...change, rest: 'live/stream' });

  test('a card leads to it, and back', async () => {
    await show('live');
    await page.getByRole('link', { name: 'live/stream' }).click();
    await expect.element(page.getByRole('heading', { level: 1, name: 'live/stream' })).toBeVisible();
    expect(location.hash).toBe('#/live/live/stream');
    await page.getByRole('main').getByRole('link', { name: 'Live', exact: true }).click();
    await expect.element(page.getByRole('heading', { level: 1, name: 'Live' })).toBeVisible();
  });

  test('tracks, charts and what happened are shown', async () => {
    await open();
    await expect.element(page.getByText('H.264 High, level 4.2')).toBeVisible();
    await expect.element(page.getByText('1920 × 1080 · 60.0 fps · key frames every 2.0 s')).toBeVisible();
    await expect.element(page.getByRole('img', { name: /^Bitrate, now/ })).toBeVisible();
    await expect.element(page.getByText('YouTube was lost and is tried again')).toBeVisible();
    await expect.element(page.getByText('Everything is good again')).toBeVisible();
    await page.getByRole('radio', { name: 'Whole session' }).click();
    await expect.element(page.getByRole('radio', { name: 'Whole session' })).toBeChecked();
    await expectAccessible();
  });

  test('a player is disconnected, a destination is not', async () => {
    const host = await open();
    await page.getByRole('button', { name: 'Disconnect 127.0.0.1:50010' }).first().click();
    await expect.poll(() => host.asked).toEqual([{ method: 'DELETE', path: '/streams/live%2Fstream/readers/r1', body: undefined }]);
    expect(page.getByRole('button', { name: 'Disconnect Twitch' }).elements()).toEqual([]);
  });

  test('the encoder is disconnected after a question', async () => {
    const host = await open();
    await page.getByRole('button', { name: 'Disconnect encoder' }).click();
    await expect.element(page.getByRole('alertdialog')).toBeVisible();
    expect(host.asked).toEqual([]);
    await page.getByRole('alertdialog').getByRole('button', { name: 'Disconnect encoder' }).click();
    await expect.poll(() => host.asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['DELETE /streams/live%2Fstream/publisher']);
  });

  test('sound is asked for only by a press', async () => {
    const host = await open();
    await expect.poll(() => host.pictures.map(({ wanted }) => wanted)).toEqual([{ mode: 'frames', audio: false }]);
    await page.getByRole('button', { name: 'Sound' }).click();
    await expect.poll(() => host.pictures.map(({ wanted }) => wanted)).toEqual([{ mode: 'segments', audio: true }]);
  });

  test('what is wrong is said with what to do, in both languages', async () => {
    await open({ change: (scene) => (scene.streams = [stream({ health: sparse(8.3) })]) });
    await expect.element(page.getByText('In OBS: Settings → Output → Keyframe Interval = 2 s.')).toBeVisible();
    locale.choose('de');
    await expect.element(page.getByText(/Keyframes alle 8,3 s/)).toBeVisible();
    await expect.element(page.getByText('In OBS: Einstellungen → Ausgabe → Keyframe-Intervall = 2 s.')).toBeVisible();
  });

  test('every address to play it has a copy field', async () => {
    const host = await show('network', {
      rest: 'live/stream',
      change: (scene) => {
        scene.streams.push(stream());
        scene.status.ingest.push({ listener_id: 'srt', protocol: 'srt', server: 'srt://192.168.1.23:10080', key: 'publish:live/stream', reach: 'network' });
      },
    });
    await page.getByRole('button', { name: 'Copy: RTMP, from another device' }).click();
    await page.getByRole('button', { name: 'Copy: SRT, from another device' }).click();
    expect(host.copied).toEqual(['rtmp://192.168.1.23:1935/live/stream', 'srt://192.168.1.23:10080?streamid=read:live/stream']);
    await page.getByRole('button', { name: /^QR code for srt/ }).click();
    await expect.element(page.getByRole('dialog').getByRole('img', { name: /^QR code for srt/ })).toBeVisible();
  });

  test('what happened is told in the language of the page, with its reasons', async () => {
    locale.choose('de');
    await show('live', { rest: 'live/stream' });
    const story = page.getByRole('region', { name: 'Was geschah' });
    await expect.element(story.getByText('Das Ziel hat die Verbindung geschlossen.')).toBeVisible();
    await expect.element(story.getByText('der Encoder hat sich verabschiedet')).toBeVisible();
    expect(story.getByText(/the publisher left|closed the connection/).elements()).toEqual([]);
  });

  test('a destination that was never live is not told as lost, and its attempts are one line', async () => {
    await show('live', { rest: 'live/stream' });
    const lines = page.getByRole('region', { name: 'What happened' }).getByRole('listitem');
    await expect.element(lines.first()).toHaveTextContent(/Second PC could not be reached and is tried again · 24 times/);
    await expect.element(lines.nth(1)).toHaveTextContent(/My server did not take the stream and is tried again/);
    expect(lines.filter({ hasText: 'was lost' }).elements()).toHaveLength(1);
    expect(lines.filter({ hasText: /YouTube was lost/ }).elements()).toHaveLength(1);
  });

  test('where only RTMPS listens that is the way to play it', async () => {
    const host = await show('network', {
      rest: 'live/stream',
      change: (scene) => {
        scene.streams.push(stream());
        scene.status.ingest = [{ listener_id: 'rtmps', protocol: 'rtmps', server: 'rtmps://192.168.1.23:1936/live', key: 'stream', reach: 'network' }];
      },
    });
    await page.getByRole('button', { name: 'Copy: RTMPS, from another device' }).click();
    expect(host.copied).toEqual(['rtmps://192.168.1.23:1936/live/stream']);
    location.hash = '#/';
    await expect.element(page.getByRole('article', { name: 'live/stream' }).getByText('rtmps://192.168.1.23:1936/live/stream')).toBeVisible();
  });

  test('a stream that is not there is told, and how it comes', async () => {
    await show('live', { rest: 'live/other' });
    await expect.element(page.getByRole('heading', { name: 'There is no stream live/other' })).toBeVisible();
    await expectAccessible();
  });
});
