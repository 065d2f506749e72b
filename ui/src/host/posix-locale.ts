/**
 * WebKitGTK tells the POSIX locale `C` as the page's language. No `Intl` takes it, and libraries that ask for it while
 * they are loaded would stop the page. Imported before everything else.
 */
export function languageTag(told: string): string {
  try {
    return Intl.getCanonicalLocales(told)[0] ?? 'en';
  } catch {
    return 'en';
  }
}

if (languageTag(navigator.language) !== navigator.language) {
  const language = languageTag(navigator.language);
  Object.defineProperty(navigator, 'language', { value: language });
  Object.defineProperty(navigator, 'languages', { value: [language] });
}
