import { describe, expect, test } from 'vitest';

import { stream } from '../../../dev/parts';
import { expectAccessible, page, show } from '../../../test/page';
import { veil } from '../../components/veil.svelte';
import { fullUrl, qrText, targets, type Target } from './phone';

const rtmp: Target = { protocol: 'rtmp', server: 'rtmp://192.168.1.23:1935/live', key: 'phone' };
const srt: Target = { protocol: 'srt', server: 'srt://192.168.1.23:10080', key: 'publish:live/phone', passphrase: 'a b&c=d12345' };

test('the phone gets a stream of its own, at an address it can reach', () => {
  const local = { listener_id: 'rtmp', protocol: 'rtmp', server: 'rtmp://127.0.0.1:1935/live', key: 'stream', reach: 'this_computer' as const };
  const open = { ...local, server: rtmp.server, reach: 'network' as const };
  const encrypted = { ...open, listener_id: 'srt', protocol: 'srt', server: srt.server, key: 'publish:live/stream' };
  expect(targets([local, open, encrypted])).toEqual([rtmp, { ...srt, passphrase: undefined }].map(({ protocol, server, key }) => ({ protocol, server, key })));
});

test('each app is told in its own form', () => {
  expect(fullUrl(srt)).toBe('srt://192.168.1.23:10080?streamid=publish:live/phone&passphrase=a%20b%26c%3Dd12345');
  expect(qrText('other', rtmp)).toBe('rtmp://192.168.1.23:1935/live/phone');
  expect(qrText('larix', rtmp)).toBe(
    'larix://set/v1?conn[][url]=rtmp%3A%2F%2F192.168.1.23%3A1935%2Flive%2Fphone&conn[][name]=Weir&conn[][mode]=va&conn[][overwrite]=on',
  );
  const larix = qrText('larix', srt);
  expect(larix).toContain('conn[][srtstreamid]=publish%3Alive%2Fphone');
  expect(larix).toContain('conn[][srtpass]=a%20b%26c%3Dd12345');
  expect(larix).toContain('conn[][srtpbkl]=16');
  expect(qrText('larix', { ...srt, keyLength: 32 })).toContain('conn[][srtpbkl]=32');
  expect(qrText('moblin', { ...srt, keyLength: 32 })).toContain(encodeURIComponent('&pbkeylen=32'));
  const moblin = JSON.parse(decodeURIComponent(qrText('moblin', rtmp).slice('moblin://?'.length))) as { streams: { url: string; video: { codec: string } }[] };
  expect(moblin.streams[0]?.url).toBe('rtmp://192.168.1.23:1935/live/phone');
  expect(moblin.streams[0]?.video.codec).toBe('H.264/AVC');
});

describe('the dialog', () => {
  test('a phone is shown what to scan, and its first packet', async () => {
    const host = await show('network');
    await page.getByRole('button', { name: 'Use a phone' }).click();
    const dialog = page.getByRole('dialog');
    await expect.element(dialog.getByRole('img', { name: 'QR code for Larix Broadcaster' })).toBeVisible();
    await expect.element(dialog.getByText('rtmp://192.168.1.23:1935/live/phone')).toBeVisible();
    await expect.element(dialog.getByText("Waiting for the phone's first packet")).toBeVisible();
    await expectAccessible();
    host.scene.streams.push(stream({ path: 'live/phone' }));
    host.emit({ type: 'changed', topics: ['streams'] });
    await expect.element(dialog.getByText('It arrives: live/phone')).toBeVisible();
  });

  test('an attempt that was refused is told with its cause', async () => {
    const host = await show('network');
    await page.getByRole('button', { name: 'Use a phone' }).click();
    const problem = { id: 99, at: '2026-11-22T14:30:00Z', count: 1, code: 'new', message: 'The passphrase was wrong.', hint: 'Scan again.', stream: null, remote: '192.168.1.40' };
    host.emit({ type: 'problem', problem });
    await expect.element(page.getByRole('dialog').getByText('The passphrase was wrong. Scan again.')).toBeVisible();
  });

  test('while only this computer may connect, the network is let in by a press', async () => {
    const host = await show('empty');
    await page.getByRole('button', { name: 'Use a phone' }).click();
    await page.getByRole('button', { name: 'Let my network in' }).click();
    await expect.poll(() => host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { reach: 'network' } }]);
  });

  test('in streamer mode there is no code a camera could read', async () => {
    veil.choose(true);
    await show('network');
    await page.getByRole('button', { name: 'Use a phone' }).click();
    await expect.element(page.getByRole('dialog')).toBeVisible();
    expect(document.querySelectorAll('[data-text]')).toHaveLength(0);
    expect(page.getByText(/192\.168/).elements()).toEqual([]);
    veil.choose(false);
  });
});
