/** What the surroundings of the page do for it: the same for the desktop window and for a browser tab. */
export interface Host {
  readonly kind: 'window' | 'browser';

  /** One request to the API. `path` begins with `/api/`. Rejects only when the engine cannot be reached. */
  request(method: string, path: string, body?: unknown): Promise<Response>;

  /**
   * Opens the event stream. `onData` gets the data of every event; `onEnd` is called once, when the stream is over
   * for any reason but `close`, with the response's status when there was one.
   */
  events(onData: (data: string) => void, onEnd: (status?: number) => void): EventStream;

  /** Puts text on the clipboard; false when the system refuses. */
  copy(text: string): Promise<boolean>;

  /** Shows the recordings folder in the system's file manager. Only a window can. */
  openRecordings?: (() => Promise<void>) | undefined;

  /** Opens the page anew with the token that guards the API over HTTP. Only a browser needs one. */
  useToken?: ((token: string) => void) | undefined;

  /** The token this page was opened with was not accepted, if it is asked for again. */
  readonly tokenTried?: boolean | undefined;
}

export interface EventStream {
  close(): void;
}
