import { beforeEach } from 'vitest';

import { veil } from '../src/components/veil.svelte';
import { guide } from '../src/features/guide/guide.svelte';
import { locale } from '../src/i18n/i18n.svelte';
import { keys } from '../src/keys.svelte';
import { appearance } from '../src/styles/theme.svelte';

beforeEach(() => {
  location.hash = '';
  locale.choose('en');
  appearance.choose('system');
  appearance.paint('water');
  guide.close();
  veil.choose(false);
  keys.choose(true);
  keys.listed = false;
  // What was chosen above is not what the test chose.
  localStorage.clear();
});
