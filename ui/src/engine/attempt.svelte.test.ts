import { expect, test } from 'vitest';

import { Attempt } from './attempt.svelte';

test('an effect that runs an attempt does not run for ever', async () => {
  const attempt = new Attempt();
  let runs = 0;
  const end = $effect.root(() => {
    $effect(() => void attempt.run(async () => (runs += 1)));
  });
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setTimeout(resolve));
  end();
  expect([runs, attempt.busy]).toEqual([1, false]);
});
