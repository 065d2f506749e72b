import { Channel, convertFileSrc, invoke } from '@tauri-apps/api/core';

import { copyText } from './clipboard';
import { EventStreamReader } from './event-stream';
import type { EventStream, Host } from './host';

/** Whether this page runs inside the desktop window. */
export const inWindow = (): boolean => '__TAURI_INTERNALS__' in window;

/** What the shell sends over the channel: text of the event stream, or null at its end. */
type Chunk = string | null;

/** The desktop window: the API is in this very process, behind the scheme `weir:`. */
export function windowHost(): Host {
  // Some systems write the scheme as a host name; only Tauri knows which.
  const base = convertFileSrc('', 'weir').replace(/\/$/, '');

  return {
    kind: 'window',

    request(method, path, body) {
      return fetch(base + path, {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
      });
    },

    events(onData, onEnd): EventStream {
      let open = true;
      const end = (status?: number): void => {
        if (open) onEnd(status);
        open = false;
      };
      const reader = new EventStreamReader((data) => open && onData(data));
      const channel = new Channel<Chunk>((chunk) => (chunk === null ? end() : reader.push(chunk)));
      const id = channel.id;
      invoke('listen', { events: channel }).catch(() => end());
      return {
        close() {
          open = false;
          void invoke('stop_listening', { id });
        },
      };
    },

    copy: copyText,

    openRecordings: () => invoke('open_recordings'),
  };
}
