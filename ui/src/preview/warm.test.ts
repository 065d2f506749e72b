import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { pictures } from './choice.svelte';
import { warmDecoders } from './warm';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  pictures.choose(true);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('decoders are loaded once, when the page has settled, and not where no picture is wanted', () => {
  const asked = vi.spyOn(VideoDecoder, 'isConfigSupported').mockImplementation(async (config) => ({ supported: true, config }));
  pictures.choose(false);
  warmDecoders();
  vi.advanceTimersByTime(10_000);
  pictures.choose(true);
  warmDecoders()();
  vi.advanceTimersByTime(10_000);
  expect(asked, 'switched off, or something is live before').not.toHaveBeenCalled();
  warmDecoders();
  vi.advanceTimersByTime(1000);
  expect(asked, 'the page is still settling').not.toHaveBeenCalled();
  vi.advanceTimersByTime(1000);
  warmDecoders();
  vi.advanceTimersByTime(10_000);
  expect(asked).toHaveBeenCalledOnce();
});
