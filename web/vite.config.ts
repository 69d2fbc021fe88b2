/** @file How the pages are built: one entry for each page, into static files that work from any path. */

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { peers } from './build/peers.ts';
import { existingPages, shell } from './build/shell.ts';

const root = fileURLToPath(new URL('.', import.meta.url));

export default defineConfig({
  root,
  // Relative, so that a build may lie in any folder of any server.
  base: './',
  publicDir: false,
  plugins: [shell(), peers()],
  // The pages share their sources with the package, and its models lie beside them.
  server: { fs: { allow: [fileURLToPath(new URL('..', import.meta.url))] } },
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    rollupOptions: { input: existingPages().map(({ file }) => fileURLToPath(new URL(file, import.meta.url))) },
    // Mediabunny reads every container; a page that asks for a decoder only when a file is dropped gains nothing by more pieces.
    chunkSizeWarningLimit: 2000,
  },
});
