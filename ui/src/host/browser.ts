import { copyText } from './clipboard';
import { EventStreamReader } from './event-stream';
import { fetchFile, saveText } from './files';
import type { EventStream, Host } from './host';

/** A browser tab in front of `weir serve --http`. The token is in a cookie that no script can read. */
export function browserHost(): Host {
  // The engine leads away from an address with the right token; one with a wrong token is still here.
  const tokenTried = new URLSearchParams(location.search).has('token');
  if (tokenTried) history.replaceState(null, '', `${location.pathname}${location.hash}`);

  return {
    kind: 'browser',

    request(method, path, body) {
      return fetch(path, {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? null : JSON.stringify(body),
        cache: 'no-store',
      });
    },

    // Not EventSource: it hides the status, and a page that lost its token could not say so.
    events(onData, onEnd): EventStream {
      const abort = new AbortController();
      void (async () => {
        let status: number | undefined;
        try {
          const response = await fetch('/api/v1/events', {
            headers: { accept: 'text/event-stream' },
            cache: 'no-store',
            signal: abort.signal,
          });
          status = response.status;
          if (response.ok && response.body) {
            const reader = new EventStreamReader(onData);
            const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
            for (let chunk = await text.read(); !chunk.done; chunk = await text.read()) reader.push(chunk.value);
          }
        } catch {
          // The connection broke: told below like any other end.
        }
        if (!abort.signal.aborted) onEnd(status);
      })();
      return { close: () => abort.abort() };
    },

    preview(path, { mode, audio }, to): EventStream {
      const query = `mode=${mode}&audio=${audio}`;
      const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/v1/streams/${encodeURIComponent(path)}/preview?${query}`);
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('message', ({ data }) => to.message(data as ArrayBuffer));
      const end = (): void => to.end();
      socket.addEventListener('close', end, { once: true });
      return {
        close() {
          socket.removeEventListener('close', end);
          socket.close();
        },
      };
    },

    copy: copyText,
    save: saveText,
    fetchFile,

    tokenTried,

    // The engine exchanges the token in this address for the cookie.
    useToken: (token) => location.assign(`/?token=${encodeURIComponent(token.trim())}`),
  };
}
