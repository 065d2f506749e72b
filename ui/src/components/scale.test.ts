import { expect, test } from 'vitest';

import { marks, marksBelow, top } from './scale';

test.each([
  [30, [0, 10, 20, 30]],
  [30.02, [0, 10, 20, 30]],
  [31, [0, 20, 40]],
  [60, [0, 20, 40, 60]],
  [25, [0, 10, 20, 30]],
  [6_300_000, [0, 2_500_000, 5_000_000, 7_500_000]],
  [7, [0, 5, 10]],
  [1, [0, 0.5, 1]],
])('up to %d the marks are %j', (most, expected) => {
  expect(marks(most)).toEqual(expected);
});

test('the last mark is at or above the largest value, and above it is room', () => {
  for (let most = 0.013; most < 1e8; most *= 1.07) {
    const all = marks(most);
    const last = all.at(-1) ?? 0;
    expect(last).toBeGreaterThanOrEqual(most * 0.998);
    expect(all.length).toBeLessThanOrEqual(4);
    expect(top(most)).toBeGreaterThan(Math.max(most, last) * 1.05);
    expect(marksBelow(top(most))).toEqual(all);
  }
});
