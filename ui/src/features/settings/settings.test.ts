import { expect, test } from 'vitest';

import { expectAccessible, page, show } from '../../../test/page';

test('letting the network in is one switch with a plain warning', async () => {
  const host = await show('empty', { at: 'settings' });
  const reach = page.getByRole('switch', { name: 'Let other devices on my network in' });
  await reach.click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { reach: 'network' } }]);
  const [listener] = host.scene.listeners;
  if (listener) listener.reach = 'network';
  host.emit({ type: 'changed', topics: ['listeners'] });
  await expect.element(page.getByText(/Everyone on your network can now send streams/)).toBeVisible();
  await expect.element(reach).toBeChecked();
});

test('a port is checked while it is typed, and saved', async () => {
  const host = await show('empty', { at: 'settings' });
  const port = page.getByLabelText('Port');
  await port.fill('70000');
  await expect.element(page.getByText('A port is a number from 1 to 65535.')).toBeVisible();
  await expect.element(page.getByRole('button', { name: 'Save' })).toBeDisabled();
  await port.fill('1936');
  await page.getByRole('button', { name: 'Save' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { port: 1936 } }]);
});

test('a draft can be thrown away', async () => {
  const host = await show('empty', { at: 'settings' });
  const folder = page.getByLabelText('Recordings folder');
  await folder.fill('/tmp/elsewhere');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.element(folder).toHaveValue('/home/mara/Videos/Weir');
  expect(host.asked).toEqual([]);
});

test('a folder the engine refuses stays in the field with the reason', async () => {
  const refusal = { code: 'invalid_value' as const, message: 'The folder cannot be written to.', hint: '' };
  await show('empty', { at: 'settings', change: (scene) => (scene.refusal = refusal) });
  await page.getByLabelText('Recordings folder').fill('/root');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect.element(page.getByText('The folder cannot be written to.')).toBeVisible();
  await expect.element(page.getByLabelText('Recordings folder')).toHaveValue('/root');
});

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

test('the settings are accessible', async () => {
  await show('network', { at: 'settings' });
  await expect.element(page.getByText(/Everyone on your network/)).toBeVisible();
  await expectAccessible();
});
