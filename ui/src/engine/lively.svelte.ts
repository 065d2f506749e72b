/** What was read once, with numbers that change in place: each by itself, so that a page looks again only at what changed. */

/** A copy of `read` whose fields `names` can be set, and are watched one by one. */
export function lively<T extends object>(read: T, names: readonly (keyof T & string)[]): T {
  const fields = names.map((name) => {
    const cell = new Cell<unknown>(read[name]);
    return [name, { enumerable: true, get: () => cell.value, set: (value: unknown) => cell.set(value) }] as const;
  });
  return Object.defineProperties({ ...read }, Object.fromEntries(fields)) as T;
}

/** Sets what differs. Nothing is told where all is as before. */
export function settle<T extends object>(target: T, numbers: Partial<T>): void {
  for (const name of Object.keys(numbers) as (keyof T)[]) target[name] = numbers[name] as T[keyof T];
}

class Cell<V> {
  value = $state.raw<V>() as V;

  constructor(value: V) {
    this.value = value;
  }

  set(value: V): void {
    if (!same(this.value, value)) this.value = value;
  }
}

/** Equal, or objects of equal values: what comes out of JSON anew is another object each time. */
function same(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  const [names, others] = [Object.keys(one), Object.keys(other)];
  return names.length === others.length && names.every((name) => same((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]));
}
