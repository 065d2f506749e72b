import { expect, test } from 'vitest';

import { append, HISTORY_SECONDS, span } from './history';
import { RequestError } from './client';
import { Attempt } from './attempt.svelte';
import { Mirror } from './mirror.svelte';
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

test('no answer at all is told in words of the page', async () => {
  const attempt = new Attempt();
  await attempt.run(() => Promise.reject(new RequestError('unreachable', '', '')));
  expect(attempt.error?.message).toBe('Weir did not answer.');
});
