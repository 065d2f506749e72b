import type { Track } from '../api/model';
import { kilohertz } from '../i18n/format';
import { t } from '../i18n/i18n.svelte';

/** "H.264 High, level 4.1", as far as the stream tells. */
export const codecLine = (track: Track): string =>
  [
    [track.codec, track.profile].filter(Boolean).join(' '),
    track.level ? t('facts.level', { level: track.level }) : '',
  ]
    .filter(Boolean)
    .join(', ');

function channelWords(channels: number): string {
  if (channels === 1) return t('sound.mono');
  if (channels === 2) return t('sound.stereo');
  return t('sound.channels', { n: channels });
}

/** "48 kHz, stereo", as far as the stream tells. */
export const audioLine = (track: Track): string =>
  [
    track.sample_rate ? t('sound.rate', { khz: kilohertz(track.sample_rate) }) : '',
    track.channels ? channelWords(track.channels) : '',
  ]
    .filter(Boolean)
    .join(', ');
