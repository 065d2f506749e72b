/** Media Source Extensions: fragments into a video element that is kept at the live end. With sound when there is any. */
import type { Config } from './message';
import { mediaSource, type Screen, type Watcher } from './screen';

/** Further behind the newest picture than this, seconds, it plays a little faster. */
const HURRY = 0.3;
/** Further behind than this it jumps. */
const JUMP = 0.7;
/** Where a jump lands before the end: a frame or two, so that playing goes on. */
const MARGIN = 0.08;
/** What was seen is kept this long, seconds. */
const KEPT = 8;

export function segmentScreen(video: HTMLVideoElement, watcher: Watcher): Screen {
  const Source = mediaSource();
  let source: MediaSource | undefined;
  let buffer: SourceBuffer | undefined;
  let queue: Uint8Array<ArrayBuffer>[] = [];
  let open = true;
  let url = '';

  const fail = (reason: unknown): void => {
    if (open) watcher.failed({ what: 'decoder', reason: String(reason) });
  };

  function pump(): void {
    if (!open || !buffer || buffer.updating || source?.readyState !== 'open') return;
    try {
      const start = buffer.buffered.length > 0 ? buffer.buffered.start(0) : 0;
      if (video.currentTime - start > KEPT * 2) return buffer.remove(0, video.currentTime - KEPT);
      if (queue.length === 0) return follow();
      const all = queue;
      queue = [];
      buffer.appendBuffer(all.length === 1 && all[0] ? all[0] : joined(all));
    } catch (error) {
      fail(error);
    }
  }

  /** Stays at the live end: jumps when far behind or in a hole, hurries when a little behind. */
  function follow(): void {
    const { buffered } = video;
    if (buffered.length === 0) return;
    const last = buffered.length - 1;
    const end = buffered.end(last);
    const behind = end - video.currentTime;
    if (behind > JUMP || video.currentTime < buffered.start(last)) {
      video.currentTime = Math.max(buffered.start(last), end - MARGIN);
    }
    video.playbackRate = behind > HURRY ? 1.08 : 1;
    // Refused without a gesture when there is sound: the page asked for it with one.
    if (video.paused) void video.play().catch(() => undefined);
  }

  const told = (): void => watcher.shown(video.videoWidth, video.videoHeight);
  const broken = (): void => {
    if (video.error) fail(video.error.message);
  };
  video.addEventListener('resize', told);
  video.addEventListener('loadeddata', told);
  video.addEventListener('error', broken);

  function configure(config: Config, header: Uint8Array<ArrayBuffer>): void {
    const type = `video/mp4; codecs="${config.codec}"`;
    if (!Source || !Source.isTypeSupported(type)) return watcher.failed({ what: 'codec', codec: config.codec, name: config.name });
    queue.push(header);
    if (buffer) {
      // Another encoder on the same stream.
      if (!buffer.updating) buffer.changeType(type);
      return pump();
    }
    source = new Source();
    source.addEventListener(
      'sourceopen',
      () => {
        URL.revokeObjectURL(url);
        try {
          buffer = source?.addSourceBuffer(type);
        } catch (error) {
          return fail(error);
        }
        buffer?.addEventListener('updateend', pump);
        pump();
      },
      { once: true },
    );
    url = URL.createObjectURL(source);
    // Without this an iPhone does not open a managed source.
    video.disableRemotePlayback = true;
    video.src = url;
  }

  return {
    configure,

    segment(data) {
      queue.push(data);
      pump();
    },

    close() {
      open = false;
      queue = [];
      video.removeEventListener('resize', told);
      video.removeEventListener('loadeddata', told);
      video.removeEventListener('error', broken);
      video.removeAttribute('src');
      video.load();
    },
  };
}

export function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
