/** What the list asks the engine for, and a recording's facts in words. */
import type { Recording, RecordingQuery } from '../../api/model';
import type { StateWords } from '../../engine/words';
import { t } from '../../i18n/i18n.svelte';

export interface Wanted {
  search: string;
  sort: 'started' | 'name' | 'duration' | 'size';
  order: 'asc' | 'desc';
  state: Recording['state'] | '';
}

export const asQuery = ({ search, sort, order, state }: Wanted, limit: number): RecordingQuery => ({
  sort,
  order,
  limit,
  ...(search.trim() && { search: search.trim() }),
  ...(state && { state }),
});

export function stateOf(recording: Recording): StateWords | undefined {
  switch (recording.state) {
    case 'recording':
      return { shape: 'full', tone: 'bad', word: t('recordings.now') };
    case 'failed':
      return { shape: 'warning', tone: 'bad', word: t('recordings.failed') };
    case 'repaired':
      return { shape: 'half', tone: 'good', word: t('recordings.repaired') };
    case 'interrupted':
      return { shape: 'pause', tone: 'busy', word: t('recordings.interrupted') };
    case 'damaged':
      return { shape: 'cross', tone: 'bad', word: t('recordings.damaged') };
    case 'unread':
      return { shape: 'ring', tone: 'idle', word: t('recordings.unread') };
    case 'finished':
      return undefined;
  }
}

/** Codecs and the size of the picture, in one line. */
export function codecs({ tracks, container }: Recording): string {
  const video = tracks.find(({ kind }) => kind === 'video');
  const size = video?.width != null && video.height != null ? `${video.width} × ${video.height}` : undefined;
  return [container.toUpperCase(), ...new Set(tracks.map(({ codec }) => codec)), size].filter(Boolean).join(' · ');
}

/** Whether it can be played here: something of it is there to be played. */
export const playable = ({ state, tracks }: Recording): boolean => state !== 'damaged' && state !== 'unread' && tracks.length > 0;

/** One of several tracks of a kind: its number, what tells it from the others, and its codec. */
export function trackWords({ index, codec, language, width, height, channels }: Recording['tracks'][number]): string {
  const size = width != null && height != null ? `${width} × ${height}` : undefined;
  const sound = channels == null ? undefined : channels === 1 ? t('sound.mono') : channels === 2 ? t('sound.stereo') : t('sound.channels', { n: channels });
  return [t('player.track', { n: index + 1 }), language, size ?? sound, codec].filter(Boolean).join(' · ');
}
