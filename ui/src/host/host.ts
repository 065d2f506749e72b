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

  /**
   * Opens the live picture of a stream. `message` gets the engine's messages; `end` is called once, when it is over for any
   * reason but `close`.
   */
  preview(path: string, wanted: PreviewWanted, to: { message: (bytes: ArrayBuffer) => void; end: () => void }): EventStream;

  /** Puts text on the clipboard; false when the system refuses. */
  copy(text: string): Promise<boolean>;

  /** Lets the person keep text as a file of this name. Rejects when it could not be written. */
  save(name: string, text: string, type?: string): Promise<void>;

  /** Lets the person keep a file that the API serves. A window has the file itself. */
  fetchFile?: ((path: string, name: string) => void) | undefined;

  /** Shows the recordings folder in the system's file manager. Only a window can. */
  openRecordings?: (() => Promise<void>) | undefined;

  /** Shows one recording, by its name in the folder, in the system's file manager. Only a window can. */
  revealRecording?: ((name: string) => Promise<void>) | undefined;

  /** Opens a link that a preset names in the system's browser; a browser follows links by itself. */
  openLink?: ((url: string) => Promise<void>) | undefined;

  /** Tells the shell the language for its tray, notifications and dialogs. */
  setLanguage?: ((language: string) => void) | undefined;

  /** Ends the app, after a question when something is live. Only a window can. */
  quit?: (() => Promise<void>) | undefined;

  /** Opens the page anew with the token that guards the API over HTTP. Only a browser needs one. */
  useToken?: ((token: string) => void) | undefined;

  /** The token this page was opened with was not accepted, if it is asked for again. */
  readonly tokenTried?: boolean | undefined;
}

/** What the page can decode, and whether it wants sound: only segments carry it. */
export interface PreviewWanted {
  mode: 'frames' | 'segments';
  audio: boolean;
}

export interface EventStream {
  close(): void;
}
