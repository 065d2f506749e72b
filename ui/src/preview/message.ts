/** The engine's preview messages: one byte that says what follows, numbers in network order. */

export interface Config {
  /** The `codecs` parameter (RFC 6381). */
  codec: string;
  width: number | null;
  height: number | null;
  /** The codec as people write it. */
  name: string;
  audio: boolean;
  follows: 'units' | 'segments';
}

export interface Notice {
  state: 'gap' | 'skipped' | 'ended' | 'no_video' | 'unsupported';
  reason?: string;
}

export type Message =
  | { kind: 'config'; config: Config; description: Uint8Array<ArrayBuffer> }
  | { kind: 'unit'; key: boolean; timestamp: number; data: Uint8Array<ArrayBuffer> }
  | { kind: 'segment'; data: Uint8Array<ArrayBuffer> }
  | { kind: 'notice'; notice: Notice };

const text = new TextDecoder();

/** Reads one message; undefined for a kind that is newer than this page. */
export function read(bytes: ArrayBuffer): Message | undefined {
  const view = new DataView(bytes);
  switch (view.getUint8(0)) {
    case 1: {
      const end = 3 + view.getUint16(1);
      const config = JSON.parse(text.decode(new Uint8Array(bytes, 3, end - 3))) as Config;
      return { kind: 'config', config, description: new Uint8Array(bytes, end) };
    }
    case 2:
      return {
        kind: 'unit',
        key: (view.getUint8(1) & 1) === 1,
        timestamp: Number(view.getBigInt64(2)),
        data: new Uint8Array(bytes, 10),
      };
    case 3:
      return { kind: 'segment', data: new Uint8Array(bytes, 1) };
    case 4:
      return { kind: 'notice', notice: JSON.parse(text.decode(new Uint8Array(bytes, 1))) as Notice };
    default:
      return undefined;
  }
}
