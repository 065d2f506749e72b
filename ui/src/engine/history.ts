/** How long a bitrate line looks back, seconds. */
export const HISTORY_SECONDS = 120;
/** How long it is at least, seconds: a stream that began a moment ago fills it from the right. */
const SHORTEST_SECONDS = 30;

/** Bits a second, one value a second, oldest first. `at` is the time of the last in milliseconds. */
export interface History {
  readonly at: number;
  readonly values: readonly number[];
}

/** The history with one more value. Seconds that were not heard of repeat nothing: they are zero, as on the wire. */
export function append(history: History | undefined, at: number, bitrate: number): History {
  // The first tick comes before the first second is measured.
  if (!history || history.values.length === 0) return { at, values: bitrate > 0 ? [bitrate] : [] };
  const silent = Math.min(Math.max(Math.round((at - history.at) / 1000) - 1, 0), HISTORY_SECONDS);
  const values = [...history.values, ...Array<number>(silent).fill(0), bitrate];
  return { at, values: values.slice(-HISTORY_SECONDS) };
}

/** How many seconds to show across: as many as there are, between the two bounds. */
export const span = (history: History | undefined): number =>
  Math.max(SHORTEST_SECONDS, history?.values.length ?? 0);

/** The values of `told`, which end about now, with those the page has heard itself in their place; nothing when that is no more. */
export function earlier(told: readonly number[], own: History | undefined): number[] | undefined {
  const heard = own?.values.length ?? 0;
  const before = told.slice(0, Math.max(0, told.length - heard));
  return before.length === 0 ? undefined : [...before, ...(own?.values ?? [])].slice(-HISTORY_SECONDS);
}
