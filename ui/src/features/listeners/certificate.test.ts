import { userEvent } from 'vitest/browser';
import { expect, test } from 'vitest';

import { expectAccessible, page, show } from '../../../test/page';

test('an imported certificate is not thrown away without a question', async () => {
  const host = await show('secured', { at: 'listeners', change: ({ certificate }) => (certificate.source = 'imported') });
  const make = page.getByRole('button', { name: 'Let Weir make one' });
  await make.click();
  const question = page.getByRole('alertdialog', { name: 'Forget the imported certificate?' });
  await expect.element(question).toBeVisible();
  await expectAccessible();
  await question.getByRole('button', { name: 'Cancel' }).click();
  await expect.element(question).not.toBeInTheDocument();
  expect(host.asked).toEqual([]);
  await make.click();
  host.scene.replies = { 'POST certificate/renew': { ...host.scene.certificate, source: 'made' } };
  await question.getByRole('button', { name: 'Make a new one' }).click();
  await expect.element(question).not.toBeInTheDocument();
  expect(host.asked.map(({ path }) => path)).toEqual(['/certificate/renew']);
  await expect.element(page.getByRole('button', { name: 'Renew now' })).toBeVisible();
});

test('one that Weir made is renewed at once', async () => {
  const host = await show('secured', { at: 'listeners' });
  host.scene.replies = { 'POST certificate/renew': host.scene.certificate };
  await page.getByRole('button', { name: 'Renew now' }).click();
  await expect.poll(() => host.asked.map(({ path }) => path)).toEqual(['/certificate/renew']);
});

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const KEY = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n';

async function importing(): ReturnType<typeof show> {
  const host = await show('secured', { at: 'listeners' });
  host.scene.replies = { 'PUT certificate': { ...host.scene.certificate, source: 'imported' } };
  await page.getByRole('button', { name: 'Import', exact: true }).first().click();
  await expect.element(page.getByRole('dialog', { name: 'Import a certificate' })).toBeVisible();
  return host;
}

const choose = (what: 'certificate' | 'key', name: string, text: string): Promise<void> =>
  userEvent.upload(input(what), new File([text], name));

function input(what: string): HTMLInputElement {
  const found = document.querySelector<HTMLInputElement>(`input[type=file][aria-label="Choose the ${what}"]`);
  if (!found) throw new Error(`no input for the ${what}`);
  return found;
}

const send = () => page.getByRole('dialog').getByRole('button', { name: 'Import', exact: true });

test.each([
  ['each in its place', [['certificate', 'a.crt', CERTIFICATE], ['key', 'a.key', KEY]]],
  ['swapped', [['certificate', 'a.key', KEY], ['key', 'a.crt', CERTIFICATE]]],
  ['swapped, the other first', [['key', 'a.crt', CERTIFICATE], ['certificate', 'a.key', KEY]]],
] as const)('a certificate and its key are imported: %s', async (_, files) => {
  const host = await importing();
  for (const [what, name, text] of files) await choose(what, name, text);
  await expect.element(page.getByText('a.key is read.')).toBeVisible();
  await expect.element(page.getByText('a.crt is read.')).toBeVisible();
  await expect.element(page.getByText(/holds no/)).not.toBeInTheDocument();
  await send().click();
  await expect.poll(() => host.asked.map(({ body }) => body)).toEqual([{ certificate: CERTIFICATE, key: KEY }]);
});

test('a file without a key is named, and the certificate chosen before stays', async () => {
  await importing();
  await choose('certificate', 'good.crt', CERTIFICATE);
  await choose('key', 'other.crt', CERTIFICATE);
  await expect.element(page.getByText('other.crt holds no private key.')).toBeVisible();
  await expect.element(page.getByText('good.crt is read.')).toBeVisible();
  await choose('key', 'notes.txt', 'nothing of both');
  await expect.element(page.getByText('notes.txt holds no private key.')).toBeVisible();
  await expect.element(page.getByText('good.crt is read.')).toBeVisible();
  await expectAccessible();
  await choose('certificate', 'notes.txt', 'nothing of both');
  await expect.element(page.getByText('notes.txt holds no certificate.')).toBeVisible();
  await expect.element(send()).toBeDisabled();
  await choose('key', 'good.key', KEY);
  await expect.element(page.getByText(/holds no/)).not.toBeInTheDocument();
  await expect.element(send()).toBeEnabled();
});

test('one file with both is enough', async () => {
  const host = await importing();
  await choose('key', 'both.pem', CERTIFICATE + KEY);
  await send().click();
  await expect.poll(() => host.asked.map(({ body }) => body)).toEqual([{ certificate: CERTIFICATE + KEY, key: CERTIFICATE + KEY }]);
});

test('a file that is too large is called that', async () => {
  await importing();
  await choose('certificate', 'film.pem', 'x'.repeat((1 << 20) + 1));
  await expect.element(page.getByText('film.pem is too large.')).toBeVisible();
  await expect.element(page.getByText(/is read/)).not.toBeInTheDocument();
});
