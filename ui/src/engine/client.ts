import type {
  Destination,
  DestinationCreate,
  DestinationPatch,
  ErrorBody,
  Listener,
  ListenerPatch,
  Problem,
  RecordingList,
  Settings,
  SettingsPatch,
  Status,
  Stream,
} from '../api/model';
import type { Host } from '../host/host';

/** A request that did not succeed: the three parts of every error of the API. */
export class RequestError extends Error {
  constructor(
    /** What to branch on; `unreachable` when no answer came at all. */
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

const isErrorBody = (body: unknown): body is ErrorBody =>
  typeof body === 'object' && body !== null && 'code' in body && 'message' in body;

const segment = encodeURIComponent;

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
  changeSettings = (patch: SettingsPatch): Promise<Settings> => this.#send('PATCH', 'settings', patch);
  clearProblems = (): Promise<void> => this.#send('DELETE', 'problems');

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
    if (isErrorBody(answer)) throw new RequestError(answer.code, answer.message, answer.hint);
    throw new RequestError('unreachable', '', '');
  }
}
