/** @file The other engines beside the pages, in the folder `peers/`: only where `--mode peers` asks for them, and loaded only on request. */

import type { Plugin } from 'vite';
import { buildPeers } from '../../bench/peers/web/build.ts';

export function peers(): Plugin {
  return {
    name: 'peers',
    apply: (_, { mode }) => mode === 'peers',
    async generateBundle() {
      for (const [name, source] of await buildPeers()) {
        this.emitFile({ type: 'asset', fileName: `peers/${name}`, source });
      }
    },
    async configureServer(server) {
      const files = await buildPeers();
      server.middlewares.use('/peers', (request, response, next) => {
        const name = (request.url ?? '').replace(/^\/|\?.*$/g, '');
        const file = files.get(name);
        if (!file) return next();
        response.setHeader('content-type', name.endsWith('.wasm') ? 'application/wasm' : 'text/javascript');
        response.end(file);
      });
    },
  };
}
