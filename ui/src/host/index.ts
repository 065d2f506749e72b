export type { EventStream, Host, PreviewWanted } from './host';
import { browserHost } from './browser';
import type { Host } from './host';
import { inWindow, windowHost } from './window';

export const host = (): Host => (inWindow() ? windowHost() : browserHost());
