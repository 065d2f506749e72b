import type { Destination, DestinationCreate, DestinationPatch, Preset } from '../../api/model';
import type { Key } from '../../i18n/i18n.svelte';

/** What the person typed so far. Lives in the form only; the key is forgotten with it. */
export interface Draft {
  /** The service, or empty for a server of which nothing is known. */
  preset: string;
  name: string;
  url: string;
  key: string;
  /** What is appended to the key, such as Twitch's bandwidth test. */
  append: string[];
  backupUrl: string;
  backup: 'take_over' | 'both';
  /** Which streams it takes: one path, `app/*`, `*`, or empty for one that is chosen by hand. */
  streams: string;
  start: Destination['start'];
}

export const draftOf = (destination?: Destination): Draft => ({
  preset: destination?.preset ?? '',
  name: destination?.name ?? '',
  url: destination?.url ?? '',
  key: '',
  append: [],
  backupUrl: destination?.backup?.url ?? '',
  backup: destination?.backup?.mode ?? 'take_over',
  streams: destination?.streams ?? '*',
  start: destination?.start ?? 'when_live',
});

/** The draft after a service was chosen: its first address, and both addresses where it wants both. */
export const choose = (draft: Draft, preset: Preset): Draft => ({
  ...draft,
  preset: preset.id,
  name: preset.kind === 'custom' ? '' : preset.name,
  url: preset.servers[0]?.url ?? '',
  append: [],
  backupUrl: preset.backup_at_once ? (preset.backup_url ?? '') : '',
  backup: preset.backup_at_once ? 'both' : 'take_over',
});

/** What is wrong with the address as far as one can tell without asking the engine. */
export function addressProblem(url: string): Key | undefined {
  const address = url.trim();
  if (address === '') return 'form.url.missing';
  if (/^https?:/i.test(address)) return 'form.url.web';
  if (!/^(rtmps?|srt):\/\/[^/\s]+/i.test(address)) return 'form.url.scheme';
  return undefined;
}

/** The second address may be missing, but not wrong. */
export const backupProblem = (url: string): Key | undefined => (url.trim() === '' ? undefined : addressProblem(url));

/** A stream key, with what is appended to it. An option may begin with the `?` that the first one has already. */
export function keyOf({ key, append }: Pick<Draft, 'key' | 'append'>): string {
  return append.reduce((whole, option) => whole + (whole.includes('?') ? option.replace(/^\?/, '&') : option), key.trim());
}

export const asCreate = (draft: Draft): DestinationCreate => ({
  url: draft.url.trim(),
  ...(draft.preset && { preset: draft.preset }),
  ...(draft.name.trim() && { name: draft.name.trim() }),
  ...(draft.key.trim() && { key: keyOf(draft) }),
  ...(draft.backupUrl.trim() && { backup_url: draft.backupUrl.trim(), backup: draft.backup }),
  ...(draft.streams !== '*' && { streams: draft.streams }),
  ...(draft.start !== 'when_live' && { start: draft.start }),
});

/** Only what was changed: an address is shown with its key masked, and must not come back like that. */
export function asPatch(draft: Draft, was: Destination): DestinationPatch {
  const name = draft.name.trim();
  const before = draftOf(was);
  return {
    ...(name !== '' && name !== was.name && { name }),
    ...(draft.preset !== before.preset && { preset: draft.preset }),
    ...(draft.url.trim() !== was.url && { url: draft.url.trim() }),
    ...(draft.key.trim() !== '' && { key: keyOf(draft) }),
    ...(draft.backupUrl.trim() !== before.backupUrl && { backup_url: draft.backupUrl.trim() }),
    ...(draft.backupUrl.trim() !== '' && draft.backup !== before.backup && { backup: draft.backup }),
    ...(draft.streams !== was.streams && { streams: draft.streams }),
    ...(draft.start !== was.start && { start: draft.start }),
  };
}
