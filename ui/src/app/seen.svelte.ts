/** Which problems the person has seen, so that the navigation counts only new ones. Kept for one run of the engine. */
import type { Problem } from '../api/model';

const STORED = 'weir.problems.seen';

class Seen {
  #kept = $state(localStorage.getItem(STORED) ?? '');

  /** How many came since the page of problems was open last. */
  fresh(run: string | undefined, problems: readonly Problem[] | undefined): number {
    if (run === undefined || !problems) return 0;
    const [of, last] = this.#kept.split(' ');
    const newest = of === run ? Number(last) : 0;
    return problems.filter(({ id }) => id > newest).length;
  }

  all(run: string | undefined, problems: readonly Problem[] | undefined): void {
    const newest = problems?.[0]?.id;
    if (run === undefined || newest === undefined) return;
    this.#kept = `${run} ${newest}`;
    localStorage.setItem(STORED, this.#kept);
  }
}

export const seen = new Seen();
