/** The lines of the log as the page holds them: the newest, bounded, and which of them are wanted. */
import type { LogLine } from '../../api/model';

/** Lines held; older ones go. The engine keeps about as many. */
export const HELD = 2000;
/** Lines drawn: more would only make the page slow, nobody reads them at once. */
export const DRAWN = 600;

export type Level = LogLine['level'];
export const levels = ['error', 'warn', 'info', 'debug'] as const satisfies readonly Level[];

export interface Wanted {
  level: Level;
  stream: string;
  leg: string;
  connection: string;
  search: string;
}

export const everything: Wanted = { level: 'debug', stream: '', leg: '', connection: '', search: '' };

/** The held lines with new ones at the end. Lines that came twice are kept once. */
export function append(held: readonly LogLine[], fresh: readonly LogLine[]): readonly LogLine[] {
  const last = held.at(-1)?.id ?? 0;
  const added = fresh.filter(({ id }) => id > last);
  return added.length === 0 ? held : [...held, ...added].slice(-HELD);
}

export function wanted(line: LogLine, { level, stream, leg, connection, search }: Wanted): boolean {
  if (levels.indexOf(line.level) > levels.indexOf(level)) return false;
  if (stream !== '' && line.stream !== stream) return false;
  if (leg !== '' && line.leg !== leg) return false;
  if (connection !== '' && String(line.connection ?? '') !== connection) return false;
  const text = [line.message, line.target, line.stream, line.leg, ...Object.values(line.fields)].join(' ').toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** What the lines are about, for choosing one. */
export const about = (lines: readonly LogLine[], what: 'stream' | 'leg'): string[] =>
  [...new Set(lines.flatMap((line) => line[what] ?? []))].sort();

/** A line as text, in English like the log itself. */
export function asText(line: LogLine): string {
  const facts = [
    line.stream != null && `stream=${line.stream}`,
    line.leg != null && `leg=${line.leg}`,
    line.connection != null && `connection=${line.connection}`,
    ...Object.entries(line.fields).map(([name, value]) => `${name}=${value}`),
  ].filter((fact) => fact !== false);
  return `${line.at} ${line.level.toUpperCase().padEnd(5)} ${line.target}: ${line.message}${facts.length > 0 ? ` ${facts.join(' ')}` : ''}`;
}
