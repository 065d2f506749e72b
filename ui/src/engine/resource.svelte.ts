/** Something read from the engine for one page only: read when the page opens, and again when it says so. */
import { RequestError } from './client';

export class Resource<T> {
  value = $state.raw<T | undefined>();
  failed = $state.raw<RequestError | undefined>();
  #reading: Promise<void> | undefined;
  #again = false;

  constructor(private readonly read: () => Promise<T>) {}

  /** Reads it. While it is being read, calls share one further reading: what they want may be another thing than what is on its way. */
  load = (): Promise<void> => {
    this.#again = this.#reading !== undefined;
    this.#reading ??= this.#loadAll().finally(() => (this.#reading = undefined));
    return this.#reading;
  };

  async #loadAll(): Promise<void> {
    do {
      this.#again = false;
      await this.#load();
    } while (this.#again);
  }

  async #load(): Promise<void> {
    try {
      this.value = await this.read();
      this.failed = undefined;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.failed = error;
    }
  }
}

/** A resource that is read now, and again whenever what `after` looks at changes, as long as the calling component is there. */
export function useResource<T>(read: () => Promise<T>, after?: () => unknown): Resource<T> {
  const resource = new Resource(read);
  $effect(() => {
    after?.();
    void resource.load();
  });
  return resource;
}
