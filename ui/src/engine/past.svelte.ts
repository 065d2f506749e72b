import type { StreamEvent } from '../api/model';
import { RequestError } from './client';

/** How often the engine is asked for what is new. */
const EVERY_MS = 2000;
/** Points of the last ten minutes. */
const RECENT = 600;
/** The engine keeps no more lines. */
const MOST_EVENTS = 200;

/** Numbers over time as columns of equal length, oldest first. */
export interface Series {
  step_seconds: number;
  times: number[];
}

/** What the engine tells of the past, from a time on. */
export interface Told<S extends Series> {
  recent: S;
  session: S;
  session_began: number | null;
  events?: StreamEvent[];
}

/** `known` with what is newer in `told`, no longer than `most`. */
export function extended<S extends Series>(known: S, told: S, most: number): S {
  const last = known.times.at(-1) ?? 0;
  const first = told.times.findIndex((time) => time > last);
  if (first < 0) return known;
  const columns = Object.entries(known) as [string, number | number[]][];
  const news = told as unknown as Record<string, number[]>;
  const next = columns.map(([name, column]) => [
    name,
    typeof column === 'number' ? column : [...column, ...(news[name]?.slice(first) ?? [])].slice(-most),
  ]);
  return Object.fromEntries(next) as S;
}

/** The lines of both, each once: one that gathers is told again with a later time. */
export function retold(known: readonly StreamEvent[], told: readonly StreamEvent[]): StreamEvent[] {
  const kept = known.filter(
    (line) => !told.some((other) => other.code === line.code && (other.at === line.at || (other.count > line.count && other.subject === line.subject))),
  );
  return [...kept, ...told].slice(-MOST_EVENTS);
}

/** What a stream or a destination was like: read once, then followed while the page is looked at. */
export class Past<S extends Series> {
  state = $state<'reading' | 'known' | 'unknown' | 'failed'>('reading');
  recent = $state.raw<S | undefined>();
  session = $state.raw<S | undefined>();
  events = $state.raw<StreamEvent[]>([]);
  #began: number | null = null;

  /** `read` asks the engine for what is not older than a time, seconds since 1970. */
  constructor(private readonly read: (since: number) => Promise<Told<S>>) {}

  /** Follows until the returned function is called. */
  follow(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let ended = false;
    const turn = async (): Promise<void> => {
      if (!document.hidden) await this.#look();
      if (!ended) timer = setTimeout(() => void turn(), EVERY_MS);
    };
    void turn();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }

  async #look(): Promise<void> {
    try {
      const since = this.recent?.times.at(-1);
      const told = await this.read(since === undefined ? 0 : since - 1);
      // Another session, or one whose step has grown, is told anew as a whole.
      const other = told.session_began !== this.#began || told.session.step_seconds !== this.session?.step_seconds;
      if (since !== undefined && other) this.#take(await this.read(0), true);
      else this.#take(told, since === undefined);
      this.state = 'known';
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.state = error.code === 'stream_not_found' ? 'unknown' : this.recent ? this.state : 'failed';
    }
  }

  #take(told: Told<S>, whole: boolean): void {
    const { recent, session } = this;
    this.#began = told.session_began;
    if (whole || !recent || !session) {
      this.recent = told.recent;
      this.session = told.session;
      this.events = told.events ?? [];
      return;
    }
    this.recent = extended(recent, told.recent, RECENT);
    this.session = extended(session, told.session, Infinity);
    this.events = retold(this.events, told.events ?? []);
  }
}
