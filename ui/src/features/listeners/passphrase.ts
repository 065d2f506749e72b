import { t, type Key } from '../../i18n/i18n.svelte';

/** SRT takes 10 to 79 bytes (draft-sharabayko-srt, section 6). */
export function passphraseProblem(passphrase: string): Key | undefined {
  const bytes = bytesOf(passphrase);
  if (passphrase !== '' && passphrase.trim() === '') return 'srt.passphrase.blank';
  if (bytes < 10) return 'srt.passphrase.short';
  if (bytes > 79) return 'srt.passphrase.long';
  return undefined;
}

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** The stream that is meant, as the engine reads it: a query is no part of its name. */
export const streamOf = (text: string): string => text.trim().replace(/\?.*/s, '');

/** What is wrong with the name of a stream as far as one can tell without asking the engine. */
export function pathProblem(text: string): Key | undefined {
  const path = streamOf(text);
  const usable = /^[^\s/\\]+(\/[^\s/\\]+)+$/.test(path) && !/(^|\/)\.\.?(\/|$)/.test(path);
  return usable ? undefined : 'stream.name.wrong';
}

/** A passphrase file as it was read, or why it cannot be taken. */
export type Read = { book: Record<string, string> } | { message: string; hint: string };

/** Largest request that the engine takes. */
const MOST_BYTES = 64 << 10;

export const tooLarge = (): Read => ({ message: t('srt.import.large'), hint: t('srt.import.large.hint') });

/** Reads a passphrase file: what the form refuses is refused here too, before anybody is asked anything. */
export function readBook(text: string): Read {
  const hint = t('srt.import.hint');
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return { message: t('srt.import.broken'), hint };
  }
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return { message: t('srt.import.form'), hint };
  const book: Record<string, string> = {};
  for (const [name, passphrase] of Object.entries(file)) {
    if (typeof passphrase !== 'string') return { message: t('srt.import.entry', { name }), hint };
    const wrongName = pathProblem(name);
    if (wrongName) return { message: t('srt.import.name', { name }), hint: t(wrongName) };
    const wrong = passphraseProblem(passphrase);
    if (wrong) return { message: t('srt.import.passphrase', { name: streamOf(name) }), hint: t(wrong) };
    if (Object.hasOwn(book, streamOf(name))) return { message: t('srt.import.twice', { name: streamOf(name) }), hint };
    book[streamOf(name)] = passphrase;
  }
  return bytesOf(JSON.stringify(book)) > MOST_BYTES ? tooLarge() : { book };
}
