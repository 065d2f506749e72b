/** The ways in, by the names people know. */
import type { Key } from '../../i18n/i18n.svelte';

export const protocolName = (protocol: string): string => protocol.toUpperCase();

const ABOUT: Record<string, Key> = {
  rtmp: 'listeners.rtmp.words',
  rtmps: 'listeners.rtmps.words',
  srt: 'listeners.srt.words',
};

export const aboutProtocol = (protocol: string): Key | undefined => ABOUT[protocol];
