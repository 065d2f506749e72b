/** What shows a preview: made for one way of decoding, fed with the engine's messages. */
import type { Config } from './message';

export type Trouble =
  /** The web view does not know the codec. */
  | { what: 'codec'; codec: string; name: string }
  /** It knows it, and failed all the same. */
  | { what: 'decoder'; reason: string };

export interface Watcher {
  /** The first picture, and every change of its size. */
  shown(width: number, height: number): void;
  failed(trouble: Trouble): void;
}

export interface Screen {
  configure(config: Config, description: Uint8Array<ArrayBuffer>): void;
  /** One access unit; for a screen that takes units. */
  unit?(key: boolean, timestamp: number, data: Uint8Array<ArrayBuffer>): void;
  /** One fragment; for a screen that takes segments. */
  segment?(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

type MediaSourceClass = typeof MediaSource;

/** Media Source Extensions by either of their names: iPhones know only the managed one. */
export const mediaSource = (): MediaSourceClass | undefined =>
  (globalThis as { ManagedMediaSource?: MediaSourceClass }).ManagedMediaSource ?? globalThis.MediaSource;

/** The web view says that it plays fragments of this codec; an older Firefox plays H.265 in them and no other way. */
export const knowsSegments = (codec: string): boolean => mediaSource()?.isTypeSupported(`video/mp4; codecs="${codec}"`) ?? false;

/** A page over plain HTTP from another device is no secure context, and has no WebCodecs. */
export const hasWebCodecs = (): boolean => 'VideoDecoder' in globalThis && 'EncodedVideoChunk' in globalThis;
