/** The engine's states in words, the same on every page. */
import type { Destination, Listener, Stream } from '../api/model';
import type { Shape, Tone } from '../components/state';
import { bytes, duration, seconds } from '../i18n/format';
import { maybe, t } from '../i18n/i18n.svelte';
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

export function destinationState(destination: Destination): StateWords {
  switch (destination.state) {
    case 'disabled':
      return { shape: 'dash', tone: 'idle', word: t('destination.disabled') };
    case 'waiting':
      return { shape: 'ring', tone: 'idle', word: t('destination.waiting') };
    case 'connecting':
      return { shape: 'half', tone: 'busy', word: t('destination.connecting') };
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

/** Length and size of a file being written. */
export const written = (recording: { duration_seconds: number; size_bytes: number }): string =>
  t('recording.written', { duration: duration(recording.duration_seconds), size: bytes(recording.size_bytes) });

/** What went wrong, in the person's language where this page knows the code, otherwise in the engine's words. */
export function problemWords(problem: { code: string; message: string; hint?: string }): {
  message: string;
  hint: string;
} {
  return {
    message: maybe(`problem.${problem.code}.message`) ?? problem.message,
    hint: maybe(`problem.${problem.code}.hint`) ?? problem.hint ?? '',
  };
}

export const requestWords = (error: RequestError): { message: string; hint: string } => problemWords(error);
