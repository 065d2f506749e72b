/** The page shown, kept in the address after `#/`, so that back, forward and links work without a server. */
import type { IconName } from './components/icons';
import type { Key } from './i18n/i18n.svelte';

/** `main` is what one looks at while live; `more` is what is set up once or looked at when something is wrong. */
export const pages = [
  { id: 'live', title: 'live.title', nav: 'live.title', icon: 'live', group: 'main' },
  { id: 'destinations', title: 'destinations.title', nav: 'destinations.title', icon: 'destinations', group: 'main' },
  { id: 'recordings', title: 'recordings.title', nav: 'recordings.title', icon: 'recordings', group: 'main' },
  { id: 'problems', title: 'problems.title', nav: 'problems.nav', icon: 'problems', group: 'main' },
  { id: 'listeners', title: 'listeners.title', nav: 'listeners.nav', icon: 'listeners', group: 'more' },
  { id: 'log', title: 'log.title', nav: 'log.title', icon: 'log', group: 'more' },
  { id: 'settings', title: 'settings.title', nav: 'settings.title', icon: 'settings', group: 'more' },
] as const satisfies readonly { id: string; title: Key; nav: Key; icon: IconName; group: 'main' | 'more' }[];

export type PageId = (typeof pages)[number]['id'];

interface Place {
  page: PageId;
  /** What follows the page's name, such as the path of a stream; empty for the page itself. */
  rest: string;
}

function fromAddress(): Place {
  const [, name = '', rest = ''] = /^#?\/?([^/]*)\/?(.*)$/.exec(location.hash) ?? [];
  const page = pages.find(({ id }) => id === name)?.id ?? 'live';
  try {
    return { page, rest: decodeURIComponent(rest) };
  } catch {
    return { page, rest: '' };
  }
}

export const href = (page: PageId, rest = ''): string => {
  const below = rest === '' ? '' : `/${rest.split('/').map(encodeURIComponent).join('/')}`;
  return page === 'live' && rest === '' ? '#/' : `#/${page}${below}`;
};

class Route {
  #place = $state.raw(fromAddress());

  constructor() {
    addEventListener('hashchange', () => (this.#place = fromAddress()));
  }

  get page(): PageId {
    return this.#place.page;
  }

  get rest(): string {
    return this.#place.rest;
  }
}

export const route = new Route();
