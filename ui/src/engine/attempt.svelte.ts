import { requestWords } from './words';
import { RequestError } from './client';

/** One thing a person asked for: under way, or failed with words to show beside the button. */
export class Attempt {
  busy = $state(false);
  error = $state.raw<{ message: string; hint: string } | undefined>();

  /** Runs it; true when it worked. A second call while the first is under way does nothing. */
  async run(action: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
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
