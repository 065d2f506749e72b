/** How the apps people use on a phone are told where to send: each has a form of its own. */
import type { IngestAddress } from '../../api/model';

export const apps = ['larix', 'moblin', 'irlpro', 'gopro', 'other'] as const;
export type App = (typeof apps)[number];

/** What a phone needs. */
export interface Target {
  protocol: 'rtmp' | 'srt';
  /** `rtmp://192.168.1.23:1935/live`, `srt://192.168.1.23:10080`. */
  server: string;
  /** The stream key; the stream id with SRT. */
  key: string;
  passphrase?: string | undefined;
  /** Bytes of the key that Weir asks for, where it asks for a length. */
  keyLength?: number | undefined;
}

/** Name of the stream a phone sends, beside that of the encoder. */
export const PHONE = 'phone';

/** The addresses other devices can use, with the phone's own name for its stream. */
export function targets(ingest: readonly IngestAddress[]): Target[] {
  const open = ingest.filter(({ reach, protocol }) => reach === 'network' && (protocol === 'rtmp' || protocol === 'srt'));
  return open.map(({ protocol, server, key }) => ({
    protocol: protocol as Target['protocol'],
    server,
    // The suggested name stands last, behind `publish:live/` with SRT.
    key: key.includes('/') ? key.replace(/[^/]+$/, PHONE) : PHONE,
  }));
}

/** One address with everything in it. */
export function fullUrl({ protocol, server, key, passphrase, keyLength }: Target): string {
  if (protocol === 'rtmp') return `${server}/${key}`;
  const length = keyLength ? `&pbkeylen=${keyLength}` : '';
  const secret = passphrase ? `&passphrase=${encodeURIComponent(passphrase)}${length}` : '';
  // A colon and a slash are legal there, and some apps do not decode them.
  return `${server}?streamid=${encodeURIComponent(key).replaceAll('%3A', ':').replaceAll('%2F', '/')}${secret}`;
}

/** What the QR code says: Larix and Moblin take over everything by themselves, the others at least get the address to copy. */
export function qrText(app: App, target: Target): string {
  switch (app) {
    case 'larix': {
      // The address comes first: in a Grove link it is what begins a connection. A second scan replaces the first.
      const pairs: [string, string][] = [
        ['url', target.protocol === 'rtmp' ? fullUrl(target) : target.server],
        ['name', 'Weir'],
        ['mode', 'va'],
        ['overwrite', 'on'],
      ];
      if (target.protocol === 'srt') {
        pairs.push(['srtmode', 'c'], ['srtstreamid', target.key]);
        if (target.passphrase) pairs.push(['srtpass', target.passphrase], ['srtpbkl', String(target.keyLength ?? 16)]);
      }
      return `larix://set/v1?${pairs.map(([name, value]) => `conn[][${name}]=${encodeURIComponent(value)}`).join('&')}`;
    }
    case 'moblin': {
      // H.264, which every service and every browser takes; Moblin itself would send H.265.
      const settings = { streams: [{ name: 'Weir', url: fullUrl(target), selected: true, video: { codec: 'H.264/AVC' } }] };
      return `moblin://?${encodeURIComponent(JSON.stringify(settings))}`;
    }
    default:
      return fullUrl(target);
  }
}

/** Apps that cannot send over this protocol: GoPro's own knows RTMP only. */
export const speaks = (app: App, protocol: Target['protocol']): boolean => app !== 'gopro' || protocol === 'rtmp';
