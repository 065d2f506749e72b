/** Situations the page must look right in. Made up, but with the engine's own shapes, checked by the compiler. */
import type {
  Destination,
  ErrorBody,
  Listener,
  Problem,
  Reader,
  Recording,
  RecordingList,
  Settings,
  Status,
  Stream,
} from '../src/api/model';

export interface Scene {
  link: 'live' | 'lost' | 'broken' | 'locked' | 'hanging';
  startedAt: number;
  status: Status;
  streams: Stream[];
  listeners: Listener[];
  destinations: Destination[];
  recordings: RecordingList;
  settings: Settings;
  problems: Problem[];
  /** Topics that cannot be read. */
  failing?: string[];
  /** What every change is answered with. */
  refusal?: ErrorBody;
}

const NOW = Date.parse('2026-11-22T14:30:00Z');
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

export const listener = (changes: Partial<Listener> = {}): Listener => ({
  id: 'rtmp',
  protocol: 'rtmp',
  port: 1935,
  enabled: true,
  reach: 'this_computer',
  state: 'listening',
  bound: ['127.0.0.1:1935', '[::1]:1935'],
  problem: null,
  port_owner: null,
  next_free_port: null,
  ...changes,
});

const reader = (changes: Partial<Reader>): Reader => ({
  id: 'r1',
  kind: 'player',
  protocol: 'rtmp',
  remote: '127.0.0.1:50010',
  client: 'LNX 9,0,124,2',
  started_at: ago(400),
  bytes_sent: 300_000_000,
  bitrate: 6_000_000,
  behind_seconds: 0.1,
  frames_skipped: 0,
  ...changes,
});

export const stream = (changes: Partial<Stream> = {}): Stream => ({
  path: 'live/stream',
  state: 'live',
  started_at: ago(5025),
  uptime_seconds: 5025,
  ends_in_seconds: null,
  publisher: { protocol: 'rtmp', remote: '127.0.0.1:50412', client: 'FMLE/3.0 (compatible; FMSc/1.0)' },
  tracks: [
    {
      kind: 'video',
      index: 0,
      codec: 'H.264',
      profile: 'High',
      level: '4.2',
      width: 1920,
      height: 1080,
      fps: 60,
      bit_depth: 8,
      hdr: false,
      sample_rate: null,
      channels: null,
      language: null,
      bitrate: 5_840_000,
      frames: 301_500,
    },
    {
      kind: 'audio',
      index: 0,
      codec: 'AAC',
      profile: 'LC',
      level: null,
      width: null,
      height: null,
      fps: null,
      bit_depth: null,
      hdr: null,
      sample_rate: 48_000,
      channels: 2,
      language: null,
      bitrate: 160_000,
      frames: 235_000,
    },
  ],
  bitrate: 6_000_000,
  fps: 60,
  key_frame_interval_seconds: 2,
  bytes_in: 3_768_000_000,
  readers: [reader({ id: 'r1' }), reader({ id: 'r2' }), reader({ id: 'r3', kind: 'destination', remote: 'Twitch' })],
  recording: null,
  ...changes,
});

export const destination = (changes: Partial<Destination> = {}): Destination => ({
  id: 'd1',
  name: 'Twitch',
  url: 'rtmp://live.twitch.tv/app',
  key_set: true,
  streams: '*',
  enabled: true,
  state: 'waiting',
  sending: null,
  also_waiting: [],
  since: ago(600),
  retry_in_seconds: null,
  reconnects: 0,
  bitrate: 0,
  bytes_sent: 0,
  behind_seconds: 0,
  frames_skipped: 0,
  last_error: null,
  last_error_at: null,
  ...changes,
});

const recording = (changes: Partial<Recording> = {}): Recording => ({
  id: 'live_stream_20261121_200012.flv',
  file_name: 'live_stream_20261121_200012.flv',
  stream: 'live/stream',
  started_at: ago(66_000),
  modified_at: ago(58_600),
  duration_seconds: 7384,
  size_bytes: 5_540_000_000,
  state: 'finished',
  failure: null,
  ...changes,
});

const problem = (changes: Partial<Problem>): Problem => ({
  id: 1,
  at: ago(40),
  count: 1,
  code: 'stream_in_use',
  message: 'A second encoder was refused: live/stream is already being sent.',
  hint: 'Stop the other encoder, or give this one another stream key.',
  stream: 'live/stream',
  remote: '127.0.0.1:50544',
  ...changes,
});

export function nothingLive(): Scene {
  return {
    link: 'live',
    startedAt: NOW,
    status: {
      product: 'Weir',
      version: '0.1.0',
      os: 'linux',
      started_at: ago(6000),
      now: ago(0),
      uptime_seconds: 6000,
      totals: {
        streams_live: 0,
        readers: 0,
        recordings_active: 0,
        destinations_live: 0,
        bitrate_in: 0,
        bitrate_out: 0,
      },
      ingest: [
        {
          listener_id: 'rtmp',
          protocol: 'rtmp',
          server: 'rtmp://localhost:1935/live',
          key: 'stream',
          reach: 'this_computer',
        },
      ],
      record_all: false,
      disk_free_bytes: 412_000_000_000,
      problems: 0,
    },
    streams: [],
    listeners: [listener()],
    destinations: [],
    recordings: {
      folder: { path: '/home/mara/Videos/Weir', exists: true, free_bytes: 412_000_000_000 },
      recordings: [],
    },
    settings: {
      record_all: false,
      record_dir: '/home/mara/Videos/Weir',
      chunk_size: 60_000,
      duplicate_publisher: 'refuse',
      grace_seconds: 10,
      play_wait_seconds: 10,
      config_file: '/home/mara/.config/weir/config.toml',
    },
    problems: [],
  };
}

function oneLive(): Scene {
  const scene = nothingLive();
  scene.status.totals = { ...scene.status.totals, streams_live: 1, readers: 3, bitrate_in: 6_010_000 };
  scene.streams = [
    stream({
      recording: {
        file_name: 'live_stream_20261122_140450.flv',
        started_at: ago(1510),
        duration_seconds: 1510,
        size_bytes: 1_132_000_000,
        failure: null,
      },
    }),
  ];
  scene.destinations = [
    destination({ state: 'live', sending: 'live/stream', bitrate: 5_980_000 }),
    destination({
      id: 'd2',
      name: 'YouTube',
      url: 'rtmp://a.rtmp.youtube.com/live2/•••',
      state: 'retrying',
      sending: 'live/stream',
      retry_in_seconds: 7.4,
      last_error: {
        code: 'connection_lost',
        message: 'The server closed the connection after 12 seconds.',
        hint: 'Look at the stream key in YouTube Studio; Weir goes on trying.',
      },
    }),
  ];
  scene.recordings.recordings = [
    recording({
      id: 'live_stream_20261122_140450.flv',
      file_name: 'live_stream_20261122_140450.flv',
      state: 'recording',
      started_at: ago(1510),
      duration_seconds: 1510,
      size_bytes: 1_132_000_000,
    }),
    recording(),
    recording({
      id: 'x.flv',
      file_name: 'live_stream_20261119_190311.flv',
      started_at: ago(243_000),
      duration_seconds: 312,
      size_bytes: 234_000_000,
      state: 'failed',
      failure: {
        code: 'disk_full',
        message: 'The disk is full.',
        hint: 'What was recorded until then is in the file.',
      },
    }),
    recording({
      id: 'y.flv',
      file_name: 'a much longer name for a stream with spaces_20261110_101500.flv',
      stream: null,
      started_at: null,
      modified_at: ago(1_050_000),
      state: 'interrupted',
      duration_seconds: null,
      size_bytes: 48_213_000,
    }),
  ];
  return scene;
}

function severalLive(): Scene {
  const scene = oneLive();
  scene.status.totals = { ...scene.status.totals, streams_live: 2, bitrate_in: 8_640_000 };
  scene.streams.push(
    stream({
      path: 'live/gopro',
      uptime_seconds: 245,
      bitrate: 2_640_000,
      fps: 29.97,
      key_frame_interval_seconds: 8.3,
      readers: [],
      tracks: [{ ...(stream().tracks[0] as Stream['tracks'][number]), profile: 'Main', width: 1280, height: 720 }],
    }),
    stream({ path: 'live/phone', state: 'interrupted', bitrate: 0, fps: null, uptime_seconds: 61, readers: [] }),
  );
  return scene;
}

function destinations(): Scene {
  const scene = oneLive();
  scene.destinations.push(
    destination({
      id: 'd3',
      name: 'Facebook',
      url: 'rtmp://live-api-s.facebook.com:80/rtmp',
      state: 'stopped',
      last_error: {
        code: 'key_refused',
        message: 'The server refused the stream key.',
        hint: 'Copy the key once more from Live Producer and paste it here.',
      },
    }),
    destination({ id: 'd4', name: 'Second PC', url: 'rtmp://192.168.1.20/live/backup', streams: 'live/*', state: 'live', sending: 'live/gopro', also_waiting: ['live/stream'] }),
    destination({ id: 'd5', name: 'Restream', url: 'rtmp://live.restream.io/live', enabled: false, state: 'disabled' }),
  );
  return scene;
}

function problems(): Scene {
  const scene = nothingLive();
  scene.problems = [
    problem({ id: 4 }),
    problem({
      id: 3,
      at: ago(95),
      count: 6,
      code: 'tls_on_plain_port',
      message: 'A program tried to connect with TLS (rtmps://) on the plain RTMP port.',
      hint: 'Use rtmp:// in the encoder.',
      stream: null,
      remote: '192.168.1.40:40118',
    }),
    problem({ id: 2, at: ago(300), message: 'A player asked for live/strem, and nobody sends it.', hint: 'Look for a typing error in the name.' }),
    problem({ id: 1, at: ago(400) }),
  ];
  return scene;
}

export const scenes = {
  empty: nothingLive,
  live: oneLive,
  several: severalLive,
  destinations,
  problems,
  taken: () => {
    const scene = nothingLive();
    scene.status.ingest = [];
    scene.listeners = [
      listener({
        state: 'port_taken',
        bound: [],
        port_owner: { pid: 4312, name: 'nginx' },
        next_free_port: 1936,
        problem: { code: 'port_taken', message: 'Port 1935 is taken.', hint: '' },
      }),
    ];
    return scene;
  },
  network: () => {
    const scene = nothingLive();
    scene.listeners = [listener({ reach: 'network', bound: ['0.0.0.0:1935', '[::]:1935'] })];
    scene.status.ingest.push({
      listener_id: 'rtmp',
      protocol: 'rtmp',
      server: 'rtmp://192.168.1.23:1935/live',
      key: 'stream',
      reach: 'network',
    });
    return scene;
  },
  off: () => {
    const scene = nothingLive();
    scene.status.ingest = [];
    scene.listeners = [listener({ enabled: false, state: 'disabled', bound: [] })];
    return scene;
  },
  unreadable: () => ({ ...oneLive(), failing: ['recordings'] }),
  broken: () => ({ ...nothingLive(), link: 'broken' as const }),
  lost: () => ({ ...nothingLive(), link: 'lost' as const }),
  locked: () => ({ ...nothingLive(), link: 'locked' as const }),
  loading: () => ({ ...nothingLive(), link: 'hanging' as const }),
} satisfies Record<string, () => Scene>;

export type SceneName = keyof typeof scenes;
