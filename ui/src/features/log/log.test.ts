import { expect, test } from 'vitest';

import { expectAccessible, page, show } from '../../../test/page';
import { append, asText, HELD } from './lines';
import type { LogLine } from '../../api/model';

const line = (id: number, changes: Partial<LogLine> = {}): LogLine => ({
  id,
  at: '2026-11-22T14:30:00Z',
  level: 'info',
  target: 'weir',
  message: 'said',
  stream: null,
  leg: null,
  connection: null,
  fields: {},
  ...changes,
});

test('lines that come twice are held once, and the oldest go', () => {
  const held = append([line(1), line(2)], [line(2), line(3)]);
  expect(held.map(({ id }) => id)).toEqual([1, 2, 3]);
  const many = append(held, Array.from({ length: HELD }, (_, index) => line(index + 4)));
  expect([many.length, many[0]?.id]).toEqual([HELD, 4]);
  expect(append(held, [])).toBe(held);
});

test('a line as text names what it is about', () => {
  expect(asText(line(1, { level: 'warn', stream: 'live/a', connection: 4, fields: { peer: '::1' } }))).toBe(
    '2026-11-22T14:30:00Z WARN  weir: said stream=live/a connection=4 peer=::1',
  );
});

test('the newest line is seen, and one press narrows to a connection', async () => {
  await show('log', { at: 'log' });
  await expect.element(page.getByRole('listitem').last()).toBeInViewport();
  await page.getByRole('button', { name: 'connection 43' }).first().click();
  await expect.element(page.getByText('connection 43').first()).toBeVisible();
  await expect.poll(() => page.getByRole('listitem').filter({ hasNotText: 'connection 43' }).elements().length).toBeLessThan(8);
  await page.getByRole('button', { name: 'Show all' }).click();
});

const box = (): HTMLElement => page.getByRole('region', { name: 'Log' }).element() as HTMLElement;
const behind = (): number => Math.round(box().scrollHeight - box().scrollTop - box().clientHeight);

/** A thousand lines, of which many need several rows of text. */
const long = Array.from({ length: 1000 }, (_, index) =>
  line(index + 1, { level: index % 3 === 0 ? 'debug' : 'info', connection: index % 2, message: `line ${index} `.repeat(1 + (index % 7) * 6) }),
);

test('with a long log the end stays in sight whatever is chosen, until one scrolls up', async () => {
  await show('log', { at: 'log', change: (scene) => (scene.log = long) });
  await expect.poll(behind).toBeLessThan(24);
  const follow = page.getByRole('button', { name: 'To the newest line' });
  for (const choice of ['Everything', 'Warnings, errors', 'Everything']) {
    await page.getByLabelText('Show', { exact: true }).selectOptions(choice);
    if (choice !== 'Everything') continue;
    await expect.poll(behind).toBeLessThan(24);
    await new Promise((wait) => setTimeout(wait, 400));
    expect(behind()).toBeLessThan(24);
    await expect.element(follow).not.toBeInTheDocument();
  }
  box().scrollTo({ top: 0 });
  await expect.element(follow).toBeVisible();
  await follow.click();
  await expect.poll(behind).toBeLessThan(24);
  await new Promise((wait) => setTimeout(wait, 400));
  expect(behind()).toBeLessThan(24);
  await expect.element(follow).not.toBeInTheDocument();
  box().scrollTo({ top: 0 });
  await expect.element(follow).toBeVisible();
  await page.getByLabelText('Show', { exact: true }).selectOptions('Normal');
  await new Promise((wait) => setTimeout(wait, 400));
  expect(behind()).toBeGreaterThan(24);
});

test('a level, a destination and words narrow the list, and what is left is exported', async () => {
  const host = await show('log', { at: 'log' });
  await page.getByLabelText('Show', { exact: true }).selectOptions('Errors');
  await expect.poll(() => page.getByRole('region', { name: 'Log' }).getByRole('listitem').elements().length).toBe(3);
  await page.getByLabelText('Show', { exact: true }).selectOptions('Everything');
  await page.getByLabelText('Destination').selectOptions('Twitch');
  await page.getByRole('searchbox').fill('live');
  await page.getByRole('button', { name: 'Export' }).click();
  const [text] = [...host.saved.values()];
  expect(text?.split('\n')[0]).toContain('a destination is live stream=live/stream leg=d1');
});

test('a file that cannot be written is told', async () => {
  const host = await show('log', { at: 'log' });
  host.save = () => Promise.reject(new Error('Permission denied (os error 13)'));
  await page.getByRole('button', { name: 'Export' }).click();
  await expect.element(page.getByText('The file could not be saved.')).toBeVisible();
});

test('how much is written is changed at once', async () => {
  const host = await show('log', { at: 'log' });
  await page.getByLabelText('Written by Weir').selectOptions('Everything');
  expect(host.asked[0]?.body).toEqual({ log_level: 'debug' });
});

test.each(['log', 'empty', 'loading'] as const)('%s is accessible', async (scene) => {
  await show(scene, { at: 'log' });
  await expect.element(page.getByRole('heading', { name: 'Log', level: 1 })).toBeVisible();
  await expectAccessible();
});

test.each([400, 700, 1280])('%i wide, every field of the log has its label above it, and no row has a hole', async (width) => {
  await page.viewport(width, 800);
  await show('live', { at: 'log' });
  await expect.element(page.getByLabelText('Written by Weir')).toBeVisible();
  const tools = [...document.querySelectorAll('.tools > *')].map((tool) => ({ label: tool.querySelector('label'), box: tool.getBoundingClientRect() }));
  expect(tools.map(({ label }) => label?.textContent)).toEqual(['Show', 'Stream', 'Destination', 'Written by Weir', 'Search']);
  for (const { label } of tools) expect(label?.getBoundingClientRect().height).toBeGreaterThan(12);
  const edges = new Map(tools.map(({ box }) => [Math.round(box.top), Math.round(box.right)]));
  expect(new Set(edges.values()).size).toBe(1);
  await page.viewport(1280, 800);
});
