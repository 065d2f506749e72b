import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { stream } from '../../dev/parts';
import { page, show } from '../../test/page';
import { pictures } from './choice.svelte';
import { read } from './message';
import { joined } from './segments';

/** A JSON object behind its kind, as the engine writes a notice. */
function notice(state: string, reason?: string): ArrayBuffer {
  const json = new TextEncoder().encode(JSON.stringify({ state, reason }));
  return new Uint8Array([4, ...json]).buffer;
}

const colours = (canvas: HTMLCanvasElement): Set<string> => {
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [16, 9];
  const context = copy.getContext('2d');
  context?.drawImage(canvas, 0, 0, 16, 9);
  const pixels = context?.getImageData(0, 0, 16, 9).data ?? new Uint8ClampedArray();
  return new Set(Array.from({ length: 144 }, (_, at) => [...pixels.slice(at * 4, at * 4 + 3)].join()));
};

test('messages are read as the engine writes them', () => {
  const json = new TextEncoder().encode('{"codec":"avc1.64001F"}');
  const config = new Uint8Array([1, 0, json.length, ...json, 9, 8]).buffer;
  expect(read(config)).toEqual({ kind: 'config', config: { codec: 'avc1.64001F' }, description: new Uint8Array([9, 8]) });
  const unit = new Uint8Array([2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 7]).buffer;
  expect(read(unit)).toEqual({ kind: 'unit', key: true, timestamp: 65_536, data: new Uint8Array([7]) });
  expect(read(new Uint8Array([3, 5, 6]).buffer)).toEqual({ kind: 'segment', data: new Uint8Array([5, 6]) });
  expect(read(notice('gap'))).toEqual({ kind: 'notice', notice: { state: 'gap' } });
  expect(read(new Uint8Array([99]).buffer)).toBeUndefined();
  expect([...joined([new Uint8Array([1, 2]), new Uint8Array([3])])]).toEqual([1, 2, 3]);
});

describe('on a card', () => {
  test('the picture is decoded and drawn', async () => {
    const host = await show('live', { change: (scene) => (scene.still = false) });
    const canvas = page.getByLabelText('Live picture of live/stream');
    await expect.element(canvas).toBeVisible();
    await expect.poll(() => colours(canvas.element() as HTMLCanvasElement).size).toBeGreaterThan(20);
    expect(host.pictures.map(({ path, wanted }) => [path, wanted])).toEqual([['live/stream', { mode: 'frames', audio: false }]]);
  });

  test('nothing is asked for while pictures are off, and again when they are on', async () => {
    const host = await show('live');
    await expect.poll(() => host.pictures.length).toBe(1);
    await page.getByRole('button', { name: 'Pictures' }).click();
    await expect.element(page.getByText('Pictures are off')).toBeVisible();
    expect(host.pictures).toEqual([]);
    expect(pictures.on).toBe(false);
    await page.getByRole('button', { name: 'Pictures' }).click();
    await expect.poll(() => host.pictures.length).toBe(1);
  });

  test('a page that is hidden has no reader', async () => {
    const host = await show('live');
    await expect.poll(() => host.pictures.length).toBe(1);
    const hidden = (is: boolean): void => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => is });
      document.dispatchEvent(new Event('visibilitychange'));
    };
    hidden(true);
    await expect.poll(() => host.pictures.length).toBe(0);
    hidden(false);
    await expect.poll(() => host.pictures.length).toBe(1);
    Reflect.deleteProperty(document, 'hidden');
  });

  test('a picture far below is asked for when it is scrolled to', async () => {
    const many = Array.from({ length: 14 }, (_, number) => stream({ path: `live/${number}` }));
    const host = await show('live', { change: (scene) => (scene.streams = many) });
    await expect.poll(() => host.pictures.length).toBeGreaterThan(0);
    expect(host.pictures.length).toBeLessThan(14);
    page.getByRole('article', { name: 'live/13' }).element().scrollIntoView();
    await expect.poll(() => host.pictures.map(({ path }) => path)).toContain('live/13');
    expect(host.pictures.map(({ path }) => path)).not.toContain('live/0');
  });

  test('what cannot be shown says so, and what to do', async () => {
    const host = await show('live');
    await expect.poll(() => host.pictures.length).toBe(1);
    host.pictures[0]?.message(notice('unsupported', 'H.266'));
    await expect.element(page.getByText('No picture: H.266 cannot be decoded here')).toBeVisible();
    await expect.element(page.getByText(/Look at it in VLC/)).toBeVisible();
  });

  test.each([
    ['linux', 'H.265', /gstreamer1.0-libav and gstreamer1.0-plugins-bad on Debian/],
    ['windows', 'H.265', /HEVC Video Extensions/],
    ['windows', 'AV1', /AV1 Video Extension/],
    ['windows', 'H.266', /Look at it in VLC/],
    ['macos', 'AV1', /Look at it in VLC/],
  ])('in the window on %s what decodes %s is named', async (os, name, words) => {
    const host = await show('live', { kind: 'window', change: (scene) => (scene.status.os = os) });
    await expect.poll(() => host.pictures.length).toBe(1);
    // A codec string that no web view knows, under the name that the engine gives.
    const json = new TextEncoder().encode(`{"codec":"avc1.FFFFFF","name":"${name}","follows":"units"}`);
    host.pictures[0]?.message(new Uint8Array([1, 0, json.length, ...json]).buffer);
    await expect.element(page.getByText(words)).toBeVisible();
  });

  /** The engine's word on what comes, and a key frame of it. */
  function config(codec: string, name: string, follows: 'units' | 'segments'): ArrayBuffer {
    const json = new TextEncoder().encode(JSON.stringify({ codec, name, follows, width: 640, height: 360, audio: false }));
    return new Uint8Array([1, 0, json.length, ...json]).buffer;
  }
  const unit = new Uint8Array([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7]).buffer;

  const NEWER = [
    ['H.265', 'hvc1.1.6.L93.B0'],
    ['AV1', 'av01.0.04M.08'],
    ['VP9', 'vp09.00.10.08'],
  ] as const;

  describe('a newer codec', () => {
    afterEach(() => {
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
    });

    test.each(NEWER)('%s is refused in words where neither way of decoding knows it', async (name, codec) => {
      vi.spyOn(MediaSource, 'isTypeSupported').mockReturnValue(false);
      vi.spyOn(VideoDecoder, 'isConfigSupported').mockImplementation(async (asked) => ({ supported: !asked.codec.startsWith(codec.slice(0, 4)), config: asked }));
      const host = await show('live', { kind: 'window' });
      await expect.poll(() => host.pictures.length).toBe(1);
      host.pictures[0]?.message(config(codec, name, 'units'));
      await expect.element(page.getByText(`No picture: ${name} cannot be decoded here`)).toBeVisible();
      await expect.element(page.getByText(/gstreamer1.0-plugins-bad on Debian .* The stream itself is fine\./)).toBeVisible();
    });

    test.each(NEWER)('%s is asked for in fragments where WebCodecs do not know it, and refused in words if they fail too', async (name, codec) => {
      vi.spyOn(VideoDecoder, 'isConfigSupported').mockImplementation(async (asked) => ({ supported: false, config: asked }));
      vi.spyOn(MediaSource, 'isTypeSupported').mockReturnValue(true);
      const add = vi.spyOn(MediaSource.prototype, 'addSourceBuffer').mockReturnValue(new EventTarget() as SourceBuffer);
      const host = await show('live');
      await expect.poll(() => host.pictures.length).toBe(1);
      host.pictures[0]?.message(config(codec, name, 'units'));
      await expect.poll(() => host.pictures.map(({ wanted }) => wanted)).toEqual([{ mode: 'segments', audio: false }]);
      expect(page.getByText(/cannot be decoded/).elements()).toEqual([]);
      add.mockImplementation(() => {
        throw new DOMException('not here', 'NotSupportedError');
      });
      host.pictures[0]?.message(config(codec, name, 'segments'));
      await expect.element(page.getByText(`No picture: ${name} cannot be decoded here`)).toBeVisible();
    });

    test.each(NEWER)('%s is shown where WebCodecs knows it', async (name, codec) => {
      const asked: string[] = [];
      /** Knows every codec, and makes the same picture of whatever comes. */
      class Knowing {
        static isConfigSupported = async (config: VideoDecoderConfig): Promise<VideoDecoderSupport> => ({ supported: true, config });
        state = 'unconfigured';
        readonly #output: (frame: VideoFrame) => void;
        constructor({ output }: VideoDecoderInit) {
          this.#output = output;
        }
        configure(config: VideoDecoderConfig): void {
          this.state = 'configured';
          asked.push(config.codec);
        }
        decode(): void {
          const canvas = new OffscreenCanvas(640, 360);
          const context = canvas.getContext('2d');
          for (let x = 0; context && x < 64; x += 1) {
            context.fillStyle = `hsl(${x * 5} 80% 50%)`;
            context.fillRect(x * 10, 0, 10, 360);
          }
          this.#output(new VideoFrame(canvas, { timestamp: 0 }));
        }
        close(): void {
          this.state = 'closed';
        }
      }
      vi.stubGlobal('VideoDecoder', Knowing);
      const host = await show('live');
      await expect.poll(() => host.pictures.length).toBe(1);
      host.pictures[0]?.message(config(codec, name, 'units'));
      host.pictures[0]?.message(unit);
      const canvas = page.getByLabelText('Live picture of live/stream');
      await expect.poll(() => colours(canvas.element() as HTMLCanvasElement).size).toBeGreaterThan(10);
      await expect.element(canvas).toBeVisible();
      expect(asked).toEqual([codec]);
      expect(page.getByText(/cannot be decoded/).elements()).toEqual([]);
    });

    test.each(NEWER)('%s is refused in words, or handed over, by what Media Source Extensions know', async (name, codec) => {
      vi.stubGlobal('VideoDecoder', undefined);
      Reflect.deleteProperty(globalThis, 'VideoDecoder');
      const known = vi.spyOn(MediaSource, 'isTypeSupported').mockReturnValue(false);
      const add = vi.spyOn(MediaSource.prototype, 'addSourceBuffer').mockReturnValue(new EventTarget() as SourceBuffer);
      const host = await show('live');
      await expect.poll(() => host.pictures.map(({ wanted }) => wanted.mode)).toEqual(['segments']);
      host.pictures[0]?.message(config(codec, name, 'segments'));
      await expect.element(page.getByText(`No picture: ${name} cannot be decoded here`)).toBeVisible();
      await expect.element(page.getByText(/Look at it in VLC or in another browser/)).toBeVisible();
      expect(add).not.toHaveBeenCalled();

      known.mockReturnValue(true);
      await page.getByRole('button', { name: 'Pictures' }).click();
      await page.getByRole('button', { name: 'Pictures' }).click();
      await expect.poll(() => host.pictures.length).toBe(1);
      host.pictures[0]?.message(config(codec, name, 'segments'));
      await expect.poll(() => add.mock.calls).toEqual([[`video/mp4; codecs="${codec}"`]]);
      expect(page.getByText(/cannot be decoded here/).elements()).toEqual([]);
    });
  });

  describe('where only fragments are known', () => {
    beforeEach(() => {
      vi.stubGlobal('VideoDecoder', undefined);
      Reflect.deleteProperty(globalThis, 'VideoDecoder');
    });
    afterEach(() => {
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
    });

    const wanted = (host: { pictures: { path: string; wanted: unknown }[] }): unknown[] => host.pictures.map(({ path, wanted }) => [path, wanted]);

    test('sound is asked for when it is wanted, and no longer when it is not', async () => {
      const host = await show('live', { rest: 'live/stream' });
      await expect.poll(() => wanted(host)).toEqual([['live/stream', { mode: 'segments', audio: false }]]);
      await page.getByRole('button', { name: 'Sound' }).click();
      await expect.poll(() => wanted(host)).toEqual([['live/stream', { mode: 'segments', audio: true }]]);
      await page.getByRole('button', { name: 'Sound' }).click();
      await expect.poll(() => wanted(host)).toEqual([['live/stream', { mode: 'segments', audio: false }]]);
    });

    test('another stream on the same page is shown instead, silent, without the words of the one before', async () => {
      const host = await show('live', { rest: 'live/stream', change: (scene) => scene.streams.push(stream({ path: 'live/radio' })) });
      await page.getByRole('button', { name: 'Sound' }).click();
      await expect.poll(() => wanted(host)).toEqual([['live/stream', { mode: 'segments', audio: true }]]);
      host.pictures[0]?.message(notice('unsupported', 'H.266'));
      await expect.element(page.getByText('No picture: H.266 cannot be decoded here')).toBeVisible();
      location.hash = '#/live/live/radio';
      await expect.poll(() => wanted(host)).toEqual([['live/radio', { mode: 'segments', audio: false }]]);
      await expect.element(page.getByText('Opening the picture')).toBeVisible();
      await expect.element(page.getByRole('button', { name: 'Sound' })).toHaveAttribute('aria-pressed', 'false');
    });

    test('sound alone that fails is not told as a picture', async () => {
      const host = await show('live', { rest: 'live/stream' });
      await page.getByRole('button', { name: 'Sound' }).click();
      await expect.poll(() => wanted(host)).toEqual([['live/stream', { mode: 'segments', audio: true }]]);
      const json = new TextEncoder().encode('{"codec":"mp4a.40.2","name":"AAC","follows":"segments","width":null,"height":null,"audio":true}');
      // A box that no film has: the decoder fails.
      const message = new Uint8Array([1, 0, json.length, ...json, 0, 0, 0, 8, 122, 122, 122, 122]).buffer;
      host.pictures[0]?.message(message);
      await expect.element(page.getByText('The sound cannot be decoded')).toBeVisible();
      expect(page.getByText('The picture cannot be decoded').elements()).toEqual([]);
    });
  });

  test('a connection that ends is opened again', async () => {
    const host = await show('live');
    await expect.poll(() => host.pictures.length).toBe(1);
    const first = host.pictures[0];
    first?.end();
    await expect.poll(() => host.pictures.length === 1 && host.pictures[0] !== first, { timeout: 5000 }).toBe(true);
  });
});
