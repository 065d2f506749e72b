import { expect, test } from 'vitest';

import { languageTag } from './posix-locale';

test('a locale that is no language is taken as English', () => {
  expect(['C', '', 'C.UTF-8', 'POSIX!', 'de-DE', 'pt'].map(languageTag)).toEqual(['en', 'en', 'en', 'en', 'de-DE', 'pt']);
});
