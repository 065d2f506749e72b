import { svelte } from '@sveltejs/vite-plugin-svelte';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

// The browser of the system: nothing is downloaded for the tests.
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [svelte()],
  test: {
    include: ['src/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // The pages of all files share one origin, and with it what is stored there.
    fileParallelism: false,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: chromium, args: ['--no-sandbox'] } }),
      instances: [{ browser: 'chromium', viewport: { width: 1280, height: 800 } }],
    },
  },
});
