/** What a hook can be called for, in words; an event that is newer than this page keeps its name. */
import { maybe } from '../../i18n/i18n.svelte';

export const eventWord = (event: string): string => maybe(`hooks.event.${event}`) ?? event;
