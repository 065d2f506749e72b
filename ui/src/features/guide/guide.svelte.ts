/** The first-run guide: shown until its three steps are done or it is sent away, never to who has used Weir before. */
import type { Mirror } from '../../engine/mirror.svelte';

const STORED = 'weir.guide';

export interface Steps {
  encoder: boolean;
  destination: boolean;
  recording: boolean;
}

/** What has been done already, as the engine tells; undefined until it was read. */
export function stepsOf({ streams, destinations, recordings, settings }: Pick<Mirror, 'streams' | 'destinations' | 'recordings' | 'settings'>): Steps | undefined {
  if (!streams || !destinations || !recordings || !settings) return undefined;
  return {
    encoder: streams.some(({ state }) => state !== 'waiting') || recordings.recordings.length > 0,
    destination: destinations.length > 0,
    recording: settings.record_all || recordings.recordings.length > 0,
  };
}

class Guide {
  /** `new` until it was looked whether this person needs it. */
  state = $state<'new' | 'open' | 'done'>((['open', 'done'] as const).find((known) => known === localStorage.getItem(STORED)) ?? 'new');

  #set(state: 'open' | 'done'): void {
    this.state = state;
    localStorage.setItem(STORED, state);
  }

  /** Opens it for who has done nothing yet. */
  look(steps: Steps): void {
    if (this.state === 'new') this.#set(Object.values(steps).some(Boolean) ? 'done' : 'open');
  }

  close = (): void => this.#set('done');
  again = (): void => this.#set('open');
}

export const guide = new Guide();
