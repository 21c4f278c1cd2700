import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Two machines run at a time: what takes longest must not come last and alone. */
class ReloadsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => (/\/reload-[^/]*\.vm\.ts$/.test(moduleId) ? 0 : 1);
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

// Four projects: `unit` needs nothing but Node; `oracle` asks real programs in a chroot, `vm` and `speed` boot Debian under
// qemu, all started by scripts/test.mjs, which installs what they need.
export default defineConfig({
  test: {
    sequence: { sequencer: ReloadsFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/vm/**', 'test/oracle/**'],
          testTimeout: 60_000,
        },
      },
      { test: { name: 'oracle', include: ['test/oracle/**/*.test.ts'], testTimeout: 900_000 } },
      {
        test: {
          name: 'vm',
          include: ['test/vm/scenarios/**/*.vm.ts'],
          globalSetup: ['test/vm/setup.ts'],
          pool: 'forks',
          // An emulated machine can stall for reasons outside it. Unattended, a scenario gets a second, freshly restored machine;
          // the report names it as retried.
          retry: process.env.CI ? 1 : 0,
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
      // Ratios of times: one machine at a time, with nothing beside it (scripts/test.mjs --full).
      {
        test: {
          name: 'speed',
          include: ['test/vm/speed/*.vm.ts'],
          globalSetup: ['test/vm/setup.ts'],
          pool: 'forks',
          testTimeout: 900_000,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
