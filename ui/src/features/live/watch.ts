/** Where a player finds a live stream: the listener it was sent to, and its own path. */
import type { IngestAddress } from '../../api/model';

/** Scheme, host and port. By hand: web views before Chrome 130 leave the host of an rtmp:// `URL` empty. */
const ORIGIN = /^rtmp:\/\/[^/]+/;

/** `rtmp://host:port/path`, this computer's own address first; empty when nothing listens. */
export function watchAddresses(ingest: readonly IngestAddress[], path: string): string[] {
  return ingest.flatMap(({ server }) => {
    const origin = ORIGIN.exec(server)?.[0];
    return origin ? [`${origin}/${path}`] : [];
  });
}
