import { untrack } from 'svelte';

import { requestWords } from './words';
import { RequestError } from './client';

/** One thing a person asked for: under way, or failed with words to show beside the button. */
export class Attempt {
  busy = $state(false);
  error = $state.raw<{ message: string; hint: string } | undefined>();

  #next: (() => Promise<unknown>) | undefined;

  /** Runs it now, or after what is under way: of several that come meanwhile only the last, as when one arrows through a list. */
  async latest(action: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) {
      this.#next = action;
      return false;
    }
    let done = await this.run(action);
    for (let next = this.#next; next; next = this.#next) {
      this.#next = undefined;
      done = await this.run(next);
    }
    return done;
  }

  /**
   * Runs it; true when it worked. A second call while the first is under way does nothing. An effect that calls this does not
   * come to depend on it: it would run again and again.
   */
  async run(action: () => Promise<unknown>): Promise<boolean> {
    if (untrack(() => this.busy)) return false;
    this.busy = true;
    this.error = undefined;
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.error = requestWords(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
