/** Places of a recording to jump to, in words: where something is missing, and what the maker of a file marked. */
import type { RecordingMedia } from '../../api/model';
import { duration, seconds } from '../../i18n/format';
import { t, type Key } from '../../i18n/i18n.svelte';

export interface Place {
  /** Where a press leads, seconds: behind what is missing. */
  at: number;
  /** Where that begins, for what is missing. */
  from?: number;
  word: string;
}

const causes = {
  encoder_away: 'player.gap.encoder_away',
  disk_slow: 'player.gap.disk_slow',
} as const satisfies Record<NonNullable<RecordingMedia['chapters'][number]['gap']>['cause'], Key>;

const lasting = (time: number): string => (time < 60 ? t('time.seconds', { n: seconds(time) }) : duration(time));

/** In the order of time. What lies behind the end is left out: others' files may say anything. */
export function placesOf({ chapters, duration_seconds: length }: Pick<RecordingMedia, 'chapters' | 'duration_seconds'>): Place[] {
  const place = ({ start_seconds: from, title, gap }: RecordingMedia['chapters'][number]): Place =>
    gap ? { at: Math.min(from + gap.missing_seconds, length), from, word: t(causes[gap.cause], { time: lasting(gap.missing_seconds) }) } : { at: from, word: title };
  return chapters
    .filter(({ start_seconds: from }) => from <= length)
    .map(place)
    .sort((a, b) => a.at - b.at);
}

/** The next place behind `time`, or the one before it: what was reached just now counts as passed. */
export function nextPlace(places: readonly Place[], time: number, way: 1 | -1): Place | undefined {
  const NEAR = 1.5;
  return way === 1 ? places.find(({ at }) => at > time + 0.1) : places.findLast(({ at }) => at < time - NEAR);
}
