import type { Key } from '../../i18n/i18n.svelte';

/** SRT takes 10 to 79 bytes (draft-sharabayko-srt, section 6). */
export function passphraseProblem(passphrase: string): Key | undefined {
  const bytes = new TextEncoder().encode(passphrase).length;
  if (bytes < 10) return 'srt.passphrase.short';
  if (bytes > 79) return 'srt.passphrase.long';
  return undefined;
}

/** What is wrong with the name of a stream as far as one can tell without asking the engine. */
export function pathProblem(path: string): Key | undefined {
  return /^[^\s/]+(\/[^\s/]+)+$/.test(path.trim()) ? undefined : 'stream.name.wrong';
}
