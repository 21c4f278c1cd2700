import { defineConfig } from 'vitest/config';

// Two projects: `unit` needs nothing but Node; `vm` boots Debian under qemu and is started by scripts/test.mjs.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/vm/**'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.vm.ts'],
          globalSetup: ['test/vm/setup.ts'],
          pool: 'forks',
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
