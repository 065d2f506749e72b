/** What brings a decoder that the web view does not have. */
import type { Host } from '../host/host';
import type { Key } from '../i18n/i18n.svelte';

/** What to install for the system's own web view; undefined where nothing helps, and in a browser, where another one does. */
export function decoderHint(kind: Host['kind'], os: string | undefined, codec: string): Key | undefined {
  if (kind !== 'window') return undefined;
  if (os === 'linux') return 'decoder.linux';
  if (os === 'windows' && /H\.265|^(hvc1|hev1)/i.test(codec)) return 'decoder.windows';
  if (os === 'windows' && /^av/i.test(codec)) return 'decoder.windows.av1';
  return undefined;
}
