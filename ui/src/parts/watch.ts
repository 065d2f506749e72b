/** Where a player finds a live stream: the listener it was sent to, and its own path. */
import type { IngestAddress } from '../api/model';

/** Scheme, host and port. By hand: web views before Chrome 130 leave the host of an rtmp:// `URL` empty. */
const ORIGIN = /^([a-z]+):\/\/[^/?]+/;

export interface PlayAddress {
  kind: 'rtmp' | 'rtmps' | 'srt' | 'http';
  reach: IngestAddress['reach'];
  url: string;
}

/** `rtmp://host:port/path`, this computer's own address first; over TLS where only that listens, and empty when nothing does. */
export function watchAddresses(ingest: readonly IngestAddress[], path: string): string[] {
  const all = playAddresses(ingest, path);
  const over = (wanted: PlayAddress['kind']): string[] => all.filter(({ kind }) => kind === wanted).map(({ url }) => url);
  return over('rtmp').length > 0 ? over('rtmp') : over('rtmps');
}

/** Every address under which players find the stream. `page` is the origin of this page where it is served over HTTP. */
export function playAddresses(ingest: readonly IngestAddress[], path: string, page?: string): PlayAddress[] {
  const streams = ingest.flatMap(({ server, reach }): PlayAddress[] => {
    const [origin, scheme] = ORIGIN.exec(server) ?? [];
    if (!origin) return [];
    if (scheme === 'srt') return [{ kind: 'srt', reach, url: `${origin}?streamid=read:${path.split('/').map(encodeURIComponent).join('/')}` }];
    return scheme === 'rtmp' || scheme === 'rtmps' ? [{ kind: scheme, reach, url: `${origin}/${path}` }] : [];
  });
  if (page === undefined) return streams;
  const local = /^https?:\/\/(localhost|127\.|\[::1\])/.test(page);
  return [...streams, { kind: 'http', reach: local ? 'this_computer' : 'network', url: `${page}/#/live/${path.split('/').map(encodeURIComponent).join('/')}` }];
}
