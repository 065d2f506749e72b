import { expect, test, vi } from 'vitest';

import type { Destination } from '../api/model';
import { append, HISTORY_SECONDS, span } from './history';
import { RequestError } from './client';
import { Attempt } from './attempt.svelte';
import { lively, settle } from './lively.svelte';
import { Mirror } from './mirror.svelte';
import { Resource } from './resource.svelte';
import { takes } from './words';
import { madeUpHost } from '../../dev/engine';
import { scenes } from '../../dev/scenes';

test('a bitrate line forgets the oldest second, and a silent second is zero', () => {
  let history = append(undefined, 0, 5);
  history = append(history, 1000, 6);
  history = append(history, 4000, 7);
  expect(history.values).toEqual([5, 6, 0, 0, 7]);
  history = append(history, 10_000_000, 8);
  expect(history.values).toHaveLength(HISTORY_SECONDS);
  expect(history.values.at(-1)).toBe(8);
});

test('a bitrate line begins with what was measured, and grows to its whole length', () => {
  let history = append(undefined, 0, 0);
  expect(history.values).toEqual([]);
  history = append(history, 1000, 5);
  expect(history.values).toEqual([5]);
  expect([span(undefined), span(history)]).toEqual([30, 30]);
  expect(span({ at: 0, values: Array<number>(45).fill(1) })).toBe(45);
});

test('a destination takes one stream, those of an application, or any', () => {
  expect(takes('*', 'live/a')).toBe(true);
  expect(takes('live/*', 'live/a')).toBe(true);
  expect(takes('live/*', 'alive/a')).toBe(false);
  expect(takes('live/a', 'live/a')).toBe(true);
  expect(takes('live/a', 'live/ab')).toBe(false);
});

test('numbers change in place, and what is told again as it was changes nothing', () => {
  const read = { path: 'live/a', bitrate: 1, recording: { size: 1 } };
  const one = lively(read, ['bitrate', 'recording']);
  const before = one.recording;
  settle(one, { bitrate: 2, recording: { size: 1 } });
  expect(one).toEqual({ ...read, bitrate: 2 });
  expect({ ...one }).toEqual({ ...read, bitrate: 2 });
  expect(one.recording).toBe(before);
  settle(one, { recording: { size: 2 } });
  expect(one.recording).toEqual({ size: 2 });
  expect(read.bitrate).toBe(1);
});

test('a second leaves the lists alone, and a second address of a destination keeps its words', async () => {
  const host = madeUpHost({ ...scenes.live(), still: true });
  const backup = { url: 'rtmp://b/app', key_set: false, mode: 'both', in_use: false, line: null } as const;
  host.scene.destinations[0] = { ...(host.scene.destinations[0] as Destination), backup };
  const mirror = new Mirror(host);
  mirror.start();
  await vi.waitFor(() => expect(mirror.link).toBe('live'));
  const { streams, destinations, listeners } = mirror;
  const [stream] = host.scene.streams;
  const leg = host.scene.destinations[0] as Destination;
  host.emit({
    type: 'stats',
    stats: {
      at: new Date().toISOString(),
      totals: host.scene.status.totals,
      streams: [{ path: stream?.path ?? '', uptime_seconds: 9, bitrate: 77, fps: 30, key_frame_interval_seconds: 2, readers: 0, recording_bytes: 5, recording_seconds: 6, recording_time_left_seconds: 7 }],
      destinations: [{ ...leg, behind_seconds: 1.5, backup: null }],
    },
  });
  expect([mirror.streams, mirror.destinations, mirror.listeners]).toEqual([streams, destinations, listeners]);
  expect(mirror.streams).toBe(streams);
  expect(streams?.[0]).toMatchObject({ uptime_seconds: 9, bitrate: 77, recording: { size_bytes: 5, duration_seconds: 6, time_left_seconds: 7 } });
  expect(destinations?.[0]).toMatchObject({ behind_seconds: 1.5, name: leg.name, backup: { url: 'rtmp://b/app', line: null } });
  mirror.stop();
});

test('changes that come while a topic is read lead to one more reading, not to one each', async () => {
  const host = madeUpHost(scenes.live());
  let reads = 0;
  const request = host.request.bind(host);
  host.request = (method, path, body) => {
    reads += 1;
    return request(method, path, body);
  };
  const mirror = new Mirror(host);
  await Promise.all([1, 2, 3, 4].map(() => mirror.refresh('streams')));
  expect(reads).toBe(2);
  expect(mirror.streams).toHaveLength(1);
});

test('what is wanted while something is being read is read afterwards, once', async () => {
  const asked: string[] = [];
  let wanted = 'g';
  const list = new Resource(async () => {
    const word = wanted;
    asked.push(word);
    await Promise.resolve();
    return word;
  });
  const all = [list.load()];
  for (wanted of ['go', 'gop', 'gopro']) all.push(list.load());
  await Promise.all(all);
  expect(list.value).toBe('gopro');
  expect(asked).toEqual(['g', 'gopro']);
});

test('a second press while the first is under way does nothing', async () => {
  const attempt = new Attempt();
  let runs = 0;
  let finish = (): void => undefined;
  const first = attempt.run(() => {
    runs += 1;
    return new Promise<void>((resolve) => (finish = resolve));
  });
  expect(await attempt.run(async () => (runs += 1))).toBe(false);
  finish();
  expect(await first).toBe(true);
  expect(runs).toBe(1);
});

test('of choices that come while one is under way only the last is made', async () => {
  const attempt = new Attempt();
  const made: number[] = [];
  let finish = (): void => undefined;
  const first = attempt.latest(() => {
    made.push(1);
    return new Promise<void>((resolve) => (finish = resolve));
  });
  for (const choice of [2, 3]) void attempt.latest(async () => made.push(choice));
  finish();
  expect(await first).toBe(true);
  expect(made).toEqual([1, 3]);
  expect(attempt.busy).toBe(false);
});

test('no answer at all is told in words of the page', async () => {
  const attempt = new Attempt();
  await attempt.run(() => Promise.reject(new RequestError('unreachable', '', '')));
  expect(attempt.error?.message).toBe('Weir did not answer.');
});

test('a page that stays hidden follows nothing, and catches up when it is seen again', async () => {
  vi.useFakeTimers();
  const host = madeUpHost({ ...scenes.live(), still: true });
  let opened = 0;
  let closed = 0;
  const events = host.events.bind(host);
  host.events = (data, end) => {
    opened += 1;
    const stream = events(data, end);
    return { close: () => ((closed += 1), stream.close()) };
  };
  const mirror = new Mirror(host);
  mirror.start();
  const wake = mirror.rest();
  const hide = (is: boolean): void => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => is });
    document.dispatchEvent(new Event('visibilitychange'));
  };
  hide(true);
  vi.advanceTimersByTime(1000);
  hide(false);
  vi.advanceTimersByTime(60_000);
  expect([opened, closed]).toEqual([1, 0]);
  hide(true);
  vi.advanceTimersByTime(60_000);
  expect([opened, closed]).toEqual([1, 1]);
  hide(false);
  expect(opened).toBe(2);
  wake();
  mirror.stop();
  Reflect.deleteProperty(document, 'hidden');
  vi.useRealTimers();
});
