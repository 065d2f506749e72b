/** Situations the page must look right in. Made up, but with the engine's own shapes, checked by the compiler. */
import type { AllSettings } from '../src/engine/client';
import type {
  Access,
  Certificate,
  Desktop,
  Destination,
  ErrorBody,
  HookList,
  Listener,
  LogLine,
  Notice,
  Problem,
  RecordingJob,
  RecordingList,
  RecordingMedia,
  RecordingSettings,
  Settings,
  SrtSettings,
  Status,
  Stream,
  StreamKey,
} from '../src/api/model';
import { ago, destination, listener, NOW, problem, recording, sparse, stream } from './parts';

export interface Scene {
  link: 'live' | 'lost' | 'broken' | 'locked' | 'hanging';
  startedAt: number;
  status: Status;
  streams: Stream[];
  listeners: Listener[];
  destinations: Destination[];
  recordings: RecordingList;
  jobs: RecordingJob[];
  recordingSettings: RecordingSettings;
  settings: Settings;
  problems: Problem[];
  desktop: Desktop;
  srt: SrtSettings;
  /** Passphrases by stream. */
  passphrases: Record<string, string>;
  log: LogLine[];
  hooks: HookList;
  access: Access;
  streamKeys: StreamKey[];
  certificate: Certificate;
  /** What a preset finds about the stream. */
  findings: Notice[];
  /** Answers to changes, by method and path; an empty object for others. */
  replies?: Record<string, unknown>;
  /** All settings, where they are not the defaults. */
  config?: AllSettings;
  /** How any recording is played, as far as it is not the usual. */
  media?: Partial<RecordingMedia>;
  /** No picture comes. */
  still?: boolean;
  /** Topics that cannot be read. */
  failing?: string[];
  /** What every change is answered with. */
  refusal?: ErrorBody;
}

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
      notices: [],
      secrets: { kind: 'keychain', message: '' },
      disk_free_bytes: 412_000_000_000,
      recording_time_left_seconds: null,
      problems: 0,
    },
    streams: [],
    listeners: [listener()],
    destinations: [],
    recordings: {
      folder: { path: '/home/mara/Videos/Weir', exists: true, free_bytes: 412_000_000_000, reserve_bytes: 2_000_000_000, time_left_seconds: null },
      recordings: [],
      matched: 0,
      matched_bytes: 0,
      total: 0,
      total_bytes: 0,
      is_partial: false,
    },
    jobs: [],
    recordingSettings: {
      record_all: false,
      folder: '/home/mara/Videos/Weir',
      container: 'auto',
      segment_seconds: 0,
      segment_pattern: '%s_%T_seg%03d',
      segment_example: 'live_stream_20261122_140450_seg001',
      on_return: 'continue',
      reserve_bytes: 2_000_000_000,
      when_full: 'stop',
      keep_days: 0,
      keep_bytes: 0,
      rules: [],
    },
    settings: {
      record_all: false,
      record_dir: '/home/mara/Videos/Weir',
      chunk_size: 60_000,
      duplicate_publisher: 'refuse',
      grace_seconds: 10,
      play_wait_seconds: 10,
      config_file: '/home/mara/.config/weir/config.toml',
      log_level: 'info',
    },
    problems: [],
    desktop: { keep_awake: true, keep_running: true, notify_streams: true, notify_trouble: true, start_at_login: false, start_hidden: false },
    srt: {
      latency_ms: 120,
      delivery: 'in_order',
      bare_stream_id: 'auto',
      default_path: 'live/stream',
      encryption: 'off',
      passphrase_set: false,
      passphrase_file: null,
      key_length: null,
    },
    passphrases: {},
    log: [],
    findings: [],
    hooks: { hooks: [], events: ['publish_start', 'publish_stop', 'play_start', 'recording_complete', 'stream_health', 'auth_failed'], left_out: 0 },
    access: {
      mode: 'none',
      open_playback: false,
      open_to_network: false,
      notice: null,
      publish_keys: 0,
      play_keys: 0,
      given_tokens: 0,
      file: null,
      file_tokens: 0,
      callback: null,
      callback_timeout_seconds: 5,
      wrong_tries: 10,
      wrong_try_seconds: 6,
    },
    streamKeys: [],
    certificate: {
      source: 'made',
      subject: 'Weir on studio',
      issuer: 'Weir on studio',
      self_signed: true,
      names: ['localhost', '127.0.0.1', 'studio.local', '192.168.1.23'],
      not_before: ago(86_400 * 3),
      not_after: ago(-86_400 * 362),
      days_left: 362,
      renewed_at: ago(-86_400 * 332),
      fingerprint: '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0',
      pem: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      trust: [
        { system: 'windows', text: 'Open weir.crt and install it for this computer, among the trusted root authorities.', command: 'certutil -addstore Root weir.crt' },
        { system: 'obs', text: 'OBS trusts nobody but the authorities it brings along: use plain RTMP, or a certificate of an authority.', command: null },
      ],
    },
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
        time_left_seconds: 191_000,
        failure: null,
      },
    }),
  ];
  scene.destinations = [
    destination({ state: 'live', sending: 'live/stream', bitrate: 5_980_000, bytes_sent: 3_760_000_000, connected_seconds: 5024, rtt_ms: 23.4, frames_sent: 301_000 }),
    destination({
      id: 'd2',
      name: 'YouTube',
      preset: 'youtube',
      url: 'rtmp://a.rtmp.youtube.com/live2/•••',
      state: 'retrying',
      sending: 'live/stream',
      retry_in_seconds: 7.4,
      last_error: {
        code: 'connection_lost',
        message: 'The server closed the connection after 12 seconds.',
        hint: 'Look at the stream key in YouTube Studio; Weir goes on trying.',
      },
      last_error_at: ago(12),
      errors: [
        { at: ago(12), count: 3, code: 'closed_by_peer', message: 'The server closed the connection after 12 seconds.', hint: '' },
        { at: ago(320), count: 1, code: 'dns_failed', message: 'The name a.rtmp.youtube.com cannot be found.', hint: '' },
      ],
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
    recording({ id: 'shows/z.mp4', folder: 'shows', file_name: 'Evening show.mp4', container: 'mp4', state: 'repaired', size_bytes: 900_000_000, duration_seconds: 1400 }),
    recording({ id: 'q.flv', file_name: 'live_gopro_20261101_120000.flv', stream: 'live/gopro', has_picture: false, started_at: ago(1_800_000) }),
  ];
  const count = scene.recordings.recordings.length;
  scene.recordings = { ...scene.recordings, total: count, matched: count, total_bytes: 13_400_000_000, matched_bytes: 13_400_000_000 };
  scene.recordings.folder.time_left_seconds = 540_000;
  scene.jobs = [
    { id: '1', kind: 'convert_to_mp4', recording_id: 'live_stream_20261121_200012.flv', state: 'running', progress: 0.42, started_at: ago(20), results: [], failure: null },
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
      health: sparse(8.3),
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
      preset: 'facebook',
      url: 'rtmp://live-api-s.facebook.com:80/rtmp',
      state: 'stopped',
      last_error: {
        code: 'key_refused',
        message: 'The server refused the stream key.',
        hint: 'Copy the key once more from Live Producer and paste it here.',
      },
    }),
    destination({ id: 'd4', name: 'Second PC', preset: null, url: 'rtmp://192.168.1.20/live/backup', streams: 'live/*', state: 'live', sending: 'live/gopro', also_waiting: ['live/stream'] }),
    destination({ id: 'd5', name: 'Restream', preset: 'restream', start: 'by_hand', url: 'rtmp://live.restream.io/live', enabled: false, state: 'disabled' }),
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
  own: () => {
    const scene = oneLive();
    const reason = { code: 'certificate_untrusted', message: 'Nobody vouches for the certificate of media.example.org.', hint: 'Compare it.' };
    scene.destinations = [
      destination({
        name: 'My server',
        preset: 'custom',
        url: 'rtmps://media.example.org/live',
        state: 'stopped',
        reason,
        last_error: reason,
        offered_certificate: '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0',
      }),
      destination({ id: 'd7', name: 'Kick', preset: 'kick', state: 'connecting', step: 'tls', sending: 'live/stream' }),
      destination({ id: 'd8', name: 'By hand', preset: 'trovo', state: 'idle', start: 'by_hand', streams: '' }),
      destination({
        id: 'd9',
        name: 'YouTube twice',
        preset: 'youtube',
        state: 'behind',
        sending: 'live/stream',
        bitrate: 2_100_000,
        behind_seconds: 3.2,
        reason: { code: 'too_slow', message: 'The way to YouTube takes less than the stream has.', hint: 'Lower the bitrate.' },
        warnings: [{ code: 'key_frame_interval', message: 'YouTube wants a key frame every 2 s; yours come every 8.0 s.', hint: 'Set it to 2 s.' }],
        backup: { url: 'rtmps://b.rtmps.youtube.com/live2', key_set: false, mode: 'take_over', in_use: true, line: null },
      }),
    ];
    return scene;
  },
  log: () => {
    const scene = oneLive();
    const said = ['publishing', 'player', 'a destination is live', 'recording started', 'the peer left', 'handshake'];
    scene.log = Array.from({ length: 120 }, (_, index) => ({
      id: index + 1,
      at: ago(600 - index * 5),
      level: index % 40 === 39 ? 'error' : index % 11 === 10 ? 'warn' : index % 6 === 5 ? 'debug' : 'info',
      target: 'weir_engine::protocol::rtmp',
      message: said[index % said.length] ?? '',
      stream: index % 2 === 0 ? 'live/stream' : null,
      leg: index % 6 === 2 ? 'd1' : null,
      connection: index % 3 === 0 ? 40 + (index % 5) : null,
      fields: { peer: '127.0.0.1:50412' },
    }));
    return scene;
  },
  secured: () => {
    const scene = nothingLive();
    scene.listeners = [
      listener({ reach: 'network', bound: ['0.0.0.0:1935', '[::]:1935'] }),
      listener({ id: 'rtmps', protocol: 'rtmps', port: 1936, bound: ['0.0.0.0:1936', '[::]:1936'], reach: 'network' }),
      listener({ id: 'srt', protocol: 'srt', port: 10080, enabled: false, state: 'disabled', bound: [] }),
    ];
    scene.access = { ...scene.access, mode: 'token', publish_keys: 2 };
    scene.streamKeys = [
      { id: 'k1', name: 'OBS in the studio', streams: '*', action: 'publish', created_at: ago(86_400 * 20), last_used_at: ago(40) },
      { id: 'k2', name: 'Phone', streams: 'live/phone', action: 'publish', created_at: ago(86_400 * 2), last_used_at: null },
    ];
    scene.hooks.hooks = [
      {
        id: 'h1',
        name: 'Tell the chat',
        enabled: true,
        events: ['publish_start', 'publish_stop'],
        kind: 'webhook',
        script: null,
        arguments: [],
        url: 'https://chat.example.org',
        url_hidden: true,
        headers: ['X-Api-Key'],
        signing_key_set: true,
        succeeded: 41,
        failed: 1,
        left_out: 0,
        results: [
          { at: ago(60), event: 'publish_start', stream: 'live/stream', sample: false, ok: true, error: null, output: '', took_ms: 84, tries: 1 },
          { at: ago(3600), event: 'publish_stop', stream: 'live/stream', sample: false, ok: false, error: 'The address answered 503 Service Unavailable three times.', output: '', took_ms: 6100, tries: 3 },
        ],
      },
    ];
    return scene;
  },
  srt: () => {
    const scene = nothingLive();
    scene.listeners = [listener(), listener({ id: 'srt', protocol: 'srt', port: 10080, bound: ['127.0.0.1:10080'] })];
    scene.srt = { ...scene.srt, encryption: 'per_stream' };
    scene.passphrases = { 'live/gopro': 'correct horse battery', 'live/phone': 'staple staple staple' };
    return scene;
  },
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
