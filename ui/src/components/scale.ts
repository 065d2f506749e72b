/** The scale of a chart that begins at zero. */

/** Room above the last mark, so that no line lies on the edge. */
const HEAD = 1.1;
/** How many steps a scale has at most. */
const MOST_STEPS = 3;
/** How far apart its marks may be; small ones stay whole, since frames are counted. */
const STEPS = [1, 2, 5, 10] as const;
const LARGE_STEPS = [1, 2, 2.5, 5, 10] as const;
/** What is larger than a mark by less is taken to lie on it: frame rates are counted, and 30.01 is 30. */
const NEAR = 0.999;

/** Marks from zero to one at or above `most`, so that every height below can be read. */
export function marks(most: number): number[] {
  const least = (most / MOST_STEPS) * NEAR;
  const power = 10 ** Math.floor(Math.log10(least));
  const steps = power < 10 ? STEPS : LARGE_STEPS;
  const step = (steps.find((one) => one * power >= least) ?? 10) * power;
  return Array.from({ length: Math.ceil((most / step) * NEAR) + 1 }, (_, index) => index * step);
}

/** Where the scale ends: above the last mark. */
export const top = (most: number): number => (marks(most).at(-1) ?? most) * HEAD;

/** The marks of a scale that ends at `end`. */
export const marksBelow = (end: number): number[] => marks(end / HEAD);
