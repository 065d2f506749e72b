import { parse, type AST } from 'svelte/compiler';
import { expect, test } from 'vitest';

import de from './de.json';
import en from './en.json';
import { bitrate, bytes, duration, roughly } from './format';
import { languageOf, locale, t, tn, type Key } from './i18n.svelte';

const placeholders = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).sort();

test('German is complete, and says the same numbers', () => {
  expect(Object.keys(de)).toEqual(Object.keys(en));
  for (const key of Object.keys(en) as Key[]) {
    expect([key, placeholders(de[key])]).toEqual([key, placeholders(en[key])]);
    expect(de[key].trim()).not.toBe('');
  }
});

const sources = import.meta.glob(['../**/*.svelte', '../**/*.ts', '!../**/*.test.ts', '!../api/schema.ts'], {
  query: '?raw',
  import: 'default',
  eager: true,
}) as Record<string, string>;

/** Attributes whose value a person sees or hears. */
const spoken = new Set(['title', 'aria-label', 'placeholder', 'alt', 'label', 'words', 'message', 'hint']);
/** A product's name, a unit or an address: the same in every language. */
const universal = /^(Weir|rtmp:\/\/|[^\p{L}]*)$/u;

/** What a program writes is one word, or words without capitals: a sentence begins with one and has a space. */
const sentence = /^\p{Lu}\p{Ll}+ \p{L}/u;

function visibleStrings(source: string): string[] {
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== 'object' || node === null) return;
    const typed = node as AST.SvelteNode & { type: string };
    if (typed.type === 'Text') found.push((typed as AST.Text).data.trim());
    if (typed.type === 'Attribute' && !spoken.has((typed as AST.Attribute).name)) return;
    const value = (node as { value?: unknown }).value;
    if (typed.type === 'Literal' && typeof value === 'string' && sentence.test(value)) found.push(value);
    Object.values(node).forEach(visit);
  };
  visit(parse(source, { modern: true }).fragment);
  return found.filter((text) => !universal.test(text));
}

test('no visible string is outside the language files', () => {
  const components = Object.entries(sources).filter(([path]) => path.endsWith('.svelte'));
  expect(components.length).toBeGreaterThan(20);
  expect(components.flatMap(([path, source]) => visibleStrings(source).map((text) => `${path}: ${text}`))).toEqual([]);
  expect(visibleStrings('<p title="Hello">Weir <b>Watch me</b></p>')).toEqual(['Hello', 'Watch me']);
  expect(visibleStrings("<p class={on ? 'Big one' : ''}>{t('off', { name: 'of one word' })}</p>")).toEqual([]);
  expect(visibleStrings("<p>{on ? 'Now live' : t('off')}</p>")).toEqual(['Now live']);

  const written = /(['"`])(\p{Lu}\p{Ll}+ \p{L}[^'"`\n]*)\1/gu;
  const modules = Object.entries(sources).map(([path, source]) => [path, source.replace(/generics="[^"]*"|\/\*[\s\S]*?\*\/|\/\/.*|<style>[\s\S]*/g, '')] as const);
  expect(modules.flatMap(([path, source]) => [...source.matchAll(written)].map(([, , text]) => `${path}: ${text}`))).toEqual([]);
});

test('every key in the language files is used', () => {
  const all = Object.values(sources).join('\n');
  const unused = Object.keys(en).filter((key) => {
    const stem = key.replace(/\.(one|other)$/, '');
    // Problems, hooks' events, health and ways to trust come by code, and the shell's sentences are held by a test beside it
    // (src-tauri/tray/src/words.rs); others end in a word of the engine or in the name of an app.
    const spoken = /^(problem|shell|preset|hooks\.event|certificate\.trust|health|readers\.kind|elsewhere|legs\.why|story\.reason|phone\.app|phone\.how|tuning\.\w+)\./;
    return !spoken.test(key) && !all.includes(`'${stem}'`);
  });
  expect(unused).toEqual([]);
});

test('the system asks for a language, and gets the nearest one there is', () => {
  expect(languageOf(['de-AT', 'en'])).toBe('de');
  expect(languageOf(['', 'fr-FR', 'en-GB'])).toBe('en');
  expect(languageOf(['ja'])).toBe('en');
});

test('counts and numbers follow the language', () => {
  expect(tn('facts.players', 1)).toBe('1 viewer');
  expect(tn('facts.players', 0)).toBe('0 viewers');
  expect(t('listener.use', { port: 1936 })).toBe('Use port 1936 instead');
  locale.choose('de');
  expect(bitrate(6_012_345)).toBe('6,01 Mbit/s');
});

test('sizes and lengths keep their shape', () => {
  expect([0, 999, 640_000, 999_499, 12_000_000, 1_132_000_000, 412_000_000_000].map(bytes)).toEqual([
    '0 kB',
    '1 kB',
    '640 kB',
    '999 kB',
    '12 MB',
    '1.1 GB',
    '412 GB',
  ]);
  expect([0, 59.9, 60, 3599, 3600, 36_061].map(duration)).toEqual(['0:00', '0:59', '1:00', '59:59', '1:00:00', '10:01:01']);
  expect(bitrate(999_400)).toBe('999 kbit/s');
  expect([90, 7200, 540_000].map(roughly)).toEqual(['1 minute', '2 hours', '6 days']);
});
