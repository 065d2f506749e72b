import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Safari 16.4 and Chrome 111 are the oldest web views with WebCodecs, which the preview needs.
const oldestWebViews = ['safari16.4', 'chrome111'];

export default defineConfig({
  root: import.meta.dirname,
  plugins: [svelte()],
  clearScreen: false,
  server: {
    port: 1420,
    strictPort: true,
    host: '127.0.0.1',
    // A running `weir serve --http` to develop against: WEIR_HTTP=http://127.0.0.1:8080 npm run dev:ui
    proxy: process.env.WEIR_HTTP ? { '/api': { target: process.env.WEIR_HTTP, changeOrigin: true, ws: true } } : undefined,
  },
  build: {
    outDir: 'dist',
    target: oldestWebViews,
    // A font or picture inside the style sheet would be a data: address, which the content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
