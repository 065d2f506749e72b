import { userEvent } from 'vitest/browser';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { recordedTrack, recording } from '../../../dev/parts';
import type { RecordingMedia, RecordingRule } from '../../api/model';
import { expectAccessible, page, show } from '../../../test/page';
import { locale } from '../../i18n/i18n.svelte';
import { goOn, startOf } from './film';
import { nextPlace, placesOf } from './places';

const list = () => page.getByRole('list', { name: 'Recordings' });
const item = (name: RegExp) => list().getByRole('listitem').filter({ hasText: name });

describe('the list', () => {
  test('shows what each file is, how long and how large', async () => {
    await show('live', { at: 'recordings' });
    await expect.element(page.getByText('6 recordings, 13.4 GB')).toBeVisible();
    await expect.element(item(/20261121_200012/)).toHaveTextContent(/FLV · H\.264 · AAC · 1920 × 1080/);
    await expect.element(item(/20261119/)).toHaveTextContent(/The disk is full\. What was recorded until then is in the file\./);
    for (const word of ['recording', 'stopped early', 'cut off', 'repaired']) {
      await expect.element(list().getByText(word, { exact: true })).toBeVisible();
    }
    await expect.element(page.getByText(/412 GB free/)).toBeVisible();
  });

  test('is searched, ordered and shown in two ways', async () => {
    await show('live', { at: 'recordings' });
    await page.getByRole('searchbox').fill('gopro');
    await expect.poll(() => list().getByRole('listitem').elements().length).toBe(1);
    await page.getByRole('searchbox').fill('nothing like it');
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByLabelText('Order').selectOptions('Largest first');
    await expect.element(list().getByRole('listitem').first()).toHaveTextContent(/5\.5 GB/);
    await page.getByRole('radio', { name: 'List' }).click();
    await expect.poll(() => localStorage.getItem('weir.recordings.look')).toBe('list');
    await expectAccessible();
    await page.getByRole('radio', { name: 'Pictures' }).click();
  });

  test('shows only those in the state that is asked for', async () => {
    await show('live', { at: 'recordings' });
    await page.getByLabelText('State', { exact: true }).selectOptions('Repaired');
    await expect.poll(() => list().getByRole('listitem').elements().length).toBe(1);
    await expect.element(list().getByText('repaired', { exact: true })).toBeVisible();
    await page.getByLabelText('State', { exact: true }).selectOptions('Damaged');
    await expect.element(page.getByText('There are recordings, but none that fit.')).toBeVisible();
    await page.getByRole('button', { name: 'Show all' }).click();
    await expect.element(page.getByLabelText('State', { exact: true })).toHaveValue('');
    await expect.poll(() => list().getByRole('listitem').elements().length).toBe(6);
  });

  test('says what is wrong with the folder, and tries again', async () => {
    const host = await show('unreadable', { at: 'recordings' });
    await expect.element(page.getByText(/cannot be read: permission denied/)).toBeVisible();
    host.scene.failing = [];
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect.element(list()).toBeVisible();
  });
});

describe('a recording', () => {
  test('becomes an MP4, with its progress, and can be called off', async () => {
    const host = await show('live', { at: 'recordings' });
    await expect.element(page.getByRole('progressbar', { name: /20261121_200012/ })).toBeVisible();
    await page.getByRole('button', { name: 'Call it off' }).click();
    await page.getByRole('button', { name: 'Do more with live_gopro_20261101_120000.flv' }).click();
    await page.getByRole('menuitem', { name: 'Make an MP4 of it' }).click();
    expect(host.asked).toEqual([
      { method: 'DELETE', path: '/recording-jobs/1', body: undefined },
      { method: 'POST', path: '/recordings/q.flv/jobs', body: { kind: 'convert_to_mp4' } },
    ]);
  });

  test('is renamed', async () => {
    const host = await show('live', { at: 'recordings' });
    await page.getByRole('button', { name: 'Do more with Evening show.mp4' }).click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await expect.element(page.getByLabelText('New name')).toHaveValue('Evening show');
    await expectAccessible();
    await page.getByLabelText('New name').fill('Night show');
    await page.getByRole('button', { name: 'Rename' }).click();
    await expect.element(page.getByRole('dialog')).not.toBeInTheDocument();
    expect(host.asked).toEqual([{ method: 'PATCH', path: '/recordings/shows%2Fz.mp4', body: { file_name: 'Night show' } }]);
  });

  test('goes to the trash after a question, and for good only after another', async () => {
    const refusal = { code: 'trash_unavailable' as const, message: 'There is no trash.', hint: '', setting: null };
    const host = await show('live', { at: 'recordings', change: (scene) => (scene.refusal = refusal) });
    await page.getByRole('button', { name: 'Do more with Evening show.mp4' }).click();
    await page.getByRole('menuitem', { name: 'Move to the trash' }).click();
    await page.getByRole('button', { name: 'Move to the trash' }).click();
    await expect.element(page.getByRole('heading', { name: 'Delete Evening show.mp4 for good?' })).toBeVisible();
    delete host.scene.refusal;
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await expect.element(page.getByRole('alertdialog')).not.toBeInTheDocument();
    expect(host.asked.map(({ path }) => path)).toEqual(['/recordings/shows%2Fz.mp4?permanently=false', '/recordings/shows%2Fz.mp4?permanently=true']);
  });

  test('that is being written can be played, and nothing else', async () => {
    await show('live', { at: 'recordings' });
    await page.getByRole('button', { name: 'Do more with live_stream_20261122_140450.flv' }).click();
    await expect.element(page.getByRole('menuitem', { name: 'Move to the trash' })).toHaveAttribute('aria-disabled', 'true');
    await expect.element(page.getByRole('menuitem', { name: 'Play' })).not.toHaveAttribute('aria-disabled', 'true');
  });
});

const gap = (start_seconds: number, missing_seconds: number, cause: 'encoder_away' | 'disk_slow' = 'encoder_away'): RecordingMedia['chapters'][number] => ({
  start_seconds,
  title: 'as the file has it',
  gap: { missing_seconds, cause },
});
const chapter = (start_seconds: number, title: string): RecordingMedia['chapters'][number] => ({ start_seconds, title, gap: null });

describe('the player', () => {
  afterEach(() => void vi.restoreAllMocks());

  const open = async (...[name, options = {}]: Parameters<typeof show>): ReturnType<typeof show> => {
    const host = await show(name, { at: 'recordings', ...options });
    await page.getByRole('button', { name: /^Play live_stream_20261121/ }).click();
    return host;
  };
  const film = (): HTMLVideoElement => document.querySelector('[role="dialog"] video') as HTMLVideoElement;
  const marks = () => page.getByRole('toolbar', { name: 'Places in it' });

  test.each([
    [1280, 1920, 1080],
    [1280, 1440, 1080],
    [1280, 1080, 1920],
    [400, 1920, 1080],
  ])('%i wide, a film of %i × %i has a box of its own shape', async (screen, width, height) => {
    await page.viewport(screen, 800);
    await open('live', { change: ({ recordings }) => recordings.recordings.forEach((one) => (one.tracks = [recordedTrack({ width, height })])) });
    await expect.poll(() => film()?.clientHeight).toBeGreaterThan(100);
    const { clientWidth, clientHeight } = film();
    expect(Math.abs(clientWidth / clientHeight / (width / height) - 1)).toBeLessThan(0.01);
    const dialog = page.getByRole('dialog').element();
    expect(dialog.scrollHeight).toBeLessThanOrEqual(dialog.clientHeight + 1);
    await page.viewport(1280, 800);
  });

  test('marks where something is missing, and leads behind it by a press and by the keyboard', async () => {
    const chapters = [gap(60, 8), chapter(300, 'Second half'), gap(400, 90, 'disk_slow')];
    await open('live', { change: (scene) => (scene.media = { chapters }) });
    const first = marks().getByRole('button', { name: '1:08, after 8.0 s without a stream: the encoder was away' });
    await expect.element(first).toBeVisible();
    await expect.element(marks().getByRole('button', { name: '8:10, after 1:30 that are missing: the disk was too slow' })).toBeVisible();
    await expectAccessible();
    await first.click();
    expect(film().currentTime).toBe(68);

    // One stop of the tab key, the arrows lead on.
    await userEvent.keyboard('{ArrowRight}{Enter}');
    expect(film().currentTime).toBe(300);
    await userEvent.keyboard('{End}{Enter}');
    expect(film().currentTime).toBe(490);
    await userEvent.keyboard('{Tab}{ArrowLeft}');
    expect(film().currentTime).toBe(485);
    await expect.element(page.getByRole('slider', { name: 'Position in the recording' })).toHaveAttribute('aria-valuetext', '8:05 of 10:00');
    await page.getByRole('button', { name: 'Previous place' }).click();
    expect(film().currentTime).toBe(300);
    await page.getByRole('button', { name: 'Next place' }).click();
    expect(film().currentTime).toBe(490);
    await page.getByRole('button', { name: '5:00 Second half' }).click();
    expect(film().currentTime).toBe(300);
  });

  test('begins at the button that stops it, so that the space bar does that', async () => {
    await open('live');
    await expect.poll(() => document.activeElement?.getAttribute('aria-label')).toMatch(/^(Play|Pause)$/);
    const pressed: boolean[] = [];
    for (const call of ['play', 'pause'] as const) vi.spyOn(film(), call).mockImplementation(async () => void pressed.push(call === 'play'));
    await userEvent.keyboard(' ');
    await expect.poll(() => pressed.length).toBe(1);
    await page.getByRole('slider', { name: 'Position in the recording' }).click();
    await userEvent.keyboard(' ');
    await expect.poll(() => pressed.length).toBe(2);
    await expect.element(page.getByRole('dialog')).toBeVisible();
  });

  test('says the places in German', async () => {
    locale.choose('de');
    const chapters = [gap(60, 8.26)];
    await show('live', { at: 'recordings', change: (scene) => (scene.media = { chapters }) });
    await page.getByRole('button', { name: /^live_stream_20261121.* abspielen/ }).click();
    await expect.element(page.getByRole('button', { name: '1:08, nach 8,3 s ohne Stream: Der Encoder war weg' })).toBeVisible();
  });

  test('has no marks where nothing is missing', async () => {
    await open('live');
    await expect.element(page.getByText('0:00 / 10:00')).toBeVisible();
    expect(marks().elements()).toEqual([]);
    expect(page.getByRole('button', { name: 'Next place' }).elements()).toEqual([]);
  });

  const of = (codec: string, string: string): Parameters<typeof show>[1] => ({
    kind: 'window',
    change: (scene) => {
      const mime_type = `video/mp4; codecs="${string},opus"`;
      scene.media = { initializations: [{ mime_type }] };
      scene.recordings.recordings = [recording({ tracks: [recordedTrack({ codec, codec_string: string }), recordedTrack({ kind: 'audio', codec: 'Opus', codec_string: 'opus' })] })];
    },
  });
  const knows = (known: RegExp): void => void vi.spyOn(MediaSource, 'isTypeSupported').mockImplementation((type) => known.test(type));

  test.each([
    ['H.265', 'hvc1.1.6.L93.B0'],
    ['AV1', 'av01.0.04M.08'],
    ['VP9', 'vp09.00.10.08'],
  ])('refuses %s in words, with what to install, where it cannot be decoded', async (codec, string) => {
    knows(/avc1/);
    await open('live', of(codec, string));
    await expect.element(page.getByText(`FLV · ${codec} · Opus · 1920 × 1080 cannot be played here.`)).toBeVisible();
    await expect.element(page.getByText(/gstreamer1.0-libav and gstreamer1.0-plugins-bad/)).toBeVisible();
    expect(film()).toBeNull();
    await expectAccessible();
  });

  test('plays the pictures alone, and says so, where only the sound cannot be decoded', async () => {
    knows(/^[^,]*$/);
    vi.spyOn(MediaSource.prototype, 'addSourceBuffer').mockReturnValue(new EventTarget() as SourceBuffer);
    await open('live', of('VP9', 'vp09.00.10.08'));
    await expect.element(page.getByText('No sound: Opus cannot be decoded here.')).toBeVisible();
    expect(film()).not.toBeNull();
  });

  test('says that only the sound plays of a picture that nobody here can decode', async () => {
    knows(/.*/);
    vi.spyOn(MediaSource.prototype, 'addSourceBuffer').mockReturnValue(new EventTarget() as SourceBuffer);
    const wanted = of('H.266', '');
    await open('live', { ...wanted, change: (scene) => (wanted?.change?.(scene), (scene.media = { initializations: [{ mime_type: 'audio/mp4; codecs="opus"' }] })) });
    await expect.element(page.getByText('Only the sound plays: H.266 cannot be decoded here.')).toBeVisible();
  });

  test.each([
    ['H.265', 'hvc1.1.6.L93.B0'],
    ['AV1', 'av01.0.04M.08'],
    ['VP9', 'vp09.00.10.08'],
  ])('hands %s to a web view that knows it', async (codec, string) => {
    knows(/.*/);
    const add = vi.spyOn(MediaSource.prototype, 'addSourceBuffer').mockReturnValue(new EventTarget() as SourceBuffer);
    await open('live', of(codec, string));
    await expect.poll(() => add.mock.calls).toEqual([[`video/mp4; codecs="${string},opus"`]]);
    await expect.element(page.getByText('0:00 / 10:00')).toBeVisible();
    expect(page.getByRole('alert').elements()).toEqual([]);
  });
});

test('places stand in the order of time, whatever the file says', () => {
  const places = placesOf({ duration_seconds: 100, chapters: [gap(97, 8), chapter(20, 'B'), chapter(20, 'C'), chapter(500, 'beyond'), chapter(0, 'A')] });
  expect(places.map(({ at }) => at)).toEqual([0, 20, 20, 100]);
  expect(nextPlace(places, 20, 1)?.at).toBe(100);
  expect(nextPlace(places, 21, -1)?.at).toBe(0);
  expect(nextPlace(places, 60, -1)?.at).toBe(20);
  expect(nextPlace(places, 100, 1)).toBeUndefined();
});

test('playing begins at the last key fragment before the time', () => {
  const fragment = (start: number, is_key: boolean) => ({ start_seconds: start, end_seconds: start + 2, size_bytes: 1, is_key, initialization: 0 });
  const fragments = [fragment(0, true), fragment(2, false), fragment(4, true), fragment(6, true)];
  expect([0, 1.9, 3, 4, 5.9, 100].map((time) => startOf(fragments, time))).toEqual([0, 0, 0, 2, 2, 3]);
});

test('a film that was cut up in another way goes on at the same time', () => {
  const plan = (starts: number[]): RecordingMedia => ({
    duration_seconds: starts.at(-1) ?? 0,
    is_growing: true,
    initializations: [],
    chapters: [],
    fragments: starts.slice(0, -1).map((start, at) => ({ start_seconds: start, end_seconds: starts[at + 1] ?? start, size_bytes: 1, is_key: true, initialization: 0 })),
  });
  const before = plan([0, 4, 8, 12]);
  expect(goOn(before, plan([0, 4, 8, 12, 16]), 3)).toBe(3);
  expect(goOn(before, plan([0, 8, 16]), 2)).toBe(1);
  expect(goOn(before, plan([0, 6, 12, 18, 24]), 3)).toBe(2);
  expect(goOn(before, plan([0, 6]), 3)).toBe(1);
  expect(goOn(before, plan([0, 8, 16]), 0)).toBe(0);
});

test('the rules are changed where the recordings are', async () => {
  const host = await show('empty', { at: 'recordings' });
  await page.getByRole('button', { name: 'Rules' }).click();
  await page.getByLabelText('Recordings folder').first().fill('/srv/videos');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByLabelText('When no more is free').selectOptions('Delete the oldest recordings for good');
  await page.getByLabelText('Streams', { exact: true }).fill('live/*');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await expectAccessible();
  expect(host.asked.map(({ body }) => body)).toEqual([
    { folder: '/srv/videos' },
    { when_full: 'delete_oldest' },
    { rules: [{ streams: 'live/*', record: true, container: null, folder: null, segment_seconds: null }] },
  ]);
});

test('rules that another page made stay when one is added or removed here', async () => {
  const rule = (streams: string): RecordingRule => ({ streams, record: true, container: null, folder: null, segment_seconds: null });
  const host = await show('empty', { at: 'recordings', change: ({ recordingSettings }) => (recordingSettings.rules = [rule('live/a'), rule('live/b')]) });
  const settings = host.scene.recordingSettings;
  await page.getByRole('button', { name: 'Rules' }).click();
  await expect.element(page.getByRole('button', { name: 'Remove the rule for live/b' })).toBeVisible();
  // Not told yet, so that this page shows old rules.
  settings.rules = [rule('live/other'), rule('live/a'), rule('live/b')];
  await page.getByRole('button', { name: 'Remove the rule for live/b' }).click();
  await expect.poll(() => host.asked.length).toBe(1);
  settings.rules = [rule('live/other'), rule('live/a'), rule('live/last')];
  await page.getByLabelText('Streams', { exact: true }).fill('live/new');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await expect.poll(() => host.asked.map(({ body }) => body)).toEqual([
    { rules: [rule('live/other'), rule('live/a')] },
    { rules: ['live/other', 'live/a', 'live/last', 'live/new'].map(rule) },
  ]);
});

test('what another page changes in the rules is shown', async () => {
  const host = await show('empty', { at: 'recordings' });
  await page.getByRole('button', { name: 'Rules' }).click();
  const all = page.getByRole('switch', { name: 'Record everything' });
  await expect.element(all).not.toBeChecked();
  Object.assign(host.scene.recordingSettings, { record_all: true, keep_days: 14 });
  host.emit({ type: 'changed', topics: ['settings'] });
  await expect.element(all).toBeChecked();
  await expect.element(page.getByLabelText('Delete after so many days')).toHaveValue('14');
});

test.each(['empty', 'live', 'loading'] as const)('%s is accessible', async (scene) => {
  await show(scene, { at: 'recordings' });
  await expect.element(page.getByRole('heading', { name: 'Recordings', level: 1 })).toBeVisible();
  await expectAccessible();
});
