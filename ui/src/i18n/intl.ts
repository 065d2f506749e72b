/** Formatters, made once each: making one costs more than using it a hundred times, and numbers change every second. */
const kept = new Map<string, unknown>();

function once<T>(kind: string, tag: string, options: object, make: () => T): T {
  const key = `${kind} ${tag} ${JSON.stringify(options)}`;
  const known = kept.get(key) as T | undefined;
  if (known !== undefined) return known;
  const made = make();
  kept.set(key, made);
  return made;
}

export const numbers = (tag: string, options: Intl.NumberFormatOptions = {}): Intl.NumberFormat =>
  once('number', tag, options, () => new Intl.NumberFormat(tag, options));

export const dates = (tag: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
  once('date', tag, options, () => new Intl.DateTimeFormat(tag, options));

export const plurals = (tag: string): Intl.PluralRules => once('plural', tag, {}, () => new Intl.PluralRules(tag));
