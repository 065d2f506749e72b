/** A made-up engine behind the host's interface: answers from a scene, and remembers what it was asked to change. */
import type { EngineEvent, Stats } from '../src/api/model';
import type { Host } from '../src/host/host';
import type { Scene } from './scenes';

export interface Asked {
  method: string;
  path: string;
  body: unknown;
}

export interface MadeUpHost extends Host {
  /** Every request that was no GET. */
  readonly asked: Asked[];
  readonly copied: string[];
  /** Sends an event to the page. */
  emit(event: EngineEvent): void;
  /** Ends the event stream, as when the engine goes away. */
  drop(status?: number): void;
  scene: Scene;
}

const json = (body: unknown, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

/** A flow that looks like an encoder's: around the rate, never twice the same. */
export function wobble(second: number, bitrate: number): number {
  return bitrate * (0.93 + 0.05 * Math.sin(second / 4.1) + 0.04 * Math.sin(second / 1.7 + 1) + 0.03 * Math.cos(second * 2.3));
}

function stats(scene: Scene, second: number): Stats {
  return {
    at: new Date(scene.startedAt + second * 1000).toISOString(),
    totals: scene.status.totals,
    streams: scene.streams.map((stream) => ({
      path: stream.path,
      uptime_seconds: stream.uptime_seconds + second,
      bitrate: stream.state === 'live' ? Math.round(wobble(second, stream.bitrate)) : 0,
      fps: stream.fps,
      key_frame_interval_seconds: stream.key_frame_interval_seconds,
      readers: stream.readers.length,
      recording_bytes: stream.recording?.size_bytes ?? null,
      recording_seconds: stream.recording?.duration_seconds ?? null,
    })),
    destinations: scene.destinations.map(
      ({ id, state, bitrate, bytes_sent, behind_seconds, frames_skipped, retry_in_seconds }) => ({
        id,
        state,
        bitrate,
        bytes_sent,
        behind_seconds,
        frames_skipped,
        retry_in_seconds,
      }),
    ),
  };
}

export function madeUpHost(scene: Scene, kind: Host['kind'] = 'browser', history = 110): MadeUpHost {
  let onData: ((data: string) => void) | undefined;
  let onEnd: ((status?: number) => void) | undefined;

  const answers = (topic: string): unknown => {
    switch (topic) {
      case 'status':
        return scene.status;
      case 'streams':
        return { streams: scene.streams };
      case 'listeners':
        return { listeners: scene.listeners };
      case 'destinations':
        return { destinations: scene.destinations };
      case 'recordings':
        return scene.recordings;
      case 'settings':
        return scene.settings;
      case 'problems':
        return { problems: scene.problems };
      default:
        return undefined;
    }
  };

  const host: MadeUpHost = {
    kind,
    asked: [],
    copied: [],
    scene,

    async request(method, path, body) {
      if (scene.link === 'lost') throw new TypeError('Failed to fetch');
      if (scene.link === 'broken') {
        const message = 'The engine does not start: config.toml, line 3, column 1: unknown field `speed`.';
        return json({ code: 'engine_failed', message, hint: 'Put that right, then close Weir and open it again.' }, 503);
      }
      if (scene.link === 'hanging') return new Promise<Response>(() => undefined);
      if (scene.link === 'locked') return json({ code: 'unauthorized', message: 'No token.', hint: '' }, 401);
      const topic = path.replace('/api/v1/', '');
      if (method === 'GET') {
        if (scene.failing?.includes(topic)) {
          return json({ code: 'file_error', message: 'The recordings folder cannot be read: permission denied.', hint: 'Choose another folder in the settings, or give yourself the right to read it.' }, 500);
        }
        return json(answers(topic));
      }
      host.asked.push({ method, path: `/${topic}`, body });
      return scene.refusal ? json(scene.refusal, 422) : method === 'DELETE' ? new Response(null, { status: 204 }) : json({});
    },

    events(data, end) {
      onData = data;
      onEnd = end;
      if (scene.link === 'lost' || scene.link === 'broken') setTimeout(() => end());
      else if (scene.link === 'locked') setTimeout(() => end(401));
      else if (scene.link === 'live') {
        setTimeout(() => {
          host.emit({ type: 'resync', missed: 0 });
          for (let second = -history; second <= 0; second += 1) host.emit({ type: 'stats', stats: stats(scene, second) });
        });
      }
      return { close: () => (onData = onEnd = undefined) };
    },

    emit: (event) => onData?.(JSON.stringify(event)),
    drop: (status) => onEnd?.(status),

    async copy(text) {
      host.copied.push(text);
      return true;
    },

    ...(kind === 'window' && { openRecordings: async () => undefined }),
  };
  return host;
}
