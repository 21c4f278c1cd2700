/** How far a large table has been read, for somebody who waits at a terminal. */
import { grouped } from '../render/numbers.ts';
import type { Census } from '../top/census.ts';
import type { Deps } from './deps.ts';

/** Nobody is told about what takes less. */
const PATIENCE_MS = 1000;
const EVERY_MS = 250;

export type Ticker = { tick(): void; end(): void };

/** `tick` is called often; a line is written over itself, and away at the end. Nothing at all without a terminal. */
export function ticker(census: Census, deps: Pick<Deps, 'now' | 'note' | 'watched'>): Ticker {
  if (!deps.watched()) return { tick: () => undefined, end: () => undefined };
  const start = deps.now().getTime();
  let next = start + PATIENCE_MS;
  let width = 0;
  return {
    tick() {
      const now = deps.now().getTime();
      if (now < next) return;
      next = now + EVERY_MS;
      const text = `${grouped(census.flows)} flows read`;
      width = text.length;
      deps.note(`\r${text}`);
    },
    end() {
      if (width > 0) deps.note(`\r${' '.repeat(width)}\r`);
    },
  };
}
