/** What keeps a listener from its port, and what goes on meanwhile. */
import type { Listener } from '../api/model';
import { problemWords, type ProblemWords } from '../engine/words';
import { t } from '../i18n/i18n.svelte';

/** The port on which it goes on while the wanted one does not open. */
export function heldPort(listener: Listener): number | undefined {
  const [first] = listener.state === 'listening' ? [] : listener.bound;
  return first === undefined ? undefined : Number(first.split(':').at(-1));
}

function service(own: NonNullable<Listener['port_own']>): string {
  switch (own) {
    case 'page':
      return t('listeners.own.page');
    case 'numbers':
      return t('listeners.own.numbers');
    case 'other':
      return t('listeners.own.weir');
    default:
      return t('listeners.own.listener', { protocol: own.toUpperCase() });
  }
}

function cause({ port, port_own: own, port_owner: owner, state, problem }: Listener): ProblemWords {
  if (state !== 'port_taken') return problem ? problemWords(problem) : { message: t('listener.failed', { port }), hint: '' };
  if (own) return { message: t('listeners.taken.own', { service: service(own), port }), hint: t('listeners.taken.own.hint') };
  const message = owner ? t('listeners.taken.by', { program: owner.name, pid: owner.pid, port }) : t('listeners.taken', { port });
  return { message, hint: t('listeners.taken.hint') };
}

export function listenerTrouble(listener: Listener): ProblemWords {
  const { message, hint } = cause(listener);
  const held = heldPort(listener);
  if (held === undefined) return { message, hint };
  const meanwhile = held === listener.port ? t('listeners.held.same') : t('listeners.held', { port: held });
  return { message, hint: `${meanwhile} ${hint}`.trim() };
}
