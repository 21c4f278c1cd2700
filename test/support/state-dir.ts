/** Directories for the records of a test, in memory: fsync costs nothing there, and these tests do it thousands of times. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const base = mkdtempSync('/dev/shm/ctfix-test-');
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** The path of a state directory that is not there yet; all of them are gone after the test file. */
export const stateDir = (): string => join(mkdtempSync(join(base, 'x')), 'ctfix');
