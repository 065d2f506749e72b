import type { Destination, DestinationCreate, DestinationPatch } from '../../api/model';
import type { Key } from '../../i18n/i18n.svelte';

/** What the person typed so far. Lives in the form only; the key is forgotten with it. */
export interface Draft {
  name: string;
  url: string;
  key: string;
  /** Which streams it takes: one path, `app/*`, or `*`. */
  streams: string;
}

export const draftOf = (destination?: Destination): Draft => ({
  name: destination?.name ?? '',
  url: destination?.url ?? '',
  key: '',
  streams: destination?.streams ?? '*',
});

/** What is wrong with the address as far as one can tell without asking the engine. */
export function addressProblem(url: string): Key | undefined {
  const address = url.trim();
  if (address === '') return 'form.url.missing';
  if (/^https?:/i.test(address)) return 'form.url.web';
  if (!/^rtmp:\/\/[^/\s]+/i.test(address)) return 'form.url.scheme';
  return undefined;
}

export const asCreate = ({ name, url, key, streams }: Draft): DestinationCreate => ({
  url: url.trim(),
  ...(name.trim() && { name: name.trim() }),
  ...(key.trim() && { key: key.trim() }),
  ...(streams !== '*' && { streams }),
});

/** Only what was changed: an address is shown with its key masked, and must not come back like that. */
export const asPatch = ({ name, url, key, streams }: Draft, was: Destination): DestinationPatch => ({
  ...(name.trim() !== '' && name.trim() !== was.name && { name: name.trim() }),
  ...(url.trim() !== was.url && { url: url.trim() }),
  ...(key.trim() !== '' && { key: key.trim() }),
  ...(streams !== was.streams && { streams }),
});
