/** Marks of our own for the services: letters on a ground, so that each is found by eye and none is anybody's trademark. */
export interface Mark {
  letters: string;
  /** Angle on the colour wheel, degrees. */
  hue: number;
  ground: 'drop' | 'round' | 'square' | 'hexagon' | 'shield' | 'leaf';
}

const KNOWN: Record<string, Mark> = {
  twitch: { letters: 'Tw', hue: 264, ground: 'square' },
  youtube: { letters: 'Yt', hue: 2, ground: 'round' },
  facebook: { letters: 'Fb', hue: 217, ground: 'shield' },
  kick: { letters: 'Ki', hue: 128, ground: 'hexagon' },
  tiktok: { letters: 'Tk', hue: 338, ground: 'leaf' },
  instagram: { letters: 'Ig', hue: 312, ground: 'drop' },
  x: { letters: 'X', hue: 205, ground: 'square' },
  linkedin: { letters: 'Li', hue: 210, ground: 'square' },
  trovo: { letters: 'Tr', hue: 155, ground: 'leaf' },
  rumble: { letters: 'Ru', hue: 100, ground: 'shield' },
  vimeo: { letters: 'Vi', hue: 194, ground: 'round' },
  restream: { letters: 'Re', hue: 232, ground: 'hexagon' },
  owncast: { letters: 'Oc', hue: 252, ground: 'drop' },
  mediamtx: { letters: 'Mx', hue: 20, ground: 'hexagon' },
  'nginx-rtmp': { letters: 'Ng', hue: 140, ground: 'hexagon' },
  srs: { letters: 'Sr', hue: 28, ground: 'square' },
  custom: { letters: '…', hue: 187, ground: 'drop' },
};

const GROUNDS: readonly Mark['ground'][] = ['drop', 'round', 'square', 'hexagon', 'shield', 'leaf'];

/** The mark of a service; one that is not known here gets one that is always the same. */
export function markOf(id: string, name: string): Mark {
  const known = KNOWN[id];
  if (known) return known;
  const sum = [...id].reduce((total, letter) => (total * 31 + (letter.codePointAt(0) ?? 0)) % 3600, 7);
  const letters = name.replace(/[^\p{L}\p{N}]/gu, '').slice(0, 2) || '…';
  return { letters, hue: sum % 360, ground: GROUNDS[sum % GROUNDS.length] ?? 'round' };
}
