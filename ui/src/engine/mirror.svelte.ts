import { createContext } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';

import type {
  Destination,
  EngineEvent,
  HookList,
  Listener,
  Problem,
  RecordingJob,
  RecordingList,
  Settings,
  Stats,
  Status,
  Stream,
  Topic,
} from '../api/model';
import type { EventStream, Host } from '../host/host';
import { Client, RequestError } from './client';
import { append, earlier, HISTORY_SECONDS, type History } from './history';
import { lively, settle } from './lively.svelte';

/** How the page stands with the engine; `locked` when the token is missing or wrong. */
export type Link = 'connecting' | 'live' | 'lost' | 'locked';

/** What one page alone shows is read by that page: everywhere else it would be read for nothing. */
type Mirrored = Exclude<Topic, 'access' | 'certificate' | 'log' | 'stream_keys'>;

const TOPICS: readonly Mirrored[] = [
  'status',
  'streams',
  'listeners',
  'destinations',
  'recordings',
  'settings',
  'problems',
  'recording_jobs',
  'hooks',
];

/** What the engine tells each second of a stream, and of a destination. */
const STREAM_NUMBERS = ['uptime_seconds', 'bitrate', 'fps', 'key_frame_interval_seconds', 'recording'] as const satisfies readonly (keyof Stream)[];
const LEG_NUMBERS = [
  'state',
  'step',
  'bitrate',
  'rtt_ms',
  'connected_seconds',
  'bytes_sent',
  'behind_seconds',
  'frames_skipped',
  'frames_missed',
  'retry_in_seconds',
  'backup',
] as const satisfies readonly (keyof Destination)[];

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5000;
/** A page that is hidden for longer follows nothing: nobody sees it. */
const REST_AFTER_MS = 5000;

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
  /** How often a topic that is not read here has changed: who shows it reads it again. */
  changes = $state.raw<Partial<Record<Topic, number>>>({});
  /** The last minutes of every stream's bitrate, by path. */
  readonly histories = new SvelteMap<string, History>();

  // Each topic by itself: what changes each second must not make a page look at all the others. Undefined until it was read.
  status = $state.raw<Status | undefined>();
  /** Their numbers change in place, each by itself. */
  streams = $state.raw<Stream[] | undefined>();
  /** Likewise. */
  destinations = $state.raw<Destination[] | undefined>();
  listeners = $state.raw<Listener[] | undefined>();
  recordings = $state.raw<RecordingList | undefined>();
  settings = $state.raw<Settings | undefined>();
  problems = $state.raw<Problem[] | undefined>();
  hooks = $state.raw<HookList | undefined>();
  recordingJobs = $state.raw<RecordingJob[] | undefined>();

  #events: EventStream | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #delay = FIRST_RETRY_MS;
  #reading = new Map<Mirrored, { again: boolean; done: Promise<void> }>();

  constructor(readonly host: Host) {
    this.client = new Client(host);
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

  /** Asks for nothing while the page has been hidden for a while; returns what ends that. */
  rest(): () => void {
    let resting = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = (): void => {
      clearTimeout(timer);
      if (document.hidden) {
        timer = setTimeout(() => {
          resting = true;
          this.stop();
        }, REST_AFTER_MS);
      } else if (resting) {
        resting = false;
        // What was missed is asked of the engine, which remembers it.
        this.histories.clear();
        this.reconnect();
      }
    };
    document.addEventListener('visibilitychange', turn);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', turn);
    };
  }

  /** Connects anew at once: after the token was entered, or because a person does not want to wait. */
  reconnect(): void {
    this.stop();
    this.#delay = FIRST_RETRY_MS;
    this.start();
  }

  /** Reads a topic anew. Calls that come while it is being read lead to one more reading. */
  refresh(topic: Mirrored): Promise<void> {
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

  async #read(topic: Mirrored): Promise<void> {
    try {
      await this.#take(topic);
      if (this.failed[topic]) this.failed = { ...this.failed, [topic]: undefined };
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code === 'unauthorized') this.link = 'locked';
      else this.failed = { ...this.failed, [topic]: error };
    }
  }

  async #take(topic: Mirrored): Promise<void> {
    const { client } = this;
    switch (topic) {
      case 'status':
        return void (this.status = lively(await client.status(), ['totals']));
      case 'streams':
        return void (this.streams = (await client.streams()).map((stream) => lively(stream, STREAM_NUMBERS)));
      case 'destinations':
        return void (this.destinations = (await client.destinations()).map((leg) => lively(leg, LEG_NUMBERS)));
      case 'listeners':
        return void (this.listeners = await client.listeners());
      case 'recordings':
        return void (this.recordings = await client.recordings());
      case 'settings':
        return void (this.settings = await client.settings());
      case 'problems':
        return void (this.problems = await client.problems());
      case 'recording_jobs':
        return void (this.recordingJobs = await client.recording_jobs());
      case 'hooks':
        return void (this.hooks = await client.hooks());
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
        for (const topic of event.topics) this.#changed(topic);
        break;
      case 'problem': {
        const others = (this.problems ?? []).filter((problem) => problem.id !== event.problem.id);
        this.problems = [event.problem, ...others];
        break;
      }
      case 'stats':
        this.#count(event.stats);
        break;
      case 'shutting_down':
        break;
    }
  }

  #changed(topic: Topic): void {
    const mirrored = TOPICS.find((known) => known === topic);
    if (mirrored) void this.refresh(mirrored);
    else this.changes = { ...this.changes, [topic]: (this.changes[topic] ?? 0) + 1 };
  }

  #count(stats: Stats): void {
    if (this.status) settle(this.status, { totals: stats.totals });
    const at = Date.parse(stats.at);
    for (const now of stats.streams) {
      const { path, uptime_seconds, bitrate, fps, key_frame_interval_seconds } = now;
      const stream = this.streams?.find((one) => one.path === path);
      if (stream) {
        settle(stream, { uptime_seconds, bitrate, fps, key_frame_interval_seconds });
        if (stream.recording && now.recording_bytes != null && now.recording_seconds != null) {
          const [size_bytes, duration_seconds, time_left_seconds] = [now.recording_bytes, now.recording_seconds, now.recording_time_left_seconds];
          settle(stream, { recording: { ...stream.recording, size_bytes, duration_seconds, time_left_seconds } });
        }
      }
      const before = this.histories.get(path);
      this.histories.set(path, append(before, at, bitrate));
      if (!before) void this.#lookBack(path);
    }
    for (const path of this.histories.keys()) if (!stats.streams.some((stream) => stream.path === path)) this.histories.delete(path);
    for (const { id, backup, ...numbers } of stats.destinations) {
      const leg = this.destinations?.find((one) => one.id === id);
      // Of the second address only the numbers are told.
      if (leg) settle(leg, { ...numbers, backup: leg.backup && { ...leg.backup, line: backup } });
    }
  }

  /** A page that was opened late shows what was before it: the engine remembers. */
  async #lookBack(path: string): Promise<void> {
    try {
      const { recent } = await this.client.history(path, Date.now() / 1000 - HISTORY_SECONDS);
      const own = this.histories.get(path);
      const values = earlier(recent.bitrate, own);
      if (own && values) this.histories.set(path, { at: own.at, values });
    } catch (error) {
      // The line then begins now.
      if (!(error instanceof RequestError)) throw error;
    }
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
