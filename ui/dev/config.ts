/** The document of all settings as the engine tells it, as far as a page shows it. */
import type { AllSettings } from '../src/engine/client';

const defaults: AllSettings['config'] = {
  rtmp: {
    listen: ['localhost:1935'],
    chunk_size: 60_000,
    handshake_seconds: 5,
    idle_seconds: 90,
    write_seconds: 30,
    max_message_bytes: 16_777_215,
    max_bytes_before_connect: 65_536,
    max_chunk_streams: 64,
    max_amf_depth: 16,
  },
  rtmps: { listen: ['localhost:1936'] },
  srt: { listen: ['localhost:10080'] },
  http: { listen: [], names: [] },
  tls: { names: [], cert: null, key: null },
  streams: { grace_seconds: 10, play_wait_seconds: 10, duplicate_publisher: 'refuse' },
  auth: { callback_timeout_seconds: 5, wrong_try_seconds: 6 },
  limits: { connections: 10_000, connections_per_address: 4000, streams: 1000, players_per_stream: 10_000, publisher_megabits: 500 },
  hooks: { timeout_seconds: 30, concurrency: 10, stdio: 'off' },
  metrics: {},
  log: { file: true, format: 'text', file_bytes: 10_000_000, files: 5 },
};

export const config: AllSettings = { config: defaults, defaults };
