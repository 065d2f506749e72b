/** The page shown, kept in the address after `#/`, so that back, forward and links work without a server. */
import type { IconName } from '../components/icons';
import type { Key } from '../i18n/i18n.svelte';

export const pages = [
  { id: 'live', title: 'live.title', icon: 'live' },
  { id: 'destinations', title: 'destinations.title', icon: 'destinations' },
  { id: 'recordings', title: 'recordings.title', icon: 'recordings' },
  { id: 'settings', title: 'settings.title', icon: 'settings' },
] as const satisfies readonly { id: string; title: Key; icon: IconName }[];

export type PageId = (typeof pages)[number]['id'];

const fromAddress = (): PageId => {
  const name = location.hash.replace(/^#\/?/, '');
  return pages.find(({ id }) => id === name)?.id ?? 'live';
};

export const href = (page: PageId): string => (page === 'live' ? '#/' : `#/${page}`);

class Route {
  page = $state<PageId>(fromAddress());

  constructor() {
    addEventListener('hashchange', () => (this.page = fromAddress()));
  }
}

export const route = new Route();
