import type {
  Access,
  AccessPatch,
  Certificate,
  CertificateCreate,
  Desktop,
  DesktopPatch,
  Destination,
  DestinationCreate,
  DestinationHistory,
  DestinationPatch,
  ErrorBody,
  Hook,
  HookCreate,
  HookList,
  HookPatch,
  HookResult,
  Listener,
  ListenerPatch,
  LogLine,
  Notice,
  Preset,
  Problem,
  Recording,
  RecordingJob,
  RecordingList,
  RecordingMedia,
  RecordingPicture,
  RecordingQuery,
  RecordingSettings,
  RecordingSettingsPatch,
  Settings,
  SettingsPatch,
  SrtPassphrase,
  SrtPatch,
  SrtSettings,
  Status,
  Stream,
  StreamHistory,
  StreamKey,
  StreamKeyCreate,
  StreamKeySecret,
} from '../api/model';
import type { Host } from '../host/host';

/** A request that did not succeed: the parts of every error of the API. */
export class RequestError extends Error {
  constructor(
    /** What to branch on; `unreachable` when no answer came at all. */
    readonly code: string,
    message: string,
    readonly hint: string,
    /** The one setting that it is about. */
    readonly setting?: ErrorBody['setting'],
  ) {
    super(message);
  }
}

/** Which tracks of a recording are played, by number; `none` where it has no such track or its sound cannot be decoded. */
export interface TrackChoice {
  video: number | 'none';
  audio: number | 'none';
}

/** The settings that this page knows from the document of all of them. */
export interface ConfigParts {
  metrics: { listen?: string };
}

/** The document of all settings, table by table, and what they are by default. */
export interface AllSettings {
  config: Record<string, Record<string, string | number | boolean | string[] | null>>;
  defaults: AllSettings['config'];
}

/** A change of some of them; null puts the default back. */
export interface ConfigPatch {
  metrics?: { listen: string | null };
}

const isErrorBody = (body: unknown): body is ErrorBody =>
  typeof body === 'object' && body !== null && 'code' in body && 'message' in body;

const segment = encodeURIComponent;
const query = ({ video, audio }: TrackChoice): string => `video=${video}&audio=${audio}`;

/** The API's routes as functions. */
export class Client {
  constructor(private readonly host: Host) {}

  status = (): Promise<Status> => this.#send('GET', 'status');
  streams = async (): Promise<Stream[]> => (await this.#send<{ streams: Stream[] }>('GET', 'streams')).streams;
  listeners = async (): Promise<Listener[]> =>
    (await this.#send<{ listeners: Listener[] }>('GET', 'listeners')).listeners;
  destinations = async (): Promise<Destination[]> =>
    (await this.#send<{ destinations: Destination[] }>('GET', 'destinations')).destinations;
  recordings = (): Promise<RecordingList> => this.#send('GET', 'recordings');
  settings = (): Promise<Settings> => this.#send('GET', 'settings');
  problems = async (): Promise<Problem[]> => (await this.#send<{ problems: Problem[] }>('GET', 'problems')).problems;

  history = (path: string, since = 0): Promise<StreamHistory> =>
    this.#send('GET', `streams/${segment(path)}/history?since=${since}`);
  kickPublisher = (path: string): Promise<void> => this.#send('DELETE', `streams/${segment(path)}/publisher`);
  kickReader = (path: string, reader: string): Promise<void> =>
    this.#send('DELETE', `streams/${segment(path)}/readers/${segment(reader)}`);
  record = (path: string): Promise<Stream> => this.#send('POST', `streams/${segment(path)}/record`);
  stopRecording = (path: string): Promise<Stream> => this.#send('DELETE', `streams/${segment(path)}/record`);
  changeListener = (id: string, patch: ListenerPatch): Promise<Listener> =>
    this.#send('PATCH', `listeners/${segment(id)}`, patch);
  addDestination = (destination: DestinationCreate): Promise<Destination> =>
    this.#send('POST', 'destinations', destination);
  changeDestination = (id: string, patch: DestinationPatch): Promise<Destination> =>
    this.#send('PATCH', `destinations/${segment(id)}`, patch);
  removeDestination = (id: string): Promise<void> => this.#send('DELETE', `destinations/${segment(id)}`);
  retryDestination = (id: string): Promise<Destination> => this.#send('POST', `destinations/${segment(id)}/retry`);
  startDestination = (id: string, stream?: string): Promise<Destination> =>
    this.#send('POST', `destinations/${segment(id)}/start`, stream === undefined ? {} : { stream });
  stopDestination = (id: string): Promise<Destination> => this.#send('POST', `destinations/${segment(id)}/stop`);
  destinationHistory = (id: string, since = 0): Promise<DestinationHistory> =>
    this.#send('GET', `destinations/${segment(id)}/history?since=${since}`);
  presets = async (): Promise<Preset[]> => (await this.#send<{ presets: Preset[] }>('GET', 'presets')).presets;
  checkPreset = async (id: string, stream: string): Promise<Notice[]> =>
    (await this.#send<{ findings: Notice[] }>('GET', `presets/${segment(id)}/check?stream=${segment(stream)}`)).findings;
  findRecordings = (query: RecordingQuery): Promise<RecordingList> =>
    this.#send('GET', `recordings?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`);
  renameRecording = (id: string, file_name: string): Promise<Recording> =>
    this.#send('PATCH', `recordings/${segment(id)}`, { file_name });
  removeRecording = (id: string, permanently: boolean): Promise<void> =>
    this.#send('DELETE', `recordings/${segment(id)}?permanently=${permanently}`);
  recordingPicture = (id: string): Promise<RecordingPicture> => this.#send('GET', `recordings/${segment(id)}/picture`);
  recordingPictureFilm = (id: string): Promise<ArrayBuffer> => this.#bytes(`recordings/${segment(id)}/picture.mp4`);
  recordingMedia = (id: string, tracks: TrackChoice): Promise<RecordingMedia> =>
    this.#send('GET', `recordings/${segment(id)}/media?${query(tracks)}`);
  recordingInitialization = (id: string, number: number, tracks: TrackChoice): Promise<ArrayBuffer> =>
    this.#bytes(`recordings/${segment(id)}/media/init/${number}?${query(tracks)}`);
  recordingFragment = (id: string, number: number, tracks: TrackChoice): Promise<ArrayBuffer> =>
    this.#bytes(`recordings/${segment(id)}/media/fragment/${number}?${query(tracks)}`);
  startRecordingJob = (id: string, kind: RecordingJob['kind']): Promise<RecordingJob> =>
    this.#send('POST', `recordings/${segment(id)}/jobs`, { kind });
  recording_jobs = async (): Promise<RecordingJob[]> =>
    (await this.#send<{ jobs: RecordingJob[] }>('GET', 'recording-jobs')).jobs;
  removeRecordingJob = (id: string): Promise<void> => this.#send('DELETE', `recording-jobs/${segment(id)}`);
  recordingSettings = (): Promise<RecordingSettings> => this.#send('GET', 'recording-settings');
  changeRecordingSettings = (patch: RecordingSettingsPatch): Promise<RecordingSettings> =>
    this.#send('PATCH', 'recording-settings', patch);
  changeSettings = (patch: SettingsPatch): Promise<Settings> => this.#send('PATCH', 'settings', patch);
  desktop = (): Promise<Desktop> => this.#send('GET', 'desktop');
  changeDesktop = (patch: DesktopPatch): Promise<Desktop> => this.#send('PATCH', 'desktop', patch);
  srt = (): Promise<SrtSettings> => this.#send('GET', 'srt');
  changeSrt = (patch: SrtPatch): Promise<SrtSettings> => this.#send('PATCH', 'srt', patch);
  makeSrtPassphrase = (): Promise<SrtPassphrase> => this.#send('POST', 'srt/passphrase');
  srtPassphrases = async (): Promise<string[]> =>
    (await this.#send<{ streams: string[] }>('GET', 'srt/passphrases')).streams;
  setSrtPassphrase = (path: string, passphrase?: string): Promise<SrtPassphrase> =>
    this.#send('PUT', `srt/passphrases/${segment(path)}`, passphrase === undefined ? {} : { passphrase });
  removeSrtPassphrase = (path: string): Promise<void> => this.#send('DELETE', `srt/passphrases/${segment(path)}`);
  srtPassphraseFile = (): Promise<Record<string, string>> => this.#send('GET', 'srt/passphrase_file');
  importSrtPassphrases = (file: unknown): Promise<unknown> => this.#send('PUT', 'srt/passphrase_file', file);
  log = async (since: number): Promise<LogLine[]> =>
    (await this.#send<{ lines: LogLine[] }>('GET', `log?since=${since}&limit=2000`)).lines;
  hooks = (): Promise<HookList> => this.#send('GET', 'hooks');
  addHook = (hook: HookCreate): Promise<Hook> => this.#send('POST', 'hooks', hook);
  changeHook = (id: string, patch: HookPatch): Promise<Hook> => this.#send('PATCH', `hooks/${segment(id)}`, patch);
  removeHook = (id: string): Promise<void> => this.#send('DELETE', `hooks/${segment(id)}`);
  testHook = (id: string): Promise<HookResult> => this.#send('POST', `hooks/${segment(id)}/test`, {});
  config = async (): Promise<ConfigParts> => (await this.#send<{ config: ConfigParts }>('GET', 'config')).config;
  changeConfig = async (patch: ConfigPatch): Promise<ConfigParts> =>
    (await this.#send<{ config: ConfigParts }>('PATCH', 'config', patch)).config;
  allSettings = (): Promise<AllSettings> => this.#send('GET', 'config');
  /** Changes some of one table, all or none; null puts a default back. */
  changeTable = (table: string, values: Record<string, unknown>): Promise<AllSettings> =>
    this.#send('PATCH', 'config', { [table]: values });
  access = (): Promise<Access> => this.#send('GET', 'access');
  changeAccess = (patch: AccessPatch): Promise<Access> => this.#send('PATCH', 'access', patch);
  certificate = (): Promise<Certificate> => this.#send('GET', 'certificate');
  importCertificate = (certificate: CertificateCreate): Promise<Certificate> => this.#send('PUT', 'certificate', certificate);
  renewCertificate = (): Promise<Certificate> => this.#send('POST', 'certificate/renew');
  streamKeys = async (): Promise<StreamKey[]> =>
    (await this.#send<{ stream_keys: StreamKey[] }>('GET', 'stream-keys')).stream_keys;
  makeStreamKey = (key: StreamKeyCreate): Promise<StreamKeySecret> => this.#send('POST', 'stream-keys', key);
  revokeStreamKey = (id: string): Promise<void> => this.#send('DELETE', `stream-keys/${segment(id)}`);
  clearProblems = (): Promise<void> => this.#send('DELETE', 'problems');

  /** Lets the person keep text as a file. */
  keepFile = (name: string, text: string, type?: string): Promise<void> =>
    this.#desktop('file_not_saved', () => this.host.save(name, text, type));
  /** Shows a recording in the system's file manager; only in a window. */
  revealRecording = (id: string): Promise<void> =>
    this.#desktop('folder_not_opened', async () => this.host.revealRecording?.(id));

  /** What the surroundings do; they say no in the system's words, so the page has its own by `code`. */
  async #desktop(code: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch {
      throw new RequestError(code, '', '');
    }
  }

  async #bytes(route: string): Promise<ArrayBuffer> {
    try {
      const response = await this.host.request('GET', `/api/v1/${route}`);
      if (response.ok) return await response.arrayBuffer();
    } catch {
      // Told below, like an answer that is none.
    }
    throw new RequestError('unreachable', '', '');
  }

  async #send<T>(method: string, route: string, body?: unknown): Promise<T> {
    let response: Response;
    let answer: unknown;
    try {
      response = await this.host.request(method, `/api/v1/${route}`, body);
      answer = response.status === 204 ? undefined : await response.json();
    } catch {
      throw new RequestError('unreachable', '', '');
    }
    if (response.ok) return answer as T;
    if (isErrorBody(answer)) throw new RequestError(answer.code, answer.message, answer.hint, answer.setting);
    throw new RequestError('unreachable', '', '');
  }
}
