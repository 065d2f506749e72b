import jsQR from 'jsqr';
import { afterEach, expect, test } from 'vitest';

import { page, show } from '../../../test/page';
import { appearance } from '../../styles/theme.svelte';
import { apps } from './phone';

/** What a camera reads off the screen: the code is taken from a picture of the page, by a reader that is not ours. */
async function scanned(): Promise<string | undefined> {
  const shot = await page.getByRole('img', { name: /^QR code for / }).screenshot({ base64: true, save: false });
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${shot}`)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext('2d');
  context?.drawImage(picture, 0, 0);
  const pixels = context?.getImageData(0, 0, picture.width, picture.height);
  return pixels && jsQR(pixels.data, pixels.width, pixels.height)?.data;
}

const dialog = () => page.getByRole('dialog');
/** The values that the dialog shows for copying, by label. */
const shown = (label: string): string | undefined =>
  dialog()
    .getByText(label, { exact: true })
    .element()
    .parentElement?.querySelector('code')
    ?.textContent?.trim();

/** A part of what a code says, as the app that scans it takes it apart. */
const larix = (text: string): Record<string, string> =>
  Object.fromEntries([...new URL(text).searchParams].map(([name, value]) => [name.replace(/^conn\[\]\[(.+)\]$/, '$1'), value]));
const moblin = (text: string): string => {
  const { streams } = JSON.parse(decodeURIComponent(text.slice('moblin://?'.length))) as { streams: { url: string }[] };
  return streams[0]?.url ?? '';
};

const SRT = { listener_id: 'srt', protocol: 'srt', server: 'srt://192.168.1.23:10080', key: 'publish:live/stream', reach: 'network' as const };

afterEach(() => appearance.choose('system'));

test.each(apps)('the code for %s says the address that is shown, over RTMP', async (app) => {
  await show('network');
  await page.getByRole('button', { name: 'Use a phone' }).click();
  await page.getByLabelText('App on the phone').selectOptions(app);
  const address = shown('Address');
  expect(address).toBe('rtmp://192.168.1.23:1935/live/phone');
  const text = (await scanned()) ?? '';
  const told = app === 'larix' ? larix(text)['url'] : app === 'moblin' ? moblin(text) : text;
  expect(told).toBe(address);
});

test.each(['larix', 'moblin', 'irlpro', 'other'] as const)('the code for %s says what is shown, over SRT with its passphrase', async (app) => {
  await show('network', {
    change: (scene) => {
      scene.status.ingest.push(SRT);
      scene.srt = { ...scene.srt, encryption: 'per_stream', key_length: 32 };
      scene.replies = { 'PUT srt/passphrases/live%2Fphone': { generated: 'correct horse & battery' } };
    },
  });
  appearance.choose('dark');
  await page.getByRole('button', { name: 'Use a phone' }).click();
  await page.getByLabelText('App on the phone').selectOptions(app);
  await page.getByRole('radio', { name: 'SRT' }).click();
  await page.getByRole('button', { name: 'Make a new passphrase' }).click();
  const passphrase = page.getByLabelText('Passphrase', { exact: true });
  await expect.element(passphrase).toHaveValue('correct horse & battery');
  const [server, id] = [shown('Server'), shown('Stream ID')];
  expect([server, id]).toEqual(['srt://192.168.1.23:10080', 'publish:live/phone']);

  const text = (await scanned()) ?? '';
  if (app === 'larix') {
    const { url, srtstreamid, srtpass, srtpbkl } = larix(text);
    return expect({ url, srtstreamid, srtpass, srtpbkl }).toEqual({ url: server, srtstreamid: id, srtpass: 'correct horse & battery', srtpbkl: '32' });
  }
  const told = new URL(app === 'moblin' ? moblin(text) : text);
  expect(`${told.protocol}//${told.host}`).toBe(server);
  expect(Object.fromEntries(told.searchParams)).toEqual({ streamid: id, passphrase: 'correct horse & battery', pbkeylen: '32' });
});
