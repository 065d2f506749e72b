import { beforeEach } from 'vitest';

import { locale } from '../src/i18n/i18n.svelte';
import { appearance } from '../src/styles/theme.svelte';

beforeEach(() => {
  location.hash = '';
  locale.choose('en');
  appearance.choose('system');
  // What was chosen above is not what the test chose.
  localStorage.clear();
});
