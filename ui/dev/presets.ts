/** Some services, with the engine's own shape, for looking at the gallery. The real ones come from the engine. */
import type { Preset } from '../src/api/model';

const limits: Preset['limits'] = {
  video_codecs: ['H.264'],
  audio_codecs: ['AAC'],
  key_frame_seconds: 2,
  max_key_frame_seconds: 4,
  max_video_bitrate: 6_000_000,
  max_audio_bitrate: 320_000,
  max_long_side: 1920,
  max_short_side: 1080,
  max_frame_rate: 60,
  portrait: false,
  audio_required: false,
  sample_rates: [],
  max_channels: 2,
  max_hours: 48,
};

export const preset = (changes: Partial<Preset>): Preset => ({
  id: 'twitch',
  name: 'Twitch',
  kind: 'service',
  servers: [],
  url_form: null,
  backup_url: null,
  backup_at_once: false,
  key_page: null,
  key_hint: 'The key stands on the page of the service.',
  key_options: [],
  limits,
  checked: '2026-11-26',
  sources: [],
  ...changes,
});

const names: Record<string, string> = {
  facebook: 'Facebook',
  instagram: 'Instagram',
  kick: 'Kick',
  linkedin: 'LinkedIn',
  restream: 'Restream',
  rumble: 'Rumble',
  tiktok: 'TikTok',
  trovo: 'Trovo',
  vimeo: 'Vimeo',
  x: 'X',
};

export const presets: Preset[] = [
  preset({
    servers: [
      { name: 'Automatic', url: 'rtmps://ingest.global-contribute.live-video.net/app' },
      { name: 'Frankfurt', url: 'rtmp://fra02.contribute.live-video.net/app' },
    ],
    key_page: 'https://dashboard.twitch.tv/settings/stream',
    key_hint: 'Settings, Stream, Primary Stream key.',
    key_options: [{ append: '?bandwidthtest=true', meaning: 'Test only: try the connection without going live, so that nobody sees the stream.' }],
  }),
  preset({
    id: 'youtube',
    name: 'YouTube',
    servers: [{ name: 'Primary', url: 'rtmps://a.rtmps.youtube.com/live2' }],
    backup_url: 'rtmps://b.rtmps.youtube.com/live2?backup=1',
    key_page: 'https://studio.youtube.com/',
  }),
  ...Object.entries(names).map(([id, name]) => preset({ id, name })),
  preset({ id: 'mediamtx', name: 'MediaMTX', kind: 'server', url_form: 'rtmp://HOST/NAME' }),
  preset({ id: 'nginx', name: 'nginx-rtmp', kind: 'server', url_form: 'rtmp://HOST/APP' }),
  preset({ id: 'owncast', name: 'Owncast', kind: 'server', url_form: 'rtmp://HOST/live' }),
  preset({ id: 'custom', name: 'Custom', kind: 'custom', limits: { ...limits, video_codecs: [], max_video_bitrate: null, max_long_side: null, max_frame_rate: null, max_key_frame_seconds: null, max_hours: null } }),
];
