/** Keyboard shortcuts: one key each, listed in the settings, and switched off by who does not want them. */
import type { Key } from './i18n/i18n.svelte';

export const shortcuts = [
  { id: 'live', key: '1', title: 'live.title' },
  { id: 'destinations', key: '2', title: 'destinations.title' },
  { id: 'recordings', key: '3', title: 'recordings.title' },
  { id: 'problems', key: '4', title: 'problems.title' },
  { id: 'listeners', key: '5', title: 'listeners.title' },
  { id: 'log', key: '6', title: 'log.title' },
  { id: 'settings', key: '7', title: 'settings.title' },
  { id: 'add', key: 'n', title: 'destinations.add' },
  { id: 'record', key: 'r', title: 'keys.record' },
  { id: 'search', key: '/', title: 'keys.search' },
  { id: 'streamer', key: 'h', title: 'streamer.title' },
  { id: 'theme', key: 't', title: 'keys.theme' },
  { id: 'list', key: '?', title: 'keys.title' },
] as const satisfies readonly { id: string; key: string; title: Key }[];

export type ShortcutId = (typeof shortcuts)[number]['id'];

const STORED = 'weir.shortcuts';

class Keys {
  on = $state(localStorage.getItem(STORED) !== 'off');
  /** The list of shortcuts is open. */
  listed = $state(false);

  choose(on: boolean): void {
    this.on = on;
    localStorage.setItem(STORED, on ? 'on' : 'off');
  }
}

export const keys = new Keys();

const TYPING = 'input, textarea, select, [contenteditable], [role="menu"], [role="radiogroup"]';

/** The shortcut that a key press means, or undefined: while typing, in a dialog, or with a modifier it means something else. */
export function shortcutOf(event: KeyboardEvent): ShortcutId | undefined {
  if (!keys.on || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return undefined;
  const target = event.target instanceof Element ? event.target : undefined;
  if (target?.closest(TYPING) || document.querySelector('[role="dialog"], [role="alertdialog"]')) return undefined;
  return shortcuts.find(({ key }) => key === event.key)?.id;
}
