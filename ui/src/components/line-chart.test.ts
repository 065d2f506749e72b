import { afterEach, expect, test, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';

import LineChart from './LineChart.svelte';

afterEach(() => vi.restoreAllMocks());

test('every time of day is inside a chart on a phone, the last one too', async () => {
  const written: { text: string; from: number; to: number; width: number }[] = [];
  const write = CanvasRenderingContext2D.prototype.fillText;
  vi.spyOn(CanvasRenderingContext2D.prototype, 'fillText').mockImplementation(function (this: CanvasRenderingContext2D, text, x, y) {
    const half = this.measureText(text).width / 2;
    if (this.textAlign === 'center') written.push({ text, from: x - half, to: x + half, width: this.canvas.width });
    write.call(this, text, x, y);
  });
  const box = document.createElement('div');
  box.style.width = '303px';
  document.body.append(box);
  // A session of a minute that ends at a mark.
  const end = new Date(2026, 10, 22, 22, 58, 30).getTime() / 1000;
  const times = Array.from({ length: 61 }, (_, index) => end - 60 + index);
  const props = { times, values: times.map(() => 5), step: 1, least: 1, say: String, label: 'Bitrate', theme: 'light', language: 'en-US' };
  await render(LineChart, { target: box, props });
  await expect.poll(() => written.map(({ text }) => text)).toContain('10:58:30 PM');
  expect(written.filter(({ from, to, width }) => from < 0 || to > width)).toEqual([]);
  box.remove();
});
