import { describe, expect, test } from 'vitest';
import { userEvent } from 'vitest/browser';

import { expectAccessible, page, show } from '../../../test/page';
import { destination, stream } from '../../../dev/parts';
import { addressProblem, asPatch, draftOf, keyOf } from './draft';

const add = () => page.getByRole('button', { name: 'Add destination' });

const choosing = async (name: string): Promise<void> => {
  await add().click();
  await page.getByRole('button', { name, exact: true }).click();
};

describe('adding', () => {
  test('takes three steps, sends what was typed, and the key stays hidden until asked for', async () => {
    const host = await show('empty', { at: 'destinations' });
    await choosing('Twitch');
    await expect.element(page.getByText('Step 2 of 3: address and key')).toBeVisible();
    await expect.element(page.getByRole('link', { name: 'Open the page of Twitch with the key' })).toHaveAttribute('href', 'https://dashboard.twitch.tv/settings/stream');
    await page.getByLabelText('Server', { exact: true }).selectOptions('Frankfurt');
    const key = page.getByLabelText('Stream key', { exact: true });
    await key.fill('live_123');
    await expect.element(key).toHaveAttribute('type', 'password');
    await page.getByRole('button', { name: 'Show the stream key' }).click();
    await expect.element(key).toHaveAttribute('type', 'text');
    await page.getByRole('checkbox', { name: /^Test only: / }).click();
    await page.getByRole('button', { name: 'Next' }).click();
    await expect.element(page.getByText('Weir checks your stream against this as soon as it is live.')).toBeVisible();
    await expectAccessible();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await expect.element(page.getByRole('dialog')).not.toBeInTheDocument();
    expect(host.asked).toEqual([
      {
        method: 'POST',
        path: '/destinations',
        body: { url: 'rtmp://fra02.contribute.live-video.net/app', preset: 'twitch', name: 'Twitch', key: 'live_123?bandwidthtest=true' },
      },
    ]);
  });

  test('works by keyboard alone', async () => {
    const host = await show('empty', { at: 'destinations' });
    await expect.element(add()).toBeVisible();
    (add().element() as HTMLElement).focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('dialog').getByRole('searchbox')).toHaveFocus();
    (page.getByRole('button', { name: 'Another server' }).element() as HTMLElement).focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByLabelText('Server address')).toHaveFocus();
    await userEvent.keyboard('rtmp://example.org/live/abc{Enter}');
    await expect.element(page.getByText(/Step 3 of 3/)).toBeVisible();
    await userEvent.keyboard('{Tab}{Tab}');
    (page.getByRole('button', { name: 'Add', exact: true }).element() as HTMLElement).focus();
    await userEvent.keyboard('{Enter}');
    await expect.element(page.getByRole('dialog')).not.toBeInTheDocument();
    expect(host.asked[0]?.body).toEqual({ url: 'rtmp://example.org/live/abc', preset: 'custom' });
  });

  test('begins at the field that finds a service, and again on the way back', async () => {
    await show('empty', { at: 'destinations' });
    await add().click();
    const find = page.getByRole('dialog').getByRole('searchbox');
    await expect.element(find).toHaveFocus();
    await userEvent.keyboard('twitch');
    await page.getByRole('button', { name: 'Twitch', exact: true }).click();
    await page.getByRole('button', { name: 'Back' }).click();
    await expect.element(find).toHaveFocus();
  });

  test('holds the live stream against what the service takes', async () => {
    const finding = { code: 'key_frame_interval', message: 'Twitch wants a key frame every 2 s; yours come every 8.3 s.', hint: 'Set it to 2 s.' };
    await show('several', { at: 'destinations', change: (scene) => (scene.findings = [finding]) });
    await choosing('Twitch');
    await page.getByRole('button', { name: 'Next' }).click();
    await expect.element(page.getByText(finding.message)).toBeVisible();
  });

  test('holds against it the stream that has been live longest, which is the one that is sent', async () => {
    // The engine tells the streams by name: the later one comes first.
    const both = [stream({ path: 'live/camera', uptime_seconds: 60 }), stream({ path: 'live/main', uptime_seconds: 5025 })];
    await show('several', { at: 'destinations', change: (scene) => (scene.streams = both) });
    await choosing('Twitch');
    await page.getByRole('button', { name: 'Next' }).click();
    await expect.element(page.getByText('live/main fits.')).toBeVisible();
    await page.getByLabelText('Which stream').selectOptions('live/camera');
    await expect.element(page.getByText('live/camera fits.')).toBeVisible();
  });

  test('offers both addresses where a service wants both, and a second one for the others', async () => {
    await show('empty', { at: 'destinations' });
    await choosing('YouTube');
    await page.getByText('Second address', { exact: true }).click();
    await page.getByRole('button', { name: 'Use the second address of YouTube' }).click();
    await expect.element(page.getByLabelText('Second address of the same service')).toHaveValue('rtmps://b.rtmps.youtube.com/live2?backup=1');
  });

  test('tells what is wrong with an address before asking the engine', async () => {
    const host = await show('empty', { at: 'destinations' });
    await choosing('Another server');
    await page.getByRole('button', { name: 'Next' }).click();
    await expect.element(page.getByText('The address of the server is missing.')).toBeVisible();
    await page.getByLabelText('Server address').fill('https://twitch.tv/me');
    await expect.element(page.getByText(/the address of a web page/)).toBeVisible();
    expect(host.asked).toEqual([]);
  });

  test('shows what the engine says about it and keeps what was typed', async () => {
    const refusal = { code: 'invalid_value' as const, message: 'The port 99999 does not exist.', hint: 'Leave it out.', setting: null };
    await show('empty', { at: 'destinations', change: (scene) => (scene.refusal = refusal) });
    await choosing('Another server');
    await page.getByLabelText('Server address').fill('rtmp://example.org:99999/live');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await expect.element(page.getByText('The port 99999 does not exist.')).toBeVisible();
    await page.getByRole('button', { name: 'Back' }).click();
    await expect.element(page.getByLabelText('Server address')).toHaveValue('rtmp://example.org:99999/live');
  });

  test.each([
    ['', 'form.url.missing'],
    ['live.twitch.tv/app', 'form.url.scheme'],
    ['rtmp://', 'form.url.scheme'],
    ['http://a/b', 'form.url.web'],
    ['RTMP://a/b', undefined],
    ['rtmps://a/b', undefined],
    ['srt://a:10080', undefined],
  ])('an address %j is answered with %s', (url, problem) => expect(addressProblem(url)).toBe(problem));
});

test('an edit sends only what was changed, never a masked address', () => {
  const kept = destination({ url: 'rtmp://a/live/•••', name: 'A' });
  expect(asPatch(draftOf(kept), kept)).toEqual({});
  expect(asPatch({ ...draftOf(kept), name: 'B', key: 'k', streams: 'live/x' }, kept)).toEqual({
    name: 'B',
    key: 'k',
    streams: 'live/x',
  });
});

test('every state is told in a word of its own', async () => {
  await show('destinations', { at: 'destinations' });
  for (const word of ['live', 'trying again in 8 s', 'stopped', 'off']) {
    await expect.element(page.getByRole('listitem').getByText(word, { exact: true }).first()).toBeVisible();
  }
  await expect.element(page.getByText('The server refused the stream key.')).toBeVisible();
});

test('a destination is switched off, tried again and removed after a question', async () => {
  const host = await show('destinations', { at: 'destinations' });
  await page.getByRole('switch', { name: 'Send to Twitch' }).click();
  await page.getByRole('listitem', { name: 'YouTube' }).getByRole('button', { name: 'Try now' }).click();
  await page.getByRole('button', { name: 'Remove Facebook' }).click();
  await expect.element(page.getByRole('alertdialog')).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect.element(page.getByRole('alertdialog')).not.toBeInTheDocument();
  await page.getByRole('button', { name: 'Remove Facebook' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
  await expect.element(page.getByRole('alertdialog')).not.toBeInTheDocument();
  expect(host.asked).toEqual([
    { method: 'PATCH', path: '/destinations/d1', body: { enabled: false } },
    { method: 'POST', path: '/destinations/d2/retry', body: undefined },
    { method: 'DELETE', path: '/destinations/d3', body: undefined },
  ]);
});

test.each(['empty', 'destinations'] as const)('%s is accessible', async (scene) => {
  await show(scene, { at: 'destinations' });
  await expect.element(add()).toBeVisible();
  await expectAccessible();
});

test('the form is accessible', async () => {
  await show('several', { at: 'destinations' });
  await add().click();
  await expect.element(page.getByRole('button', { name: 'Twitch', exact: true })).toBeVisible();
  await expectAccessible();
  await page.getByRole('button', { name: 'Another server' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expectAccessible();
});

test('a certificate that nobody vouches for is compared and trusted', async () => {
  const host = await show('own', { at: 'destinations' });
  await expect.element(page.getByText(/^0F1E 2D3C/)).toBeVisible();
  await page.getByRole('button', { name: 'Trust this certificate' }).click();
  expect(host.asked[0]?.body).toEqual({ trusted_certificate: '0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0' });
  await expectAccessible();
});

test('a destination that is started by hand starts with what is live', async () => {
  const host = await show('own', { at: 'destinations' });
  await expect.element(page.getByText('ready')).toBeVisible();
  await page.getByRole('button', { name: 'Start sending to By hand' }).click();
  expect(host.asked).toEqual([{ method: 'POST', path: '/destinations/d8/start', body: { stream: 'live/stream' } }]);
});

test('the numbers and errors of a destination are told with their time', async () => {
  await show('destinations', { at: 'destinations' });
  await page.getByRole('button', { name: 'Numbers and errors of YouTube' }).click();
  await expect.element(page.getByRole('region', { name: 'What went wrong' })).toHaveTextContent(/12 seconds\.\s+3 times/);
  await page.getByRole('button', { name: 'Numbers and errors of Twitch' }).click();
  await expect.element(page.getByText('23 ms').first()).toBeVisible();
  const twitch = page.getByRole('listitem', { name: 'Twitch' });
  await expect.element(twitch.getByRole('img', { name: /^Bitrate that arrived, now/ })).toBeVisible();
  await twitch.getByRole('radio', { name: 'Whole session' }).click();
  await expect.element(twitch.getByRole('radio', { name: 'Whole session' })).toBeChecked();
  await expectAccessible();
});

test('an option is appended to the key with the right sign', () => {
  expect(keyOf({ key: 'k', append: ['?a=1', '?b=2'] })).toBe('k?a=1&b=2');
});
