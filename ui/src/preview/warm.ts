import { pictures } from './choice.svelte';
import { hasWebCodecs } from './screen';

/** After the page has settled. */
const SETTLED_MS = 1500;

/** What nearly every encoder sends. */
const USUAL: VideoDecoderConfig = { codec: 'avc1.42E01E' };

let isWarm = false;

/**
 * Lets the web view load its decoders while nothing is live. WebKitGTK stands still for that, up to a second the first time,
 * which would otherwise delay the first picture. Returns what takes it back.
 */
export function warmDecoders(): () => void {
  if (isWarm || !pictures.on || !hasWebCodecs()) return () => {};
  const timer = setTimeout(() => {
    if (document.hidden) return;
    isWarm = true;
    VideoDecoder.isConfigSupported(USUAL).catch(() => {});
  }, SETTLED_MS);
  return () => clearTimeout(timer);
}
