/** Words: every visible string comes out of a language file, `<language>.json` beside this module. */
import de from './de.json';
import en from './en.json';
import { numbers, plurals } from './intl';

export type Key = keyof typeof en;
export type Language = 'en' | 'de';
export type Params = Record<string, string | number>;

/** A key with one form a plural category: `live.readers` stands for `live.readers.one`, `live.readers.other`. */
export type PluralKey = { [K in Key]: K extends `${infer Stem}.other` ? Stem : never }[Key];

/** Every language, by its own name. */
export const languages: Record<Language, string> = { en: 'English', de: 'Deutsch' };

const words: Record<Language, Record<Key, string>> = { en, de };

const STORED = 'weir.language';

export function languageOf(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = tag.split('-')[0];
    if (language && language in words) return language as Language;
  }
  return 'en';
}

class Locale {
  language = $state<Language>(languageOf([localStorage.getItem(STORED) ?? '', ...navigator.languages]));

  /** For numbers and dates: the region the person set, when it speaks this language. */
  tag = $derived(navigator.languages.find((tag) => tag.startsWith(this.language)) ?? this.language);

  choose(language: Language): void {
    this.language = language;
    localStorage.setItem(STORED, language);
  }
}

export const locale = new Locale();

function fill(text: string, params: Params): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
}

/** The words for `key` in the language chosen. */
export function t(key: Key, params: Params = {}): string {
  return fill(words[locale.language][key], params);
}

/** The words for a count of things; `{n}` is the count. */
export function tn(key: PluralKey, n: number, params: Params = {}): string {
  const category = plurals(locale.language).select(n);
  const known = words[locale.language];
  const form = `${key}.${category}` in known ? category : 'other';
  return fill(known[`${key}.${form}` as Key], { n: numbers(locale.tag).format(n), ...params });
}

/** The words for a code that may be newer than this page, or undefined. */
export function maybe(key: string): string | undefined {
  return (words[locale.language] as Record<string, string>)[key];
}

/** A sentence of the engine's, which speaks English: in other languages the page's own words for it, where it has some. */
export const own = (key: string, english: string): string => (locale.language === 'en' ? english : (maybe(key) ?? english));
