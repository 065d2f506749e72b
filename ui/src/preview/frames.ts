/** WebCodecs: access units to pictures on a canvas, the newest one drawn, nothing buffered. */
import type { Config } from './message';
import type { Screen, Watcher } from './screen';

/** Faults in a row after which it is not going to get better. */
const PATIENCE = 3;

export function frameScreen(canvas: HTMLCanvasElement, watcher: Watcher): Screen {
  const context = canvas.getContext('2d', { alpha: false, desynchronized: true });
  let decoder: VideoDecoder | undefined;
  let config: VideoDecoderConfig | undefined;
  /** Units that came while the web view was asked whether it knows the codec. */
  let waiting: EncodedVideoChunk[] | undefined;
  let needsKey = true;
  let faults = 0;
  let newest: VideoFrame | undefined;
  let drawing = 0;
  let [width, height] = [0, 0];
  let open = true;

  // No larger than it is seen: a wall of cards must not hold a wall of full pictures.
  const box = new ResizeObserver(() => newest && schedule());
  box.observe(canvas);

  function draw(): void {
    drawing = 0;
    const frame = newest;
    newest = undefined;
    if (!frame) return;
    const [shownWidth, shownHeight] = [frame.displayWidth, frame.displayHeight];
    const scale = Math.min(1, (canvas.clientWidth * devicePixelRatio || shownWidth) / shownWidth);
    const [w, h] = [Math.round(shownWidth * scale), Math.round(shownHeight * scale)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    context?.drawImage(frame, 0, 0, w, h);
    frame.close();
    faults = 0;
    if (shownWidth !== width || shownHeight !== height) {
      [width, height] = [shownWidth, shownHeight];
      watcher.shown(width, height);
    }
  }

  function schedule(): void {
    drawing ||= requestAnimationFrame(draw);
  }

  function show(frame: VideoFrame): void {
    newest?.close();
    if (!open) return frame.close();
    newest = frame;
    schedule();
  }

  function fail(reason: unknown): void {
    faults += 1;
    needsKey = true;
    if (faults >= PATIENCE) return watcher.failed({ what: 'decoder', reason: String(reason) });
    if (open && config) begin(config);
  }

  function begin(how: VideoDecoderConfig): void {
    if (decoder && decoder.state !== 'closed') decoder.close();
    decoder = new VideoDecoder({ output: show, error: fail });
    decoder.configure(how);
    needsKey = true;
  }

  function decode(chunk: EncodedVideoChunk): void {
    if (!decoder || decoder.state !== 'configured') return;
    if (needsKey && chunk.type !== 'key') return;
    needsKey = false;
    decoder.decode(chunk);
  }

  async function configure(told: Config, description: Uint8Array<ArrayBuffer>): Promise<void> {
    const next: VideoDecoderConfig = { codec: told.codec, optimizeForLatency: true };
    if (description.length > 0) next.description = description;
    if (told.width && told.height) Object.assign(next, { codedWidth: told.width, codedHeight: told.height });
    waiting = [];
    const { supported } = await VideoDecoder.isConfigSupported(next).catch(() => ({ supported: false }));
    if (!open) return;
    if (!supported) {
      waiting = undefined;
      return watcher.failed({ what: 'codec', codec: told.codec, name: told.name });
    }
    config = next;
    begin(next);
    const held = waiting ?? [];
    waiting = undefined;
    held.forEach(decode);
  }

  return {
    configure: (told, description) => void configure(told, description),

    unit(key, timestamp, data) {
      const chunk = new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp, data });
      if (waiting) waiting.push(chunk);
      else decode(chunk);
    },

    close() {
      open = false;
      cancelAnimationFrame(drawing);
      box.disconnect();
      newest?.close();
      newest = undefined;
      if (decoder && decoder.state !== 'closed') decoder.close();
    },
  };
}
