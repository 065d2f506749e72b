/** What happened to a stream, in words. */
import type { StreamEvent } from '../../api/model';
import type { Shape, Tone } from '../../components/state';
import { problemWords, type Scope } from '../../engine/words';
import { maybe, own, t, type Key } from '../../i18n/i18n.svelte';

type Look = readonly [Key, Shape, Tone];

const known: Record<string, Look> = {
  publish_started: ['story.publishStarted', 'full', 'good'],
  publish_resumed: ['story.publishResumed', 'again', 'good'],
  publish_stopped: ['story.publishStopped', 'pause', 'busy'],
  stream_ended: ['story.ended', 'dash', 'idle'],
  tracks_changed: ['story.tracks', 'ring', 'idle'],
  player_joined: ['story.playerJoined', 'ring', 'idle'],
  player_left: ['story.playerLeft', 'ring', 'idle'],
  recording_started: ['story.recordingStarted', 'full', 'bad'],
  recording_stopped: ['story.recordingStopped', 'dash', 'idle'],
  recording_failed: ['story.recordingFailed', 'cross', 'bad'],
  destination_live: ['story.destinationLive', 'full', 'good'],
  destination_behind: ['story.destinationBehind', 'warning', 'busy'],
  destination_retrying: ['story.destinationRetrying', 'again', 'busy'],
  destination_attempt_failed: ['story.destinationRefused', 'again', 'busy'],
  destination_stopped: ['story.destinationStopped', 'cross', 'bad'],
  timestamps_repaired: ['story.repaired', 'warning', 'busy'],
  health: ['story.health', 'warning', 'busy'],
  health_good: ['story.healthGood', 'full', 'good'],
  problem: ['story.problem', 'warning', 'busy'],
};

/** Reasons for which nobody answered: with any other, somebody did and took no stream. */
const unreached: ReadonlySet<string | null> = new Set(['dns_failed', 'unreachable', 'connection_refused', 'timed_out', 'network_error']);

/** A finding or a problem by its own words in the person's language, without the numbers of the moment. */
const named = (stem: string, code: string | null): string | undefined => {
  const words = code === null ? undefined : maybe(`${stem}.${code}.title`);
  return words;
};

/** The engine's sentence, in the person's language where its reason has a code. */
function said({ code, message, reason }: StreamEvent): string {
  if (message === null || reason === null) return message ?? '';
  const scope: Scope | undefined = code.startsWith('destination_') ? 'destination' : code === 'recording_failed' ? 'recording' : undefined;
  return scope ? problemWords({ code: reason, message }, scope).message : own(`story.reason.${reason}`, message);
}

export function happening(event: StreamEvent): { title: string; detail: string; shape: Shape; tone: Tone } {
  const [usual, shape, tone] = known[event.code] ?? (['story.unknown', 'ring', 'idle'] as const);
  const key = usual === 'story.destinationRefused' && unreached.has(event.reason) ? 'story.destinationUnreached' : usual;
  const subject = event.subject ?? '';
  if (event.code === 'health') return { title: named('health', event.subject) ?? event.message ?? '', detail: '', shape, tone };
  if (event.code === 'problem') {
    const words = maybe(`problem.${subject}.message`) ?? event.message ?? subject;
    return { title: words, detail: '', shape, tone };
  }
  if (key === 'story.unknown') return { title: event.code, detail: event.message ?? subject, shape, tone };
  // A destination or a file belongs into the sentence; an address stands below it.
  return { title: t(key, { subject }), detail: event.code.startsWith('destination_') ? said(event) : [subject, said(event)].filter(Boolean).join(' · '), shape, tone };
}
