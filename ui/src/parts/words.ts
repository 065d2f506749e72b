/** Words that several pages put into the same component. */
import { t } from '../i18n/i18n.svelte';

export const copyWords = (): { copy: string; copied: string; refused: string } => ({
  copy: t('copy.do'),
  copied: t('copy.done'),
  refused: t('copy.refused'),
});
