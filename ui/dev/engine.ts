/** A made-up engine behind the host's interface: answers from a scene, and remembers what it was asked to change. */
import type { DestinationHistory, EngineEvent, RecordingList, RecordingMedia, Stats, StreamHistory } from '../src/api/model';
import type { Host, PreviewWanted } from '../src/host/host';
import { config } from './config';
import { madeUpPicture } from './picture';
import { presets } from './presets';
import type { Scene } from './scenes';
import { madeUpStill } from './still';

export interface Asked {
  method: string;
  path: string;
  body: unknown;
}

export interface MadeUpHost extends Host {
  /** Every request that was no GET. */
  readonly asked: Asked[];
  readonly copied: string[];
  /** Files that the person was given, by name. */
  readonly saved: Map<string, string>;
  /** Live pictures that are open now. */
  readonly pictures: { path: string; wanted: PreviewWanted; message: (bytes: ArrayBuffer) => void; end: () => void }[];
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
      recording_time_left_seconds: stream.recording?.time_left_seconds ?? null,
    })),
    destinations: scene.destinations.map(
      ({ id, state, step, bitrate, rtt_ms, connected_seconds, bytes_sent, behind_seconds, frames_skipped, frames_missed, retry_in_seconds, backup }) => ({
        id,
        state,
        step,
        rtt_ms,
        connected_seconds,
        backup: backup?.line ?? null,
        bitrate: bitrate === 0 ? 0 : Math.round(wobble(second, bitrate)),
        bytes_sent,
        behind_seconds,
        frames_skipped,
        frames_missed,
        retry_in_seconds,
      }),
    ),
  };
}

/** What the engine does with a search, as far as the page shows it. */
function find(list: RecordingList, query: URLSearchParams): RecordingList {
  const words = (query.get('search') ?? '').toLowerCase();
  const wanted = query.get('state');
  const found = list.recordings.filter(({ file_name, state }) => file_name.toLowerCase().includes(words) && (!wanted || state === wanted));
  if (query.get('sort') === 'size') found.sort((a, b) => b.size_bytes - a.size_bytes);
  return { ...list, recordings: found.slice(0, Number(query.get('limit'))), matched: found.length };
}

/** Ten minutes of numbers, and what an evening brings. */
function past(scene: Scene, path: string): Response {
  const stream = scene.streams.find((one) => one.path === path);
  if (!stream) return json({ code: 'stream_not_found', message: `There is no stream ${path}.`, hint: '' }, 404);
  const now = scene.startedAt / 1000;
  const series = (points: number, step: number): StreamHistory['recent'] => {
    const at = Array.from({ length: points }, (_, index) => index - points + 1);
    return {
      step_seconds: step,
      times: at.map((index) => now + index * step),
      bitrate: at.map((index) => (index === -140 ? 400_000 : Math.round(wobble(index * step, stream.bitrate)))),
      fps: at.map((index) => (stream.fps ?? 0) * (index === -140 ? 0.6 : 1)),
      key_frame_interval_seconds: at.map(() => stream.key_frame_interval_seconds ?? 0),
      behind_seconds: at.map((index) => (index > -150 && index < -120 ? (index + 150) / 12 : 0.1)),
      readers: at.map(() => stream.readers.length),
    };
  };
  const event = (seconds: number, code: string, subject: string | null = null, message: string | null = null, count = 1, reason: string | null = null): StreamHistory['events'][number] => ({
    at: new Date((now - seconds) * 1000).toISOString(),
    code,
    subject,
    message,
    count,
    reason,
  });
  const events = [
    event(5025, 'publish_started', '127.0.0.1:50412'),
    event(5024, 'tracks_changed', 'H.264, AAC'),
    event(5020, 'destination_live', 'Twitch'),
    event(1510, 'recording_started', 'live_stream_20261122_140450.flv'),
    event(400, 'player_joined', '192.168.1.40:50010', null, 3),
    event(140, 'destination_retrying', 'YouTube', 'The server closed the connection after 12 seconds.', 1, 'closed_by_peer'),
    event(120, 'publish_stopped', null, 'the publisher left', 1, 'publisher_left'),
    event(96, 'health', 'bitrate_dropped', 'The bitrate fell to 0.4 Mbit/s; it was 6.0 Mbit/s.'),
    event(80, 'health_good'),
    event(31, 'destination_attempt_failed', 'My server', 'What answers there does not speak RTMP.', 1, 'not_rtmp'),
    event(12, 'destination_attempt_failed', 'Second PC', 'The server takes no connection.', 24, 'connection_refused'),
  ];
  return json({ recent: series(600, 1), session: series(500, 10), session_began: now - 5000, events } satisfies StreamHistory);
}

/** Ten minutes of a destination, with the outage of the evening. */
function legPast(scene: Scene, id: string): Response {
  const leg = scene.destinations.find((one) => one.id === id);
  if (!leg) return json({ code: 'destination_not_found', message: 'There is no such destination.', hint: '' }, 404);
  const now = scene.startedAt / 1000;
  const ran = leg.state === 'live' || leg.state === 'behind' || leg.state === 'retrying';
  const down = (index: number): boolean => (leg.state === 'retrying' && index > -20) || (index > -320 && index < -305);
  const series = (points: number, step: number): DestinationHistory['recent'] => {
    const at = Array.from({ length: ran ? points : 0 }, (_, index) => index - points + 1);
    return {
      step_seconds: step,
      times: at.map((index) => now + index * step),
      bitrate: at.map((index) => (down(index) ? 0 : Math.round(wobble(index * step, leg.bitrate || 5_900_000)))),
      behind_seconds: at.map((index) => (leg.state === 'behind' && index > -40 ? leg.behind_seconds : 0.2)),
      rtt_ms: at.map((index) => (leg.rtt_ms ?? 31) + 3 * Math.sin(index / 9)),
      frames_skipped: at.map((index) => (index === -319 ? 24 : 0)),
    };
  };
  return json({ recent: series(600, 1), session: series(500, 10), session_began: ran ? now - 5000 : null } satisfies DestinationHistory);
}

/** How a recording is played, without the sound when it is not wanted. */
function media({ media }: Scene, query: URLSearchParams): RecordingMedia {
  const all: RecordingMedia = {
    duration_seconds: 600,
    is_growing: false,
    initializations: [{ mime_type: 'video/mp4; codecs="avc1.64002A,mp4a.40.2"' }],
    fragments: [{ start_seconds: 0, end_seconds: 600, size_bytes: 1, is_key: true, initialization: 0 }],
    chapters: [],
    ...media,
  };
  if (query.get('audio') !== 'none') return all;
  return { ...all, initializations: all.initializations.map(({ mime_type: type }) => ({ mime_type: type.replace(/,[^"]+/, '') })) };
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
      case 'recording-jobs':
        return { jobs: scene.jobs };
      case 'recording-settings':
        return scene.recordingSettings;
      case 'presets':
        return { presets };
      case 'hooks':
        return scene.hooks;
      case 'access':
        return scene.access;
      case 'stream-keys':
        return { stream_keys: scene.streamKeys };
      case 'certificate':
        return scene.certificate;
      case 'config':
        return scene.config ?? config;
      case 'desktop':
        return scene.desktop;
      case 'srt':
        return scene.srt;
      case 'srt/passphrases':
        return { streams: Object.keys(scene.passphrases) };
      case 'srt/passphrase_file':
        return scene.passphrases;
      default:
        if (topic.startsWith('recordings?')) return find(scene.recordings, new URLSearchParams(topic.split('?')[1]));
        if (topic.startsWith('log?')) return { lines: scene.log };
        if (/^presets\/.*\/check/.test(topic)) return { findings: scene.findings };
        return undefined;
    }
  };

  const host: MadeUpHost = {
    kind,
    asked: [],
    copied: [],
    saved: new Map(),
    pictures: [],
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
        const picture = /^recordings\/(.+)\/picture$/.exec(topic)?.[1];
        if (picture !== undefined) return json(await madeUpStill(picture));
        if (/^recordings\/.+\/media\?/.test(topic)) return json(media(scene, new URLSearchParams(topic.split('?')[1])));
        // The film itself is not made here: it is shown with the real engine.
        if (/^recordings\/.+\/media\//.test(topic)) return new Promise<Response>(() => undefined);
        if (scene.failing?.includes(topic.split('?')[0] ?? '')) {
          return json({ code: 'file_error', message: 'The recordings folder cannot be read: permission denied.', hint: 'Choose another folder in the settings, or give yourself the right to read it.' }, 500);
        }
        if (/^destinations\/.*\/history/.test(topic)) return legPast(scene, decodeURIComponent(topic.split('/')[1] ?? ''));
        if (topic.includes('/history')) return past(scene, decodeURIComponent(topic.split('/')[1] ?? ''));
        return json(answers(topic));
      }
      host.asked.push({ method, path: `/${topic}`, body });
      if (scene.refusal) return json(scene.refusal, 422);
      if (method === 'DELETE') return new Response(null, { status: 204 });
      // A change is answered with how the thing is now.
      const now = method === 'PATCH' ? answers(topic) : undefined;
      return json(scene.replies?.[`${method} ${topic}`] ?? { ...(now as object), ...(method === 'PATCH' ? (body as object) : {}) });
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

    preview(path, wanted, { message, end }) {
      const picture = { path, wanted, message, end };
      host.pictures.push(picture);
      // Fragments are not made here: that way is shown with the real engine.
      const stop = scene.still || wanted.mode !== 'frames' ? () => undefined : madeUpPicture(message);
      return {
        close() {
          stop();
          host.pictures.splice(host.pictures.indexOf(picture), 1);
        },
      };
    },

    emit: (event) => onData?.(JSON.stringify(event)),
    drop: (status) => onEnd?.(status),

    save: (name, text) => Promise.resolve(void host.saved.set(name, text)),

    async copy(text) {
      host.copied.push(text);
      return true;
    },

    ...(kind === 'window' && { openRecordings: async () => undefined }),
  };
  return host;
}
