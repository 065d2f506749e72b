/** What became of a copy, told for a moment: soon the clipboard may hold something else. */
export class Copied {
  outcome = $state<'none' | 'copied' | 'refused'>('none');
  /** What was copied, where one page has several things to copy. */
  what = $state<string | undefined>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  static readonly SHOWN_MS = 2000;

  /** Must be made while a component is. */
  constructor() {
    $effect(() => () => clearTimeout(this.#timer));
  }

  tell(done: boolean, what?: string): void {
    clearTimeout(this.#timer);
    this.outcome = done ? 'copied' : 'refused';
    this.what = what;
    this.#timer = setTimeout(this.forget, Copied.SHOWN_MS);
  }

  forget = (): void => {
    clearTimeout(this.#timer);
    this.outcome = 'none';
    this.what = undefined;
  };
}
