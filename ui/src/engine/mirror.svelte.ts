import { createContext } from 'svelte';

import type {
  Destination,
  EngineEvent,
  Listener,
  Problem,
  RecordingList,
  Settings,
  Stats,
  Status,
  Stream,
  Topic,
} from '../api/model';
import type { EventStream, Host } from '../host/host';
import { Client, RequestError } from './client';
import { append, type History } from './history';

/** How the page stands with the engine; `locked` when the token is missing or wrong. */
export type Link = 'connecting' | 'live' | 'lost' | 'locked';

/** Everything the engine tells, by topic; undefined until it was read. */
interface State {
  status?: Status;
  streams?: Stream[];
  listeners?: Listener[];
  destinations?: Destination[];
  recordings?: RecordingList;
  settings?: Settings;
  problems?: Problem[];
}

const TOPICS: readonly Topic[] = [
  'status',
  'streams',
  'listeners',
  'destinations',
  'recordings',
  'settings',
  'problems',
];

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;

/**
 * The engine's state as this page last heard it. The page changes nothing in here by itself: it asks the engine, and
 * the engine's answer and events change this.
 */
export class Mirror {
  readonly client: Client;
  link = $state<Link>('connecting');
  /** Why there is no connection, when the engine could still say so. */
  reason = $state.raw<RequestError | undefined>();
  /** What could not be read, by topic, although the engine answers. */
  failed = $state.raw<Partial<Record<Topic, RequestError>>>({});
  /** The last minutes of every stream's bitrate, by path. */
  histories = $state.raw<ReadonlyMap<string, History>>(new Map());

  #state = $state.raw<State>({});
  #events: EventStream | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #delay = FIRST_RETRY_MS;
  #reading = new Map<Topic, { again: boolean; done: Promise<void> }>();

  constructor(readonly host: Host) {
    this.client = new Client(host);
  }

  get status(): Status | undefined {
    return this.#state.status;
  }
  get streams(): Stream[] | undefined {
    return this.#state.streams;
  }
  get listeners(): Listener[] | undefined {
    return this.#state.listeners;
  }
  get destinations(): Destination[] | undefined {
    return this.#state.destinations;
  }
  get recordings(): RecordingList | undefined {
    return this.#state.recordings;
  }
  get settings(): Settings | undefined {
    return this.#state.settings;
  }
  get problems(): Problem[] | undefined {
    return this.#state.problems;
  }

  /** Connects, and goes on connecting until `stop`. */
  start(): void {
    this.#events = this.host.events(
      (data) => this.#hear(JSON.parse(data) as EngineEvent),
      (status) => this.#lose(status),
    );
  }

  stop(): void {
    clearTimeout(this.#retry);
    this.#events?.close();
  }

  /** Connects anew at once: after the token was entered, or because a person does not want to wait. */
  reconnect(): void {
    this.stop();
    this.#delay = FIRST_RETRY_MS;
    this.start();
  }

  /** Reads a topic anew. Calls that come while it is being read lead to one more reading. */
  refresh(topic: Topic): Promise<void> {
    const running = this.#reading.get(topic);
    if (running) {
      running.again = true;
      return running.done;
    }
    const reading = { again: false, done: Promise.resolve() };
    this.#reading.set(topic, reading);
    reading.done = (async () => {
      do {
        reading.again = false;
        await this.#read(topic);
      } while (reading.again);
      this.#reading.delete(topic);
    })();
    return reading.done;
  }

  async #read(topic: Topic): Promise<void> {
    try {
      const read = await this.client[topic]();
      this.#state = { ...this.#state, [topic]: read };
      if (this.failed[topic]) this.failed = { ...this.failed, [topic]: undefined };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code === 'unauthorized') this.link = 'locked';
      else this.failed = { ...this.failed, [topic]: error };
    }
  }

  #hear(event: EngineEvent): void {
    switch (event.type) {
      case 'resync':
        this.#delay = FIRST_RETRY_MS;
        void Promise.all(TOPICS.map((topic) => this.refresh(topic))).then(() => {
          if (this.link === 'locked') return;
          this.link = 'live';
          this.reason = undefined;
        });
        break;
      case 'changed':
        for (const topic of event.topics) void this.refresh(topic);
        break;
      case 'problem': {
        const others = (this.problems ?? []).filter((problem) => problem.id !== event.problem.id);
        this.#state = { ...this.#state, problems: [event.problem, ...others] };
        break;
      }
      case 'stats':
        this.#count(event.stats);
        break;
      case 'shutting_down':
        break;
    }
  }

  #count(stats: Stats): void {
    const state = { ...this.#state };
    if (state.status) state.status = { ...state.status, now: stats.at, totals: stats.totals };
    state.streams = state.streams?.map((stream) => {
      const now = stats.streams.find(({ path }) => path === stream.path);
      if (!now) return stream;
      const { uptime_seconds, bitrate, fps, key_frame_interval_seconds } = now;
      const recording =
        stream.recording && now.recording_bytes != null && now.recording_seconds != null
          ? { ...stream.recording, size_bytes: now.recording_bytes, duration_seconds: now.recording_seconds }
          : stream.recording;
      return { ...stream, uptime_seconds, bitrate, fps, key_frame_interval_seconds, recording };
    }) as Stream[];
    state.destinations = state.destinations?.map((destination) => ({
      ...destination,
      ...stats.destinations.find(({ id }) => id === destination.id),
    })) as Destination[];
    this.#state = state;
    this.histories = new Map(
      stats.streams.map(({ path, bitrate }) => [path, append(this.histories.get(path), Date.parse(stats.at), bitrate)]),
    );
  }

  async #askWhy(): Promise<void> {
    try {
      await this.client.status();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.reason = error.code === 'unreachable' ? undefined : error;
    }
  }

  #lose(status?: number): void {
    this.link = status === 401 ? 'locked' : 'lost';
    if (this.link === 'locked') return;
    void this.#askWhy();
    this.#retry = setTimeout(() => this.start(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, LONGEST_RETRY_MS);
  }
}

/** The engine, for every component below the frame. */
export const [useEngine, provideEngine] = createContext<Mirror>();
