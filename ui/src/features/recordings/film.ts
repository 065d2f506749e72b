/**
 * Plays a recording through `MediaSource`: FLV and MP4 alike come as fragments from the engine, not re-encoded. Only what is
 * about to be seen is read, and what was seen goes, so that a film of hours takes no more memory than one of minutes.
 */
import type { RecordingMedia } from '../../api/model';
import { mediaSource } from '../../preview/screen';

/** Where the fragments come from. */
export interface Source {
  media(audio: boolean): Promise<RecordingMedia>;
  initialization(number: number, audio: boolean): Promise<ArrayBuffer>;
  fragment(number: number, audio: boolean): Promise<ArrayBuffer>;
}

/** Seconds that are read ahead of what is seen. */
const AHEAD = 30;
/** Seconds that are kept behind it. */
const BEHIND = 30;
/** How often a file that is still written is asked for more, milliseconds. */
const GROWING_MS = 2000;

export type Trouble =
  /** Nothing of it can be decoded here. */
  | { what: 'unsupported' }
  /** It could not be read, for this reason. */
  | { what: 'unreadable'; error: unknown };

export interface Watcher {
  /** What plays: a browser that cannot decode the sound shows the pictures alone. */
  plays(what: { picture: boolean; sound: boolean }): void;
  failed(trouble: Trouble): void;
}

/** Number of the last fragment at or before `time` at which playing can begin. */
export function startOf(fragments: RecordingMedia['fragments'], time: number): number {
  let found = 0;
  for (const [number, fragment] of fragments.entries()) {
    if (fragment.start_seconds > time + 0.001) break;
    if (fragment.is_key) found = number;
  }
  return found;
}

/** Where playing goes on in a plan that was made later: as before, or by time where the file was cut up in another way. */
export function goOn(plan: RecordingMedia, grown: RecordingMedia, next: number): number {
  const last = plan.fragments[next - 1];
  if (!last || grown.fragments[next - 1]?.start_seconds === last.start_seconds) return next;
  const found = grown.fragments.findIndex(({ start_seconds: start }) => start >= last.end_seconds - 0.001);
  return found < 0 ? grown.fragments.length : found;
}

const isIn = (ranges: TimeRanges, time: number): boolean => {
  for (let index = 0; index < ranges.length; index += 1) {
    if (time >= ranges.start(index) - 0.1 && time < ranges.end(index) - 0.05) return true;
  }
  return false;
};

export class Film {
  readonly #source: Source;
  readonly #video: HTMLVideoElement;
  // A managed source throws away what it likes: only where there is no other, as on an iPhone.
  readonly #Source = (globalThis as { MediaSource?: typeof MediaSource }).MediaSource ?? mediaSource();
  readonly #media: MediaSource | undefined;
  readonly #watcher: Watcher;
  #address = '';
  #plan: RecordingMedia | undefined;
  #buffer: SourceBuffer | undefined;
  #audio = true;
  #next = 0;
  #initialization = -1;
  #working = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(video: HTMLVideoElement, source: Source, watcher: Watcher) {
    this.#video = video;
    this.#source = source;
    this.#watcher = watcher;
    if (!this.#Source) {
      this.#fail(new Error('no MediaSource'));
      return;
    }
    const media = new this.#Source();
    this.#media = media;
    media.addEventListener('sourceopen', () => void this.#open(media), { once: true });
    // Without this an iPhone does not open a managed source.
    video.disableRemotePlayback = true;
    this.#address = URL.createObjectURL(media);
    video.src = this.#address;
    video.addEventListener('seeking', this.#seek);
    video.addEventListener('timeupdate', this.#more);
    video.addEventListener('error', this.#broken);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#video.removeEventListener('seeking', this.#seek);
    this.#video.removeEventListener('timeupdate', this.#more);
    this.#video.removeEventListener('error', this.#broken);
    this.#video.removeAttribute('src');
    this.#video.load();
    URL.revokeObjectURL(this.#address);
  }

  async #open(media: MediaSource): Promise<void> {
    try {
      let plan: RecordingMedia | undefined = await this.#source.media(true);
      if (!this.#supported(plan)) {
        // Perhaps it is only the sound that this browser does not know. A recording of sound alone has nothing else.
        this.#audio = false;
        plan = await this.#source.media(false).catch(() => undefined);
      }
      if (this.#closed) return;
      const type = plan?.initializations[0]?.mime_type;
      if (!plan || type === undefined || !this.#supported(plan)) return this.#watcher.failed({ what: 'unsupported' });
      this.#plan = plan;
      this.#watcher.plays({ picture: type.startsWith('video/'), sound: this.#audio });
      this.#buffer = media.addSourceBuffer(type);
      media.duration = plan.duration_seconds;
      await this.#fill();
    } catch (error) {
      this.#fail(error);
    }
  }

  #supported({ initializations: types }: RecordingMedia): boolean {
    return types.length > 0 && types.every(({ mime_type: type }) => this.#Source?.isTypeSupported(type));
  }

  /** A web view may say that it knows a codec, and fail all the same. */
  #fail(error: unknown): void {
    if (this.#closed) return;
    const undecodable = !this.#Source || this.#video.error?.code === MediaError.MEDIA_ERR_DECODE;
    this.#watcher.failed(undecodable ? { what: 'unsupported' } : { what: 'unreadable', error });
  }

  #broken = (): void => this.#fail(this.#video.error);

  #more = (): void => void this.#fill();

  #seek = (): void => {
    const [plan, buffer] = [this.#plan, this.#buffer];
    if (!plan || !buffer || isIn(buffer.buffered, this.#video.currentTime)) return;
    this.#next = startOf(plan.fragments, this.#video.currentTime);
    void this.#fill();
  };

  async #fill(): Promise<void> {
    if (this.#working || this.#closed) return;
    this.#working = true;
    try {
      while (await this.#step()) {
        // One fragment a step.
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#working = false;
    }
  }

  /** Appends one fragment when one is wanted; false when there is nothing to do now. */
  async #step(): Promise<boolean> {
    const [plan, buffer] = [this.#plan, this.#buffer];
    if (!plan || !buffer || this.#closed) return false;
    const number = this.#next;
    const fragment = plan.fragments[number];
    if (!fragment) return this.#end(plan);
    if (fragment.start_seconds > this.#video.currentTime + AHEAD) return false;
    if (fragment.initialization !== this.#initialization) {
      const type = plan.initializations[fragment.initialization]?.mime_type;
      const segment = await this.#source.initialization(fragment.initialization, this.#audio);
      if (type !== undefined && this.#initialization >= 0) buffer.changeType(type);
      await this.#append(buffer, segment);
      this.#initialization = fragment.initialization;
    }
    const bytes = await this.#source.fragment(number, this.#audio);
    // A seek meanwhile wants another one.
    if (this.#closed) return false;
    if (this.#next !== number) return true;
    await this.#append(buffer, bytes);
    if (this.#next === number) this.#next += 1;
    await this.#forget(buffer);
    return true;
  }

  async #end(plan: RecordingMedia): Promise<boolean> {
    if (!plan.is_growing) {
      if (this.#media?.readyState === 'open') this.#media.endOfStream();
      return false;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#source.media(this.#audio).then(
        (grown) => {
          if (this.#closed || this.#media?.readyState !== 'open') return;
          this.#next = goOn(plan, grown, this.#next);
          this.#plan = grown;
          if (!this.#buffer?.updating) this.#media.duration = Math.max(grown.duration_seconds, this.#media.duration);
          void this.#fill();
        },
        () => undefined,
      );
    }, GROWING_MS);
    return false;
  }

  /** Drops what was seen long ago. */
  async #forget(buffer: SourceBuffer): Promise<void> {
    const until = this.#video.currentTime - BEHIND;
    if (until > 0 && buffer.buffered.length > 0 && buffer.buffered.start(0) < until - BEHIND) {
      await this.#update(buffer, () => buffer.remove(0, until));
    }
  }

  #append = (buffer: SourceBuffer, bytes: ArrayBuffer): Promise<void> => this.#update(buffer, () => buffer.appendBuffer(bytes));

  #update(buffer: SourceBuffer, change: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (how: () => void) => (): void => {
        buffer.removeEventListener('updateend', onEnd);
        buffer.removeEventListener('error', onError);
        how();
      };
      const onEnd = done(resolve);
      const onError = done(() => reject(new Error('the segment was not taken')));
      buffer.addEventListener('updateend', onEnd);
      buffer.addEventListener('error', onError);
      change();
    });
  }
}
