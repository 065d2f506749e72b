import { expect, test, vi } from 'vitest';

import reference from '../../../../docs/configuration.md?raw';
import { config } from '../../../dev/config';
import { expectAccessible, page, show } from '../../../test/page';
import en from '../../i18n/en.json';
import { veil } from '../../components/veil.svelte';
import { groups, parsed, typed, type Tuned } from './tuning';

test('another language and theme apply at once and are kept', async () => {
  await show('empty', { at: 'settings' });
  await page.getByLabelText('Language').selectOptions('Deutsch');
  await expect.element(page.getByRole('heading', { name: 'Einstellungen' })).toBeVisible();
  expect(document.documentElement.lang).toBe('de');
  await page.getByRole('radio', { name: 'Dunkel' }).click();
  expect(document.documentElement.dataset.theme).toBe('dark');
  expect(localStorage.getItem('weir.theme')).toBe('dark');
  expect(localStorage.getItem('weir.language')).toBe('de');
});

test('what is set elsewhere is led to in whole words, in German too', async () => {
  await show('empty', { at: 'settings' });
  await expect.element(page.getByRole('link', { name: 'To Fine-tuning' })).toBeVisible();
  await page.getByLabelText('Language').selectOptions('Deutsch');
  for (const name of ['Zur Aufnahme', 'Zu Encodern und Playern', 'Zum Protokoll', 'Zu den Feineinstellungen']) {
    await expect.element(page.getByRole('link', { name })).toBeVisible();
  }
});

test('another accent is painted at once and is kept', async () => {
  await show('empty', { at: 'settings' });
  await page.getByRole('radio', { name: 'Violet' }).click();
  expect(document.documentElement.dataset.accent).toBe('violet');
  expect(localStorage.getItem('weir.accent')).toBe('violet');
  await expectAccessible();
});

test('streamer mode hides keys and addresses, and copying still works', async () => {
  const host = await show('network', { at: 'settings' });
  await page.getByRole('switch', { name: 'Streamer mode' }).click();
  await expect.element(page.getByRole('img', { name: 'Hidden in streamer mode' })).toBeVisible();
  location.hash = '#/';
  await expect.element(page.getByRole('heading', { name: 'Waiting for your encoder' })).toBeVisible();
  expect(document.querySelector('main')?.textContent).not.toMatch(/rtmp:\/\/|192\.168/);
  await page.getByRole('button', { name: 'Copy: Server' }).click();
  expect(host.copied).toEqual(['rtmp://localhost:1935/live']);
});

test.each([
  ['192.168.1.4:1935 said rtmp://example.org/live/key to [::1]:5000', '•••••••• said •••••••• to ••••••••'],
  ['The folder /home/mara/Videos is full.', 'The folder •••••••• is full.'],
  ['Key frames come every 2.5 s at 12:30.', 'Key frames come every 2.5 s at 12:30.'],
])('streamer mode turns %j into %j', (text, hidden) => {
  veil.choose(true);
  expect(veil.text(text)).toBe(hidden);
});

test('the licences of what Weir is made of can be read', async () => {
  const packages = [{ name: 'tokio', version: '1.0.0', licence: 'MIT', text: 0 }, { name: 'svelte', version: '5.0.0', licence: 'MIT' }];
  const fetched = vi.spyOn(window, 'fetch').mockResolvedValue(new Response(JSON.stringify({ packages, texts: ['Permission is granted'] })));
  await show('empty', { at: 'settings' });
  await page.getByRole('button', { name: 'Licences' }).click();
  await page.getByLabelText('Search').fill('tok');
  await expect.element(page.getByText('1 part', { exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Text of the licence of tokio' }).click();
  await expect.element(page.getByText('Permission is granted')).toBeVisible();
  fetched.mockRestore();
});

test('the settings are accessible', async () => {
  await show('network', { at: 'settings' });
  await expect.element(page.getByRole('heading', { name: 'Appearance' })).toBeVisible();
  await expectAccessible();
});

test('what few people change is found by words, says its default, and is saved by itself', async () => {
  const changed = { ...config, config: { ...config.config, rtmp: { ...config.config.rtmp, idle_seconds: 2.5 } } };
  const host = await show('empty', { at: 'settings', rest: 'tuning', change: (scene) => (scene.replies = { 'PATCH config': changed }) });
  await page.getByLabelText('Search').fill('silence');
  const silence = page.getByLabelText('Silence, seconds');
  await expect.element(page.getByText('By default: 90.')).toBeVisible();
  await expect.element(page.getByLabelText('Chunk size, bytes')).not.toBeInTheDocument();
  await silence.fill('soon');
  await expect.element(page.getByText('Silence, seconds: a number, such as 5 or 2.5.')).toBeVisible();
  await silence.fill('2,5');
  host.scene.config = changed;
  await page.getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => host.asked).toEqual([{ method: 'PATCH', path: '/config', body: { rtmp: { idle_seconds: 2.5 } } }]);
  await expect.element(silence).toHaveValue('2.5');
  await page.getByLabelText('Search').fill('');
  await expectAccessible();
});

test('a certificate and its key are saved together and taken away together', async () => {
  const pair = { cert: '/etc/weir/cert.pem', key: '/etc/weir/key.pem' };
  const changed = { ...config, config: { ...config.config, tls: { ...config.config.tls, ...pair } } };
  const host = await show('empty', { at: 'settings', rest: 'tuning', change: (scene) => (scene.replies = { 'PATCH config': changed }) });
  const form = page.getByRole('form', { name: 'Certificate from files' });
  await expect.element(form.getByRole('button')).not.toBeInTheDocument();
  await form.getByLabelText('Certificate file').fill(` ${pair.cert}`);
  await expect.element(form.getByText('Weir needs both files, or neither.')).toBeVisible();
  await expect.element(form.getByRole('button', { name: 'Save' })).toBeDisabled();
  await form.getByLabelText('Key file').fill(pair.key);
  host.scene.config = changed;
  await form.getByRole('button', { name: 'Save' }).click();
  await expect.element(form.getByRole('button', { name: 'Save' })).not.toBeInTheDocument();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/config', body: { tls: pair } }]);
  await expectAccessible();
  host.scene.replies = { 'PATCH config': config };
  host.scene.config = config;
  await form.getByRole('button', { name: 'Use no files' }).click();
  await expect.element(form.getByLabelText('Key file')).toHaveValue('');
  expect(host.asked[1]?.body).toEqual({ tls: { cert: null, key: null } });
});

test('what cannot be is told with the name of the field and what it may be', async () => {
  const refusal = {
    code: 'invalid_value' as const,
    message: 'The setting rtmp.listen[0] cannot be so: :0 is taken; write another one.',
    hint: 'docs/configuration.md describes every setting.',
    setting: { name: 'rtmp.listen[0]', reason: ':0 is taken; write another one.' },
  };
  await show('empty', { at: 'settings', rest: 'tuning', change: (scene) => (scene.refusal = refusal) });
  await page.getByLabelText('Handshake, seconds').fill('0');
  await expect.element(page.getByText('Handshake, seconds: 0.1 or more.')).toBeVisible();
  await page.getByLabelText('Chunk size, bytes').fill('65537');
  await expect.element(page.getByText('Chunk size, bytes: between 1 and 65536.')).toBeVisible();
  await page.getByLabelText('Streams at once').fill('4294967296');
  await expect.element(page.getByText('Streams at once: 4294967295 or less.')).toBeVisible();
  const address = page.getByLabelText('RTMP', { exact: true });
  await address.fill('home');
  await expect.element(page.getByText(/^RTMP: addresses such as/)).toBeVisible();
  await address.fill(':0');
  address.element().closest('form')?.requestSubmit();
  const told = page.getByText('“RTMP” cannot be so: :0 is taken; write another one.');
  await expect.element(told).toBeVisible();
  expect(document.body.textContent).not.toMatch(/rtmp\.listen|docs\//);
});

test('every setting of the table has its words in both languages', () => {
  for (const { settings } of groups) {
    for (const { table, name, options = [], files } of settings) {
      const parts = ['', '.words', ...options.map((option) => `.is.${option}`)].map((part) => `${name}${part}`);
      for (const part of [...parts, ...(files ?? []).flatMap((file) => [file, `${file}.words`])]) {
        expect(Object.keys(en)).toContain(`tuning.${table}.${part}`);
      }
    }
  }
});

test('a number may be on the page what it may be in the settings file', () => {
  for (const { table, name, least, most } of groups.flatMap(({ settings }) => settings)) {
    if (least === undefined) continue;
    const row = reference.split(`\n## \`[${table}]\``)[1]?.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
    expect(row).toContain(most === undefined ? `${least} or more` : `${least} to ${most}`);
  }
});

test.each<[Tuned['kind'], string, unknown]>([
  ['whole', '12', 12],
  ['megabytes', '2.5', 2_500_000],
  ['list', ' :1935,  localhost:1936 ', [':1935', 'localhost:1936']],
  ['addresses', ':1935, [::1]:1936', [':1935', '[::1]:1936']],
  ['list', '', []],
])('a %s is read from %j', (kind, text, value) => {
  const setting: Tuned = { table: 'a', name: 'b', kind };
  expect(parsed(setting, text)).toEqual({ value });
  expect(parsed(setting, typed(setting, value as string))).toEqual({ value });
});

test.each([
  ['rtmp', false, { wrong: 'tuning.wrong.off' }],
  ['http', true, { wrong: 'tuning.wrong.page' }],
  ['http', false, { value: [] }],
] as const)('no address for %s, in a browser: %j', (table, inBrowser, expected) => {
  expect(parsed({ table, name: 'listen', kind: 'addresses' }, ' ', inBrowser)).toEqual(expected);
});
