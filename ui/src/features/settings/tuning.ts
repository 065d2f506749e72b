/** Settings that few people need, as a table: what each is, and where it is in the document of all settings. */
import type { Key, Params } from '../../i18n/i18n.svelte';

/** What a setting is in the settings file. */
type Value = string | number | boolean | string[] | null;

export interface Tuned {
  /** Table and name in the settings file. */
  table: string;
  name: string;
  kind: 'whole' | 'number' | 'megabytes' | 'addresses' | 'list' | 'files' | 'switch' | 'choice';
  /** Of a choice. */
  options?: readonly string[];
  /** Settings that are set and taken away together. */
  files?: readonly [string, string];
  /** Of a number, as it is in the settings file: what the engine takes. */
  least?: number;
  most?: number;
  /** An address or a path: hidden in streamer mode. */
  personal?: boolean;
}

export interface Group {
  id: string;
  title: Key;
  settings: readonly Tuned[];
}

type Range = Pick<Tuned, 'least' | 'most'>;

/** Largest number that the engine reads, and longest time, seconds. */
const MOST = 4_294_967_295;
const LONGEST = 366 * 24 * 3600;

const whole = (table: string, name: string, range: Range = {}): Tuned => ({ table, name, kind: 'whole', ...range });
const seconds = (table: string, name: string, range: Range = {}): Tuned => ({ table, name, kind: 'number', ...range });
const addresses = (table: string): Tuned => ({ table, name: 'listen', kind: 'addresses', personal: true });
const names = (table: string): Tuned => ({ table, name: 'names', kind: 'list', personal: true });
const choice = (table: string, name: string, ...options: string[]): Tuned => ({ table, name, kind: 'choice', options });

/** One or more: none would shut everybody out. */
const some = { least: 1 };
/** The shortest time for what must be given some. */
const soon = { least: 0.1 };

/** In the order shown. */
export const groups: readonly Group[] = [
  {
    id: 'streams',
    title: 'tuning.streams',
    settings: [seconds('streams', 'grace_seconds'), seconds('streams', 'play_wait_seconds'), choice('streams', 'duplicate_publisher', 'refuse', 'replace')],
  },
  {
    id: 'limits',
    title: 'tuning.limits',
    settings: [
      whole('limits', 'connections', some),
      whole('limits', 'connections_per_address', some),
      whole('limits', 'streams', some),
      whole('limits', 'players_per_stream'),
      whole('limits', 'publisher_megabits'),
    ],
  },
  {
    id: 'addresses',
    title: 'tuning.addresses',
    settings: [addresses('rtmp'), addresses('rtmps'), addresses('srt'), addresses('http'), names('http')],
  },
  {
    id: 'rtmp',
    title: 'tuning.rtmp',
    settings: [
      seconds('rtmp', 'handshake_seconds', soon),
      seconds('rtmp', 'idle_seconds', soon),
      seconds('rtmp', 'write_seconds', soon),
      whole('rtmp', 'chunk_size', { least: 1, most: 65_536 }),
      whole('rtmp', 'max_message_bytes', { least: 4096, most: 16_777_215 }),
      whole('rtmp', 'max_bytes_before_connect', { least: 4096 }),
      whole('rtmp', 'max_chunk_streams', { least: 4, most: 65_599 }),
      whole('rtmp', 'max_amf_depth', { least: 3, most: 64 }),
    ],
  },
  { id: 'auth', title: 'tuning.auth', settings: [seconds('auth', 'callback_timeout_seconds', soon), seconds('auth', 'wrong_try_seconds')] },
  { id: 'tls', title: 'tuning.tls', settings: [names('tls'), { table: 'tls', name: 'files', kind: 'files', files: ['cert', 'key'], personal: true }] },
  {
    id: 'hooks',
    title: 'tuning.hooks',
    settings: [seconds('hooks', 'timeout_seconds', soon), whole('hooks', 'concurrency', { least: 1, most: 256 }), choice('hooks', 'stdio', 'off', 'json', 'env')],
  },
  {
    id: 'log',
    title: 'tuning.log',
    settings: [
      { table: 'log', name: 'file', kind: 'switch' },
      choice('log', 'format', 'text', 'json'),
      { table: 'log', name: 'file_bytes', kind: 'megabytes', least: 4096 },
      whole('log', 'files', some),
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

type Parsed = { value: Value } | { wrong: Key; params?: Params };

/** The value where it is within what the engine takes. */
function within(setting: Tuned, value: number): Parsed {
  const { kind, least = 0, most } = setting;
  const limit = most ?? (kind === 'whole' ? MOST : kind === 'number' ? LONGEST : Number.MAX_SAFE_INTEGER);
  if (value >= least && value <= limit) return { value };
  const params = { least: typed(setting, least), most: typed(setting, limit) };
  if (most !== undefined) return { wrong: 'tuning.wrong.between', params };
  return { wrong: value < least ? 'tuning.wrong.least' : 'tuning.wrong.most', params };
}

const ADDRESS = /^\S*:\d{1,5}$/;

/**
 * What was typed as a value, or the words for what is wrong with it. Whether a text can be so, the engine knows. No address at all
 * would switch a listener off, which has a switch of its own, and would take the page away from who reads it in a browser.
 */
export function parsed(setting: Tuned, text: string, inBrowser = false): Parsed {
  const trimmed = text.trim();
  const number = Number(trimmed.replace(',', '.'));
  const isNumber = /^\d{1,9}([.,]\d{1,6})?$/.test(trimmed);
  const parts = trimmed.split(/[\s,]+/).filter((part) => part !== '');
  switch (setting.kind) {
    case 'whole':
      return /^\d{1,15}$/.test(trimmed) ? within(setting, number) : { wrong: 'tuning.wrong.whole' };
    case 'number':
      return isNumber ? within(setting, number) : { wrong: 'tuning.wrong.number' };
    case 'megabytes':
      return isNumber ? within(setting, Math.round(number * MEGA)) : { wrong: 'tuning.wrong.number' };
    case 'addresses':
      if (parts.length === 0 && setting.table !== 'http') return { wrong: 'tuning.wrong.off' };
      if (parts.length === 0 && inBrowser) return { wrong: 'tuning.wrong.page' };
      return parts.every((part) => ADDRESS.test(part)) ? { value: parts } : { wrong: 'tuning.wrong.address' };
    case 'list':
      return { value: parts };
    default:
      return { value: trimmed };
  }
}
