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
