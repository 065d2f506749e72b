/** Everything that is or was wrong, from wherever the engine tells it, in one shape. */
import type { Destination, Listener, Notice, Problem, Stream } from '../../api/model';
import { findingWords } from '../../engine/health';
import { problemWords, type ProblemWords, type Scope } from '../../engine/words';
import { href } from '../../route.svelte';

export type Kind = 'attempts' | 'streams' | 'destinations' | 'recordings' | 'weir';

export interface Trouble {
  key: string;
  kind: Kind;
  code: string;
  words: ProblemWords;
  /** The engine's own sentence, when `words` are not it. */
  said?: string | undefined;
  at?: string | undefined;
  count: number;
  /** What it is about: a stream, a destination, a file. */
  about?: string | undefined;
  remote?: string | undefined;
  /** Where it can be put right, when it is wrong right now, and the page's address. */
  go?: { to: 'destinations' | 'listeners' | 'recordings' | 'stream'; href: string } | undefined;
}

/** What the engine knows, as far as it was read. */
export interface Known {
  problems: readonly Problem[];
  listeners: readonly Listener[];
  destinations: readonly Destination[];
  streams: readonly Stream[];
  /** What the engine says of itself. */
  notices: readonly Notice[];
}

const WEIR = new Set(['port_taken', 'port_in_use', 'cannot_listen', 'out_of_sockets', 'too_many_connections', 'too_many_streams', 'internal']);

export function kindOf(code: string): Kind {
  if (code.startsWith('recording') || code.startsWith('disk')) return 'recordings';
  if (code.startsWith('destination')) return 'destinations';
  if (WEIR.has(code) || /^(certificate|config|hook|listener|settings|metrics)_/.test(code)) return 'weir';
  return 'attempts';
}

function told(notice: { code: string; message: string; hint?: string }, scope?: Scope): Pick<Trouble, 'code' | 'words' | 'said'> {
  const words = problemWords(notice, scope);
  return { code: notice.code, words, said: words.message === notice.message ? undefined : notice.message };
}

const page = (to: 'destinations' | 'listeners' | 'recordings'): NonNullable<Trouble['go']> => ({ to, href: href(to) });
const [listeners, destinations, recordings] = [page('listeners'), page('destinations'), page('recordings')];

/** What is wrong at this moment: it goes away when it is put right. */
export function standing({ streams, notices, ...known }: Omit<Known, 'problems'>): Trouble[] {
  const ports = known.listeners
    .filter(({ state, problem }) => problem && (state === 'port_taken' || state === 'failed'))
    .map((listener): Trouble => {
      const { id, protocol, port, problem } = listener;
      const notice = problem ?? { code: 'cannot_listen', message: '' };
      return { key: `listener ${id}`, kind: 'weir', ...told(notice), count: 1, about: `${protocol.toUpperCase()} ${port}`, go: listeners };
    });
  const legs = known.destinations
    .filter(({ state, last_error }) => last_error && (state === 'retrying' || state === 'stopped'))
    .map((destination): Trouble => {
      const { id, name, last_error, last_error_at } = destination;
      const notice = last_error ?? { code: 'network_error', message: '' };
      return { key: `destination ${id}`, kind: 'destinations', ...told(notice, 'destination'), at: last_error_at ?? undefined, count: 1, about: name, go: destinations };
    });
  const files = streams
    .filter(({ recording }) => recording?.failure)
    .map(({ path, recording }): Trouble => {
      const notice = recording?.failure ?? { code: 'internal', message: '' };
      return { key: `recording ${path}`, kind: 'recordings', ...told(notice, 'recording'), count: 1, about: path, go: recordings };
    });
  const health = streams.flatMap(({ path, health: { findings, encoder } }) =>
    findings
      .filter(({ level }) => level === 'bad' || level === 'warning')
      .map((finding): Trouble => {
        const words = findingWords(finding, encoder);
        const said = words.message === finding.message ? undefined : finding.message;
        const go = { to: 'stream', href: href('live', path) } as const;
        return { key: `health ${path} ${finding.code}`, kind: 'streams', code: finding.code, words, said, count: 1, about: path, go };
      }),
  );
  const said = notices.map((notice): Trouble => ({ key: `notice ${notice.code}`, kind: 'weir', ...told(notice), count: 1, go: listeners }));
  return [...ports, ...said, ...health, ...legs, ...files];
}

/** What happened, newest first. */
export const past = (problems: readonly Problem[]): Trouble[] =>
  problems.map((problem) => ({
    key: String(problem.id),
    kind: kindOf(problem.code),
    ...told(problem),
    at: problem.at,
    count: problem.count,
    about: problem.stream ?? undefined,
    remote: problem.remote ?? undefined,
  }));

export function matches(trouble: Trouble, kind: Kind | 'all', search: string): boolean {
  if (kind !== 'all' && trouble.kind !== kind) return false;
  const { words, said, code, about, remote } = trouble;
  const text = [words.message, words.hint, said, code, about, remote].join(' ').toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
