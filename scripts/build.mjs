// Makes dist/: an entry and chunks, so that a command loads only what it needs.
import { chmodSync, rmSync } from 'node:fs';
import { bundle, REQUIRE } from './bundle.mjs';

const dist = new URL('../dist/', import.meta.url);
rmSync(dist, { recursive: true, force: true });
await bundle({
  outdir: dist.pathname,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  target: 'node20',
  banner: { js: REQUIRE },
});
chmodSync(new URL('ctfix.mjs', dist), 0o755);
