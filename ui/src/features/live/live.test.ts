import { describe, expect, test } from 'vitest';

import { stream } from '../../../dev/parts';
import type { Track } from '../../api/model';
import { expectAccessible, page, show } from '../../../test/page';
import { veil } from '../../components/veil.svelte';
import { locale } from '../../i18n/i18n.svelte';
import { codecLine } from '../../parts/tracks';

describe('with nothing live', () => {
  test('the address and the key for the encoder are copied by a press', async () => {
    const host = await show('empty');
    await expect.element(page.getByText('rtmp://localhost:1935/live')).toBeVisible();
    await page.getByRole('button', { name: 'Copy: Server' }).click();
    await page.getByRole('button', { name: 'Copy: Stream key' }).click();
    expect(host.copied).toEqual(['rtmp://localhost:1935/live', 'stream']);
    await expect.element(page.getByText('Copied').first()).toBeVisible();
  });

  test('waiting turns into the live stream by itself', async () => {
    const host = await show('empty');
    await expect.element(page.getByRole('heading', { name: 'Waiting for your encoder' })).toBeVisible();
    host.scene.streams.push(stream());
    host.emit({ type: 'changed', topics: ['streams'] });
    await expect.element(page.getByRole('article', { name: 'live/stream' })).toBeVisible();
    await expect.element(page.getByText('1920 × 1080')).toBeVisible();
    expect(page.getByRole('heading', { name: 'Waiting for your encoder' }).elements()).toEqual([]);
  });

  test('a taken port names the program and offers another port', async () => {
    const host = await show('taken');
    await expect.element(page.getByText('nginx (process 4312) uses port 1935, so your encoder cannot reach Weir.')).toBeVisible();
    await page.getByRole('button', { name: 'Use port 1936 instead' }).click();
    expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { port: 1936, enabled: true } }]);
  });

  test('a listener that is off can be switched on', async () => {
    const host = await show('off');
    await page.getByRole('button', { name: 'Switch on' }).click();
    expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { enabled: true } }]);
  });

  test('a refused attempt is told in words as it happens', async () => {
    const host = await show('empty');
    await expect.element(page.getByText('Waiting for your encoder')).toBeVisible();
    const problem = {
      id: 9,
      at: '2026-11-22T14:30:00Z',
      count: 1,
      code: 'new_in_a_later_version',
      message: 'An encoder was refused.',
      hint: 'Do this.',
      stream: null,
      remote: '192.168.1.9:1',
    };
    host.emit({ type: 'problem', problem });
    await expect.element(page.getByText('An encoder was refused.')).toBeVisible();
    host.emit({ type: 'problem', problem: { ...problem, count: 2 } });
    await expect.element(page.getByText('2 times')).toBeVisible();
    expect(page.getByText('An encoder was refused.').elements()).toHaveLength(1);
  });
});

test('every further way in is told with what it is for, and copied by a press', async () => {
  const host = await show('network', {
    change: (scene) => {
      for (const [server, reach] of [['srt://127.0.0.1:10080', 'this_computer'], ['srt://192.168.1.23:10080', 'network']] as const) {
        scene.status.ingest.push({ listener_id: 'srt', protocol: 'srt', server, key: 'publish:live/stream', reach });
      }
    },
  });
  for (const where of ['RTMP, from another device', 'SRT, on this computer', 'SRT, from another device']) {
    await page.getByRole('button', { name: `Copy: ${where}` }).click();
  }
  expect(host.copied).toEqual([
    'rtmp://192.168.1.23:1935/live',
    'srt://127.0.0.1:10080?streamid=publish:live/stream',
    'srt://192.168.1.23:10080?streamid=publish:live/stream',
  ]);
});

describe('with a stream', () => {
  test('the card follows the numbers of every second', async () => {
    const host = await show('live');
    await expect.element(page.getByText('1:23:45')).toBeVisible();
    host.emit({
      type: 'stats',
      stats: {
        at: '2026-11-22T14:30:01Z',
        totals: host.scene.status.totals,
        destinations: [],
        streams: [
          {
            path: 'live/stream',
            uptime_seconds: 5026,
            bitrate: 4_321_000,
            fps: 59.94,
            key_frame_interval_seconds: 6,
            readers: 3,
            recording_bytes: 2_000_000_000,
            recording_seconds: 3600,
            recording_time_left_seconds: 7200,
          },
        ],
      },
    });
    await expect.element(page.getByText('4.32', { exact: true })).toBeVisible();
    await expect.element(page.getByText('1:23:46')).toBeVisible();
    await expect.element(page.getByText('59.9 fps')).toBeVisible();
    await expect.element(page.getByText('1:00:00 · 2.0 GB')).toBeVisible();
    await expect.element(page.getByText('room for 2 hours')).toBeVisible();
  });

  test('a recording is started and stopped, and the slash of the path is escaped', async () => {
    const host = await show('live', { change: (scene) => scene.streams.forEach((one) => (one.recording = null)) });
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    host.scene.streams[0] = stream({
      recording: { file_name: 'a.flv', started_at: '', duration_seconds: 0, size_bytes: 0, time_left_seconds: null, failure: null },
    });
    host.emit({ type: 'changed', topics: ['streams'] });
    await page.getByRole('button', { name: 'Stop recording' }).click();
    expect(host.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /streams/live%2Fstream/record',
      'DELETE /streams/live%2Fstream/record',
    ]);
  });

  test('each destination is a chip with its state in words, and why it stopped', async () => {
    await show('destinations', {
      change: (scene) => {
        const error = { code: 'connection_refused', message: '203.0.113.7:1935 takes no connection.', hint: '' };
        for (const leg of scene.destinations) if (leg.state === 'retrying') leg.last_error = error;
      },
    });
    const legs = page.getByRole('article', { name: 'live/stream' }).getByRole('list', { name: 'Destinations of this stream' });
    for (const words of ['Twitch: live', 'YouTube: trying again in 8 s', 'Facebook: stopped, key refused']) {
      await expect.element(legs.getByRole('link', { name: words })).toHaveAttribute('href', '#/destinations');
    }
    const broken = legs.getByRole('listitem').filter({ hasText: 'YouTube' });
    await expect.element(broken).toHaveAttribute('title', '203.0.113.7:1935 takes no connection.');
    veil.choose(true);
    await expect.element(broken).toHaveAttribute('title', expect.not.stringMatching(/203/));
    locale.choose('de');
    await expect.element(page.getByRole('link', { name: 'Facebook: angehalten, Schlüssel abgelehnt' })).toBeVisible();
  });

  test('a recording that failed says why', async () => {
    const failure = { code: 'disk_full', message: 'The disk is full.', hint: 'Make room.' };
    await show('live', {
      change: (scene) => {
        const [first] = scene.streams;
        if (first?.recording) first.recording.failure = failure;
      },
    });
    await expect.element(page.getByRole('alert').getByText('The disk is full.')).toBeVisible();
    await expect.element(page.getByRole('button', { name: 'Record', exact: true })).toBeVisible();
  });

  test('a change the engine refuses is told beside the button', async () => {
    const refusal = { code: 'invalid_value' as const, message: 'The folder is read-only.', hint: 'Choose another.', setting: null };
    await show('live', { change: (scene) => (scene.refusal = refusal) });
    await page.getByRole('button', { name: 'Stop recording' }).click();
    await expect.element(page.getByRole('alert').getByText('The folder is read-only.')).toBeVisible();
  });

  test('the picture is told with its level, as far as the stream tells', async () => {
    await show('live');
    await expect.element(page.getByText('H.264 High, level 4.2', { exact: true })).toBeVisible();
    locale.choose('de');
    await expect.element(page.getByText('H.264 High, Level 4.2', { exact: true })).toBeVisible();
    const video = stream().tracks[0] as Track;
    expect(codecLine({ ...video, profile: null })).toBe('H.264, Level 4.2');
    expect(codecLine({ ...video, level: null })).toBe('H.264 High');
    expect(codecLine({ ...video, profile: null, level: null })).toBe('H.264');
  });

  test('the address to watch is that of the stream itself, copied by a press', async () => {
    const host = await show('live', {
      change: (scene) => scene.streams.push(stream({ path: 'studio/two/main cam' })),
    });
    const card = page.getByRole('article', { name: 'studio/two/main cam' });
    await expect.element(card.getByText('rtmp://localhost:1935/studio/two/main cam', { exact: true })).toBeVisible();
    await expect.element(card.getByText('Opens in VLC and ffplay.')).toBeVisible();
    await card.getByRole('button', { name: 'Copy: Watch' }).click();
    await page.getByRole('article', { name: 'live/stream' }).getByRole('button', { name: 'Copy: Watch' }).click();
    expect(host.copied).toEqual(['rtmp://localhost:1935/studio/two/main cam', 'rtmp://localhost:1935/live/stream']);
  });

  test('a network listener also tells the address for other devices, and the port follows the engine', async () => {
    const host = await show('network', { change: (scene) => scene.streams.push(stream()) });
    const card = page.getByRole('article', { name: 'live/stream' });
    await expect.element(card.getByText('rtmp://192.168.1.23:1935/live/stream', { exact: true })).toBeVisible();
    host.scene.status.ingest = host.scene.status.ingest.slice(0, 1).map((one) => ({ ...one, server: 'rtmp://[::1]:1936/live' }));
    host.emit({ type: 'changed', topics: ['status'] });
    await expect.element(card.getByText('rtmp://[::1]:1936/live/stream', { exact: true })).toBeVisible();
    expect(card.getByText(/192\.168/).elements()).toEqual([]);
  });

  test('nothing to watch or to send to is shown when nothing listens', async () => {
    await show('off', { change: (scene) => scene.streams.push(stream()) });
    await expect.element(page.getByRole('article', { name: 'live/stream' })).toBeVisible();
    expect(page.getByText(/rtmp:/).elements()).toEqual([]);
    expect(page.getByRole('button', { name: /^Copy/ }).elements()).toEqual([]);
    expect(page.getByText('Encoder address').elements()).toEqual([]);
  });

  test('the address for an encoder is one press away', async () => {
    const host = await show('live');
    await expect.element(page.getByText('Encoder address')).toBeVisible();
    await expect.element(page.getByText('rtmp://localhost:1935/live', { exact: true })).not.toBeVisible();
    await page.getByText('Encoder address').click();
    await expect.element(page.getByText('rtmp://localhost:1935/live', { exact: true })).toBeVisible();
    await page.getByRole('button', { name: 'Copy: Server' }).click();
    await page.getByRole('button', { name: 'Copy: Stream key' }).click();
    expect(host.copied).toEqual(['rtmp://localhost:1935/live', 'stream']);
    await expectAccessible();
  });

  test('only its own destinations are shown on a card', async () => {
    await show('several', {
      change: (scene) => {
        const [twitch, youtube] = scene.destinations;
        if (twitch) Object.assign(twitch, { sending: null, streams: 'live/gopro' });
        if (youtube) Object.assign(youtube, { sending: null, streams: 'other/*' });
      },
    });
    await expect.element(page.getByRole('article', { name: 'live/gopro' }).getByText('Twitch: live')).toBeVisible();
    expect(page.getByText('Twitch: live').elements()).toHaveLength(1);
    expect(page.getByText(/YouTube:/).elements()).toEqual([]);
  });
});

test.each(['empty', 'several', 'problems', 'taken', 'off', 'loading'] as const)('%s is accessible', async (scene) => {
  await show(scene);
  await expect.element(page.getByRole('heading', { name: 'Live', exact: true })).toBeVisible();
  await expectAccessible();
});
