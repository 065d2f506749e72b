/**
 * Plays a recording through `MediaSource`: FLV and MP4 alike come as fragments from the engine, not re-encoded. Only what is
 * about to be seen is read, and what was seen goes, so that a film of hours takes no more memory than one of minutes.
 */
import type { RecordingMedia } from '../../api/model';

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

export type Trouble = 'unsupported' | 'unreadable';

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
  readonly #media = new MediaSource();
  readonly #address: string;
  readonly #onTrouble: (trouble: Trouble) => void;
  #plan: RecordingMedia | undefined;
  #buffer: SourceBuffer | undefined;
  #audio = true;
  #next = 0;
  #initialization = -1;
  #working = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(video: HTMLVideoElement, source: Source, onTrouble: (trouble: Trouble) => void) {
    this.#video = video;
    this.#source = source;
    this.#onTrouble = onTrouble;
    this.#address = URL.createObjectURL(this.#media);
    video.src = this.#address;
    this.#media.addEventListener('sourceopen', () => void this.#open(), { once: true });
    video.addEventListener('seeking', this.#seek);
    video.addEventListener('timeupdate', this.#more);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#video.removeEventListener('seeking', this.#seek);
    this.#video.removeEventListener('timeupdate', this.#more);
    this.#video.removeAttribute('src');
    this.#video.load();
    URL.revokeObjectURL(this.#address);
  }

  async #open(): Promise<void> {
    try {
      this.#plan = await this.#source.media(true);
      if (!this.#supported()) {
        // Perhaps it is only the sound that this browser does not know.
        this.#audio = false;
        this.#plan = await this.#source.media(false);
      }
      if (this.#closed) return;
      const type = this.#plan.initializations[0]?.mime_type;
      if (type === undefined || !this.#supported()) return this.#onTrouble('unsupported');
      this.#buffer = this.#media.addSourceBuffer(type);
      this.#media.duration = this.#plan.duration_seconds;
      await this.#fill();
    } catch {
      if (!this.#closed) this.#onTrouble('unreadable');
    }
  }

  #supported(): boolean {
    const types = this.#plan?.initializations ?? [];
    return types.length > 0 && types.every(({ mime_type: type }) => MediaSource.isTypeSupported(type));
  }

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
    } catch {
      if (!this.#closed) this.#onTrouble('unreadable');
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
      if (this.#media.readyState === 'open') this.#media.endOfStream();
      return false;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      void this.#source.media(this.#audio).then(
        (grown) => {
          if (this.#closed || this.#media.readyState !== 'open') return;
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
