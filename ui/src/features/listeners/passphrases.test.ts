import { expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';

import { expectAccessible, page, show } from '../../../test/page';
import { passphraseProblem, pathProblem } from './passphrase';

/** The picture has the streams live/gopro and live/phone. */
const PHONE = 'staple staple staple';

const dialog = page.getByRole('alertdialog');
const stream = page.getByLabelText('Stream', { exact: true });
const passphrase = page.getByLabelText('Passphrase', { exact: true });

async function choose(text: string): Promise<void> {
  await expect.element(page.getByRole('button', { name: 'Add passphrase' })).toBeVisible();
  const input = document.querySelector<HTMLInputElement>('input[type=file]');
  if (!input) throw new Error('no field for a file');
  await userEvent.upload(input, new File([text], 'passphrases.json', { type: 'application/json' }));
}

test('a file replaces the passphrases only after a question that says who loses one', async () => {
  const host = await show('srt', { at: 'listeners' });
  const file = { 'live/phone': PHONE };
  await choose(JSON.stringify(file));
  await expect.element(dialog.getByText(/^The file has a passphrase for 1 stream\. 1 stream that is not in it loses its passphrase/)).toBeVisible();
  await expectAccessible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(host.asked).toEqual([]);
  await choose('{}');
  await expect.element(dialog.getByText(/^The file has passphrases for 0 streams\. 2 streams that are not in it lose their passphrase/)).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await choose(JSON.stringify(file));
  await dialog.getByRole('button', { name: 'Import' }).click();
  await expect.element(dialog).not.toBeInTheDocument();
  expect(host.asked).toEqual([{ method: 'PUT', path: '/srt/passphrase_file', body: file }]);
});

test.each([
  ['["a"]', 'This file does not hold streams with their passphrases.'],
  ['null', 'This file does not hold streams with their passphrases.'],
  ['7', 'This file does not hold streams with their passphrases.'],
  ['live/a = b', 'This file is no JSON.'],
  ['{"live/a": 1}', 'The passphrase of “live/a” in this file is no text.'],
  ['{"nolive": "long enough for srt"}', '“nolive” in this file cannot be the name of a stream.'],
  ['{"live/a": "          "}', 'The passphrase of live/a in this file cannot be used.'],
  ['{"live/a": "long enough 1", "live/a?b": "long enough 2"}', 'live/a has two passphrases in this file.'],
  [JSON.stringify({ 'live/a': 'a'.repeat(1 << 20) }), 'This file is too large.'],
  [JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`live/${n}`, 'a passphrase of its own']))), 'This file is too large.'],
])('a file is refused in plain words, and nobody is asked: %.40s', async (text, words) => {
  const host = await show('srt', { at: 'listeners' });
  await choose(text);
  await expect.element(page.getByText(words)).toBeVisible();
  await expect.element(dialog).not.toBeInTheDocument();
  expect(host.asked).toEqual([]);
});

test('a stream that has a passphrase is not given another one by adding', async () => {
  const host = await show('srt', { at: 'listeners' });
  await stream.fill('live/phone?x');
  await expect.element(page.getByText('This stream has a passphrase already. Use Replace above to give it another one.')).toBeVisible();
  await expect.element(page.getByRole('button', { name: 'Add passphrase' })).toBeDisabled();
  expect(host.asked).toEqual([]);
});

test('replacing is asked first and shown while it is under way, and what was copied is no longer called so', async () => {
  const host = await show('srt', {
    at: 'listeners',
    change: (scene) => (scene.replies = { 'PUT srt/passphrases/live%2Fphone': { path: 'live/phone', generated: 'long-and-strong-one' } }),
  });
  const answer = host.request;
  let go = (): void => undefined;
  host.request = async (method, path, body) => {
    if (method === 'PUT') await new Promise<void>((resolve) => (go = resolve));
    return answer(method, path, body);
  };
  const copy = page.getByRole('button', { name: 'Copy the passphrase of live/phone' });
  const replace = page.getByRole('button', { name: 'Replace the passphrase of live/phone by a new one' });
  await replace.click();
  await expect.element(dialog.getByText(/An encoder that has the old one cannot connect any more/)).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect(host.asked).toEqual([]);
  await copy.click();
  await expect.element(copy).toHaveTextContent('Copied');
  // Of itself it is forgotten after a moment.
  await expect.element(copy, { timeout: 4000 }).toHaveTextContent(/^Copy$/);

  await copy.click();
  await expect.element(copy).toHaveTextContent('Copied');
  await replace.click();
  const sure = dialog.getByRole('button', { name: 'Replace' });
  await sure.click();
  await expect.element(sure).toHaveAttribute('aria-busy', 'true');
  go();
  await expect.element(page.getByText('long-and-strong-one')).toBeVisible();
  await expect.element(dialog).not.toBeInTheDocument();
  // And at once when it is another one.
  await expect.element(copy, { timeout: 200 }).toHaveTextContent(/^Copy$/);
  expect(host.asked).toEqual([{ method: 'PUT', path: '/srt/passphrases/live%2Fphone', body: {} }]);
});

test('a copy that the system refuses says so', async () => {
  const host = await show('srt', { at: 'listeners' });
  host.copy = () => Promise.resolve(false);
  const copy = page.getByRole('button', { name: 'Copy the passphrase of live/phone' });
  await copy.click();
  await expect.element(copy).toHaveTextContent('Not copied');
});

test('what another page changes shows here', async () => {
  const host = await show('srt', { at: 'listeners' });
  const list = page.getByRole('list', { name: 'Streams with a passphrase' });
  await expect.element(list.getByText('live/phone')).toBeVisible();
  host.scene.passphrases = { 'live/other': 'made on another page' };
  host.emit({ type: 'changed', topics: ['access'] });
  await expect.element(list.getByText('live/other')).toBeVisible();
  await expect.element(list.getByText('live/phone')).not.toBeInTheDocument();
});

test('a passphrase for all is refused with the reason while it is typed', async () => {
  await show('srt', { at: 'listeners', change: (scene) => (scene.srt.encryption = 'one') });
  await passphrase.fill('          ');
  await expect.element(page.getByText('Nothing but spaces is no passphrase.')).toBeVisible();
  await expect.element(page.getByRole('button', { name: 'Save' }).last()).toBeDisabled();
  await passphrase.fill('ä'.repeat(40));
  await expect.element(page.getByText('SRT takes at most 79 bytes: a letter such as ä counts as 2, a sign such as 🎥 as 4.')).toBeVisible();
});

test('passphrases count in bytes, and names are those that the engine takes', () => {
  expect(['ä'.repeat(39), 'ä'.repeat(40), ' '.repeat(10), '123456789'].map(passphraseProblem)).toEqual([
    undefined,
    'srt.passphrase.long',
    'srt.passphrase.blank',
    'srt.passphrase.short',
  ]);
  expect(['live/a', ' live/a?token=b', 'a/b/c.d'].map(pathProblem)).toEqual([undefined, undefined, undefined]);
  for (const wrong of ['nolive', '/live/a', 'live/', 'live/..', './a', 'live/a b', 'live\\a/b', '?live/a']) expect(pathProblem(wrong)).toBe('stream.name.wrong');
});
