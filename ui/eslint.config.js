import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

import svelteConfig from './svelte.config.js';

export default ts.config(
  { ignores: ['**/dist/**', '**/src/api/schema.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      // The router is the address after `#/`; there is no base path to resolve.
      'svelte/no-navigation-without-resolve': 'off',
      // State here is replaced as a whole, never changed in place.
      'svelte/prefer-svelte-reactivity': 'off',
      'prefer-const': 'off',
      'svelte/prefer-const': 'error',
      // A style attribute is refused by the content security policy.
      'svelte/no-inline-styles': ['error', { allowTransitions: true }],
    },
  },
  {
    // The shell's interface is spoken in one place.
    ignores: ['ui/src/host/**', 'src/host/**'],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group: ['@tauri-apps/*'], message: 'Only host/ speaks to the shell.' }] }] },
  },
  {
    files: ['**/src/components/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@tauri-apps/*', '../*'], message: 'Components import nothing of ours but components.' }] },
      ],
    },
  },
  {
    files: ['**/src/features/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['@tauri-apps/*', '../app/*', '../../app/*'], message: 'Features know neither shell nor frame.' },
            ...['live', 'stream', 'destinations', 'recordings', 'problems', 'listeners', 'log', 'settings', 'guide'].map((name) => ({
              group: [`../${name}/*`],
              message: 'A feature imports no other feature.',
            })),
          ],
        },
      ],
    },
  },
);
