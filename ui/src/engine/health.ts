/** How a stream is, in the person's language. The engine finds and names; this page only translates. */
import type { Health } from '../api/model';
import type { StateWords } from './words';
import { locale, maybe, t } from '../i18n/i18n.svelte';
import { numbers } from '../i18n/intl';

type Finding = Health['findings'][number];

const digits: Record<string, number> = { seconds: 1, mbit: 1, usual: 1 };

function filled(text: string, values: Finding['values']): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    const decimals = digits[name] ?? 0;
    return value === undefined
      ? whole
      : numbers(locale.tag, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  });
}

/** The sentence and the remedy; the engine's own words for a finding that is newer than this page. */
export function findingWords(finding: Finding, encoder: Health['encoder']): { message: string; hint: string } {
  const stem = `health.${finding.code}`;
  // The engine speaks English and knows the case best.
  const message = locale.language === 'en' ? undefined : maybe(`${stem}.message`);
  const hint = maybe(`${stem}.hint.${encoder}`) ?? maybe(`${stem}.hint`);
  return {
    message: message === undefined ? finding.message : filled(message, finding.values),
    hint: message === undefined ? finding.hint : hint === undefined ? finding.hint : filled(hint, finding.values),
  };
}

/** What a person has to know first: the worst finding that is more than a note. */
export const worst = (health: Health): Finding | undefined =>
  health.findings.find(({ level }) => level === 'bad' || level === 'warning');

export function healthState(health: Health): StateWords {
  switch (health.level) {
    case 'bad':
      return { shape: 'cross', tone: 'bad', word: t('health.bad') };
    case 'warning':
      return { shape: 'warning', tone: 'busy', word: t('health.warning') };
    default:
      return { shape: 'full', tone: 'good', word: t('health.good') };
  }
}
