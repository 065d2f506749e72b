/** How a state looks. Every state has a shape of its own, so that colour is never alone. */
export type Shape = 'full' | 'ring' | 'half' | 'again' | 'cross' | 'dash' | 'pause' | 'warning';
export type Tone = 'good' | 'busy' | 'bad' | 'idle';
