import { beforeEach } from 'vitest';

import { locale } from '../src/i18n/i18n.svelte';

beforeEach(() => {
  localStorage.clear();
  location.hash = '';
  locale.choose('en');
});
