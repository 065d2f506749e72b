/** Settings that few people need, as a table: what each is, and where it is in the document of all settings. */
import type { Key } from '../../i18n/i18n.svelte';

/** What a setting is in the settings file. */
type Value = string | number | boolean | string[] | null;

export interface Tuned {
  /** Table and name in the settings file. */
  table: string;
  name: string;
  kind: 'whole' | 'number' | 'megabytes' | 'text' | 'list' | 'switch' | 'choice';
  /** Of a choice. */
  options?: readonly string[];
  /** It may be missing, and an empty text takes it away. */
  optional?: boolean;
  /** An address or a path: hidden in streamer mode. */
  personal?: boolean;
}

export interface Group {
  id: string;
  title: Key;
  settings: readonly Tuned[];
}

const whole = (table: string, name: string): Tuned => ({ table, name, kind: 'whole' });
const number = (table: string, name: string): Tuned => ({ table, name, kind: 'number' });
const list = (table: string, name: string): Tuned => ({ table, name, kind: 'list', personal: true });
const text = (table: string, name: string): Tuned => ({ table, name, kind: 'text', optional: true, personal: true });
const choice = (table: string, name: string, ...options: string[]): Tuned => ({ table, name, kind: 'choice', options });

/** In the order shown. */
export const groups: readonly Group[] = [
  {
    id: 'streams',
    title: 'tuning.streams',
    settings: [number('streams', 'grace_seconds'), number('streams', 'play_wait_seconds'), choice('streams', 'duplicate_publisher', 'refuse', 'replace')],
  },
  {
    id: 'limits',
    title: 'tuning.limits',
    settings: [
      whole('limits', 'connections'),
      whole('limits', 'connections_per_address'),
      whole('limits', 'streams'),
      whole('limits', 'players_per_stream'),
      whole('limits', 'publisher_megabits'),
    ],
  },
  {
    id: 'addresses',
    title: 'tuning.addresses',
    settings: [list('rtmp', 'listen'), list('rtmps', 'listen'), list('srt', 'listen'), list('http', 'listen'), list('http', 'names')],
  },
  {
    id: 'rtmp',
    title: 'tuning.rtmp',
    settings: [
      number('rtmp', 'handshake_seconds'),
      number('rtmp', 'idle_seconds'),
      number('rtmp', 'write_seconds'),
      whole('rtmp', 'chunk_size'),
      whole('rtmp', 'max_message_bytes'),
      whole('rtmp', 'max_bytes_before_connect'),
      whole('rtmp', 'max_chunk_streams'),
      whole('rtmp', 'max_amf_depth'),
    ],
  },
  { id: 'auth', title: 'tuning.auth', settings: [number('auth', 'callback_timeout_seconds'), number('auth', 'wrong_try_seconds')] },
  { id: 'tls', title: 'tuning.tls', settings: [list('tls', 'names'), text('tls', 'cert'), text('tls', 'key')] },
  {
    id: 'hooks',
    title: 'tuning.hooks',
    settings: [number('hooks', 'timeout_seconds'), whole('hooks', 'concurrency'), choice('hooks', 'stdio', 'off', 'json', 'env')],
  },
  {
    id: 'log',
    title: 'tuning.log',
    settings: [
      { table: 'log', name: 'file', kind: 'switch' },
      choice('log', 'format', 'text', 'json'),
      { table: 'log', name: 'file_bytes', kind: 'megabytes' },
      whole('log', 'files'),
    ],
  },
];

/** All settings as the engine tells them, table by table. */
export type Document = Record<string, Record<string, Value> | undefined>;

export const valueOf = (document: Document, { table, name }: Tuned): Value => document[table]?.[name] ?? null;

const MEGA = 1_000_000;

/** A value as it is typed. */
export function typed({ kind }: Tuned, value: Value): string {
  if (value === null) return '';
  if (Array.isArray(value)) return value.join(', ');
  return kind === 'megabytes' ? String(Number(value) / MEGA) : String(value);
}

/** What was typed as a value, or the words for what is wrong with it. Whether it can be so, the engine knows. */
export function parsed({ kind, optional }: Tuned, text: string): { value: Value } | { wrong: Key } {
  const trimmed = text.trim();
  switch (kind) {
    case 'whole':
      return /^\d{1,15}$/.test(trimmed) ? { value: Number(trimmed) } : { wrong: 'tuning.wrong.whole' };
    case 'number':
      return /^\d{1,9}([.,]\d{1,6})?$/.test(trimmed) ? { value: Number(trimmed.replace(',', '.')) } : { wrong: 'tuning.wrong.number' };
    case 'megabytes':
      return /^\d{1,9}([.,]\d{1,6})?$/.test(trimmed) ? { value: Math.round(Number(trimmed.replace(',', '.')) * MEGA) } : { wrong: 'tuning.wrong.number' };
    case 'list':
      return { value: trimmed === '' ? [] : trimmed.split(/[\s,]+/).filter((part) => part !== '') };
    default:
      return trimmed === '' && optional ? { value: null } : { value: trimmed };
  }
}
