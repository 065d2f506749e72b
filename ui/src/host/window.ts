import { Channel, convertFileSrc, invoke } from '@tauri-apps/api/core';

import { copyText } from './clipboard';
import { EventStreamReader } from './event-stream';
import type { EventStream, Host } from './host';

/** Whether this page runs inside the desktop window. */
export const inWindow = (): boolean => '__TAURI_INTERNALS__' in window;

/** What the shell sends over the channel: text of the event stream, or null at its end. */
type Chunk = string | null;

/** So many messages of a preview are told to have been taken at once. */
const TAKEN_EVERY = 32;

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

    preview(path, { mode, audio }, to): EventStream {
      let open = true;
      let taken = 0;
      const messages = new Channel<ArrayBuffer | null>((message) => {
        if (!open) return;
        if (message === null) {
          open = false;
          return to.end();
        }
        to.message(message);
        // The shell sends no more than it knows to have been taken: a channel has no end of its own.
        taken += 1;
        if (taken % TAKEN_EVERY === 0) void invoke('preview_taken', { id: messages.id, count: TAKEN_EVERY });
      });
      invoke('preview', { path, segments: mode === 'segments', audio, messages }).catch(() => {
        if (open) to.end();
        open = false;
      });
      return {
        close() {
          open = false;
          void invoke('stop_preview', { id: messages.id });
        },
      };
    },

    copy: copyText,

    // The shell asks where: what a web view does with a download differs, and WebKitGTK does nothing.
    save: async (name, text) => void (await invoke('save_file', { name, text })),

    openRecordings: () => invoke('open_recordings'),
    revealRecording: (name) => invoke('reveal_recording', { name }),
    openLink: (url) => invoke('open_link', { url }),
    setLanguage: (language) => void invoke('set_language', { language }),
    quit: () => invoke('quit'),
  };
}
