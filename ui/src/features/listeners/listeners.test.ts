import { expect, test } from 'vitest';

import { expectAccessible, page, show } from '../../../test/page';

test('letting the network in is one switch with a plain warning', async () => {
  const host = await show('empty', { at: 'listeners' });
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
  const host = await show('empty', { at: 'listeners' });
  const port = page.getByLabelText('Port for RTMP');
  await port.fill('70000');
  await expect.element(page.getByText('A port is a number from 1 to 65535.')).toBeVisible();
  await expect.element(page.getByRole('button', { name: 'Save' })).toBeDisabled();
  await port.fill('1936');
  await page.getByRole('button', { name: 'Save' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { port: 1936 } }]);
});

test('a taken port names the program, and the next free one is one press away', async () => {
  const host = await show('taken', { at: 'listeners' });
  await expect.element(page.getByText('nginx (process 4312) uses port 1935.')).toBeVisible();
  await page.getByRole('button', { name: 'Use port 1936 instead' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { port: 1936 } }]);
  await expectAccessible();
});

test('a listener that goes on where it was says so, and may stay there', async () => {
  const host = await show('taken', {
    at: 'listeners',
    change: ({ listeners: [listener] }) => {
      if (listener) Object.assign(listener, { bound: ['127.0.0.1:1940', '[::1]:1940'] });
    },
  });
  await expect.element(page.getByText('nginx (process 4312) uses port 1935.')).toBeVisible();
  await expect.element(page.getByText(/^Meanwhile Weir goes on listening on port 1940\. Close that program/)).toBeVisible();
  await expect.element(page.getByText('127.0.0.1:1940')).toBeVisible();
  await page.getByRole('button', { name: 'Stay on port 1940' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { port: 1940 } }]);
  await expectAccessible();
});

test('a port of Weir itself asks for another one, and for no program to be closed', async () => {
  await show('taken', {
    at: 'listeners',
    change: ({ listeners: [listener] }) => {
      if (listener) Object.assign(listener, { port_own: 'page', port_owner: { pid: 30836, name: 'weir' } });
    },
  });
  await expect.element(page.getByText("Weir's own page uses port 1935.")).toBeVisible();
  await expect.element(page.getByText('Choose another port.')).toBeVisible();
  await expect.element(page.getByText(/process 30836/)).not.toBeInTheDocument();
  await expect.element(page.getByRole('button', { name: /Try port/ })).not.toBeInTheDocument();
  await expect.element(page.getByRole('button', { name: 'Use port 1936 instead' })).toBeVisible();
});

test('a listener is switched off', async () => {
  const host = await show('empty', { at: 'listeners' });
  await page.getByRole('switch', { name: 'Listen for RTMP' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/listeners/rtmp', body: { enabled: false } }]);
});

test.each(['network', 'off', 'loading'] as const)('%s is accessible', async (scene) => {
  await show(scene, { at: 'listeners' });
  await expect.element(page.getByRole('heading', { name: 'Listeners & security' })).toBeVisible();
  await expectAccessible();
});

test('passphrases are kept while another one is still being made', async () => {
  const host = await show('srt', { at: 'listeners' });
  const answer = host.request;
  host.request = (method, path, body) => (method === 'PUT' ? new Promise<Response>(() => {}) : answer(method, path, body));
  await page.getByLabelText('Stream', { exact: true }).fill('live/camera1');
  await page.getByRole('button', { name: 'Add passphrase' }).click();
  await page.getByRole('button', { name: 'Export' }).first().click();
  await expect.poll(() => host.saved.has('srt-passphrases.json')).toBe(true);
});

test('a passphrase is made, shown once, copied, replaced and removed', async () => {
  const host = await show('srt', {
    at: 'listeners',
    change: (scene) => (scene.replies = { 'PUT srt/passphrases/live%2Fcamera1': { path: 'live/camera1', generated: 'long-and-strong-one' } }),
  });
  await page.getByLabelText('Stream', { exact: true }).fill('camera1');
  await expect.element(page.getByText('Write it as app/name, for example live/camera1.')).toBeVisible();
  await page.getByLabelText('Stream', { exact: true }).fill('live/camera1');
  await page.getByRole('button', { name: 'Add passphrase' }).click();
  await expect.element(page.getByText('long-and-strong-one')).toBeVisible();
  await page.getByRole('button', { name: 'Copy the passphrase of live/gopro' }).click();
  await expect.poll(() => host.copied).toEqual(['correct horse battery']);
  await page.getByRole('button', { name: 'Export' }).first().click();
  expect(JSON.parse(host.saved.get('srt-passphrases.json') ?? '')).toEqual({ 'live/gopro': 'correct horse battery', 'live/phone': 'staple staple staple' });
  await page.getByRole('button', { name: 'Remove the passphrase of live/phone' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
  await expect.element(page.getByRole('alertdialog')).not.toBeInTheDocument();
  expect(host.asked).toEqual([
    { method: 'PUT', path: '/srt/passphrases/live%2Fcamera1', body: {} },
    { method: 'DELETE', path: '/srt/passphrases/live%2Fphone', body: undefined },
  ]);
});

test('one passphrase for all is asked for before encryption is switched on', async () => {
  const host = await show('srt', { at: 'listeners', change: (scene) => (scene.srt.encryption = 'off') });
  await page.getByLabelText('Encryption').selectOptions('One passphrase for all streams');
  expect(host.asked).toEqual([]);
  await page.getByLabelText('Passphrase', { exact: true }).fill('short');
  await expect.element(page.getByText('SRT needs at least 10 characters.')).toBeVisible();
  await page.getByLabelText('Passphrase', { exact: true }).fill('long enough for srt');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect.poll(() => host.asked.map(({ body }) => body)).toEqual([{ passphrase: 'long enough for srt' }, { encryption: 'one' }]);
});

test('a stream key is made and shown once, and another one is revoked after a question', async () => {
  const stream_key = { id: 'k3', name: 'Laptop', streams: '*', action: 'publish', created_at: '2026-11-22T14:00:00Z', last_used_at: null };
  const host = await show('secured', {
    at: 'listeners',
    change: (scene) => (scene.replies = { 'POST stream-keys': { stream_key, secret: 'abc', name_with_secret: 'stream?token=abc' } }),
  });
  await page.getByLabelText('Name of the key').fill('Laptop');
  await page.getByRole('button', { name: 'Make a key' }).click();
  await expect.element(page.getByText('stream?token=abc')).toBeVisible();
  await page.getByRole('button', { name: 'Revoke the key Phone' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Revoke' }).click();
  await expect.element(page.getByRole('alertdialog')).not.toBeInTheDocument();
  expect(host.asked).toEqual([
    { method: 'POST', path: '/stream-keys', body: { name: 'Laptop', action: 'publish' } },
    { method: 'DELETE', path: '/stream-keys/k2', body: undefined },
  ]);
});

test('a mode that needs a file waits for it', async () => {
  const host = await show('secured', { at: 'listeners' });
  await page.getByLabelText('Who is let in').selectOptions('Whoever has a token of a file');
  expect(host.asked).toEqual([]);
  await page.getByLabelText('File of tokens').fill('/etc/weir/tokens.json');
  await page.getByRole('button', { name: 'Save' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/access', body: { file: '/etc/weir/tokens.json', mode: 'file' } }]);
});

test('the certificate tells what it is, and can be kept and renewed', async () => {
  const host = await show('secured', { at: 'listeners' });
  await expect.element(page.getByText(/^0F1E 2D3C/)).toBeVisible();
  await expect.element(page.getByText('362 days left')).toBeVisible();
  await page.getByRole('button', { name: 'Export' }).first().click();
  expect(host.saved.get('weir.crt')).toContain('BEGIN CERTIFICATE');
  await page.getByText('How to trust it on other computers').click();
  await expect.element(page.getByText('certutil -addstore Root weir.crt')).toBeVisible();
  await expectAccessible();
});

test('the certificate is kept while another one is still being made', async () => {
  const host = await show('secured', { at: 'listeners' });
  const answer = host.request;
  host.request = (method, path, body) => (method === 'POST' ? new Promise<Response>(() => {}) : answer(method, path, body));
  await page.getByRole('button', { name: 'Renew now' }).click();
  await page.getByRole('button', { name: 'Export' }).first().click();
  await expect.poll(() => host.saved.get('weir.crt')).toContain('BEGIN CERTIFICATE');
});

test('a hook is added with its events, and a test says how it went', async () => {
  const result = { at: '2026-11-22T14:00:00Z', event: 'publish_start', stream: null, sample: true, ok: false, error: 'Nobody answers there.', output: '', took_ms: 12, tries: 3 };
  const host = await show('secured', { at: 'listeners', change: (scene) => (scene.replies = { 'POST hooks/h1/test': result }) });
  await page.getByRole('button', { name: 'Test Tell the chat with a sample' }).click();
  await expect.element(page.getByText('Nobody answers there.')).toBeVisible();
  await page.getByRole('button', { name: 'Add hook' }).click();
  await page.getByRole('radio', { name: 'A program' }).click();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect.element(page.getByText('Which program?')).toBeVisible();
  await page.getByRole('textbox', { name: 'Program' }).fill('/usr/bin/notify');
  await page.getByLabelText('Arguments, one a line').fill('--title\nLive now');
  await page.getByLabelText('An encoder goes').click();
  await expectAccessible();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect.element(page.getByRole('dialog')).not.toBeInTheDocument();
  expect(host.asked.at(-1)).toEqual({
    method: 'POST',
    path: '/hooks',
    body: { events: ['publish_start'], script: '/usr/bin/notify', arguments: ['--title', 'Live now'] },
  });
});

test('metrics are switched on at the usual address', async () => {
  const host = await show('secured', { at: 'listeners' });
  await page.getByRole('switch', { name: 'Serve numbers for monitoring' }).click();
  expect(host.asked).toEqual([{ method: 'PATCH', path: '/config', body: { metrics: { listen: '127.0.0.1:9090' } } }]);
});

test('how SRT passes on, what a bare name means, and the key length are chosen', async () => {
  const host = await show('srt', { at: 'listeners' });
  await page.getByLabelText('Pass on').selectOptions("in the sender's rhythm");
  await page.getByLabelText('A stream ID that is only a name').selectOptions('it plays');
  await page.getByLabelText('Key length').selectOptions('AES-256');
  await page.getByLabelText('Key length').selectOptions('as the caller likes');
  await expect
    .poll(() => host.asked.map(({ body }) => body))
    .toEqual([{ delivery: 'exact' }, { bare_stream_id: 'play' }, { key_length: 32 }, { key_length: 0 }]);
});

test('what another page changes for SRT and the metrics is shown', async () => {
  const host = await show('srt', { at: 'listeners' });
  const metrics = page.getByRole('switch', { name: 'Serve numbers for monitoring' });
  await expect.element(metrics).not.toBeChecked();
  const { scene } = host;
  scene.srt.latency_ms = 900;
  const answer = host.request;
  host.request = (method, path, body) =>
    method === 'GET' && path.endsWith('/config') ? Promise.resolve(Response.json({ config: { metrics: { listen: '127.0.0.1:9777' } } })) : answer(method, path, body);
  host.emit({ type: 'changed', topics: ['settings'] });
  await expect.element(page.getByRole('textbox', { name: 'Latency' })).toHaveValue('900');
  await expect.element(metrics).toBeChecked();
  await expect.element(page.getByText('http://127.0.0.1:9777/metrics')).toBeVisible();
});
