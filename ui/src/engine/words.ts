/** The engine's states in words, the same on every page. */
import type { Destination, DestinationStep, Listener, Stream } from '../api/model';
import type { Shape, Tone } from '../components/state';
import { bytes, duration, seconds } from '../i18n/format';
import { locale, maybe, t, type Key } from '../i18n/i18n.svelte';
import type { RequestError } from './client';

export interface StateWords {
  shape: Shape;
  tone: Tone;
  word: string;
}

export function streamState(stream: Stream): StateWords {
  switch (stream.state) {
    case 'live':
      return { shape: 'full', tone: 'good', word: t('stream.live') };
    case 'interrupted':
      return { shape: 'pause', tone: 'busy', word: t('stream.interrupted') };
    case 'waiting':
      return { shape: 'ring', tone: 'idle', word: t('stream.waiting') };
  }
}

/** Where on the way a destination is, from a name to a stream that arrives. */
const steps = {
  dns: 'destination.step.dns',
  tcp: 'destination.step.tcp',
  tls: 'destination.step.tls',
  handshake: 'destination.step.handshake',
  connect: 'destination.step.connect',
  publish: 'destination.step.publish',
  first_data: 'destination.step.firstData',
} as const satisfies Record<DestinationStep, Key>;

/** What a state needs: that of a destination, or of the connection to its second address. */
type Leg = Pick<Destination, 'state' | 'step' | 'behind_seconds' | 'retry_in_seconds'> & { connected?: boolean };

export function destinationState(destination: Leg): StateWords {
  switch (destination.state) {
    case 'disabled':
      return { shape: 'dash', tone: 'idle', word: t('destination.disabled') };
    case 'idle':
      return { shape: 'pause', tone: 'idle', word: t('destination.idle') };
    case 'waiting':
      return { shape: 'ring', tone: 'idle', word: destination.connected ? t('destination.ready') : t('destination.waiting') };
    case 'connecting':
      return { shape: 'half', tone: 'busy', word: destination.step ? t(steps[destination.step]) : t('destination.connecting') };
    case 'live':
      return { shape: 'full', tone: 'good', word: t('destination.live') };
    case 'behind':
      return {
        shape: 'warning',
        tone: 'busy',
        word: t('destination.behind', { s: seconds(destination.behind_seconds) }),
      };
    case 'retrying': {
      const s = destination.retry_in_seconds;
      const word = s == null ? t('destination.retrying') : t('destination.retryingIn', { s: Math.ceil(s) });
      return { shape: 'again', tone: 'busy', word };
    }
    case 'stopped':
      return { shape: 'cross', tone: 'bad', word: t('destination.stopped') };
  }
}

export function listenerState(listener: Listener): StateWords {
  // Port 0 lets the system choose.
  const port = listener.port || Number(listener.bound[0]?.split(':').at(-1) ?? 0);
  switch (listener.state) {
    case 'listening':
      return { shape: 'full', tone: 'good', word: t('listener.listening', { port }) };
    case 'disabled':
      return { shape: 'dash', tone: 'idle', word: t('listener.disabled') };
    case 'port_taken':
      return { shape: 'cross', tone: 'bad', word: t('listener.portTaken', { port }) };
    case 'failed':
      return { shape: 'cross', tone: 'bad', word: t('listener.down') };
  }
}

/** Whether a destination takes this stream: it names one, all of an application (`live/*`), or any (`*`). */
export function takes(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('/*') && path.startsWith(pattern.slice(0, -1));
}

/** The stream that a destination sends, as the engine takes it: the one that has been live longest. Chosen by hand it may be any. */
export function taken(streams: readonly Stream[], pattern: string): Stream | undefined {
  const fit = streams.filter(({ state, path }) => state === 'live' && (pattern === '' || takes(pattern, path)));
  return fit.reduce<Stream | undefined>((longest, one) => (longest && longest.uptime_seconds >= one.uptime_seconds ? longest : one), undefined);
}

/** Length and size of a file being written. */
export const written = (recording: { duration_seconds: number; size_bytes: number }): string =>
  t('recording.written', { duration: duration(recording.duration_seconds), size: bytes(recording.size_bytes) });

/** Where a code comes from, when the same word means something else elsewhere. */
export type Scope = 'destination' | 'recording' | 'finding';

export interface ProblemWords {
  message: string;
  hint: string;
}

/**
 * What went wrong. The engine speaks English and knows the case best; for other languages this page has words by code,
 * and falls back on the engine's for a code it does not know.
 */
export function problemWords(problem: { code: string; message: string; hint?: string }, scope?: Scope): ProblemWords {
  const known = (part: 'message' | 'hint'): string | undefined =>
    (scope && maybe(`problem.${scope}.${problem.code}.${part}`)) ?? maybe(`problem.${problem.code}.${part}`);
  if (problem.message !== '' && (locale.language === 'en' || known('message') === undefined)) {
    return { message: problem.message, hint: problem.hint ?? '' };
  }
  return { message: known('message') ?? problem.message, hint: known('hint') ?? problem.hint ?? '' };
}

/** What went wrong with a request. A setting has the name that it has on the page, and no reference of settings is at hand there. */
export function requestWords(error: RequestError): ProblemWords {
  const { name: item = '', reason = '' } = error.setting ?? {};
  // The page has a name for the list, and none for each item.
  const setting = item.replace(/\[.*/, '');
  const name = maybe(`tuning.${setting}`) ?? maybe(setting);
  if (name === undefined) return problemWords(error);
  return { message: t('tuning.refused', { name, reason }), hint: error.hint.startsWith('docs/') ? '' : error.hint };
}
