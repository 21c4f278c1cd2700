import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { known } from '../src/model.ts';
import { failingLine, isActive, nextBoot } from '../src/nextboot.ts';
import { changesAtBoot, origins } from '../src/origin.ts';
import { anyHost } from './support/hosts-any.ts';

describe('every host', () => {
  test('max and buckets come first, each name once, and the next boot is that of nextBoot, but where kube-proxy has set its own', () => {
    fc.assert(
      fc.property(anyHost, (facts) => {
        const all = origins(facts);
        const names = all.map(({ name }) => name);
        expect(names.slice(0, 2)).toEqual(['max', 'buckets']);
        expect(new Set(names).size).toBe(names.length);
        if (isActive(facts, 'kube-proxy')) return;
        const { boot } = nextBoot(facts);
        const fails = failingLine(facts) !== undefined;
        expect(all.slice(0, 2).map((one) => known(one.boot)?.value)).toEqual(
          [boot.max, boot.buckets].map((held) => (fails || held === undefined ? undefined : String(held.value))),
        );
      }),
    );
  });

  test('a live value is told as it is, and without a module there is none', () => {
    fc.assert(
      fc.property(anyHost, (facts) => {
        for (const { name, now } of origins(facts)) {
          const live = name === 'max' || name === 'buckets' ? known(facts.table[name]) : facts.table.values[name];
          if (facts.module.state === 'absent') expect(now).toBeUndefined();
          else
            expect(now === undefined ? undefined : known(now)?.value).toBe(
              live === undefined ? undefined : String(live),
            );
        }
      }),
    );
  });

  test('a lost line asks for something else than the next boot gives, and stands in a file that was read', () => {
    fc.assert(
      fc.property(anyHost, (facts) => {
        for (const { lost, boot } of origins(facts)) {
          for (const line of lost) {
            expect(line.value).not.toBe(known(boot)?.value);
            expect(facts.config.texts).toHaveProperty([line.file]);
          }
        }
      }),
    );
  });

  test('a value whose source is the same line now and at the next boot does not change', () => {
    fc.assert(
      fc.property(anyHost, (facts) => {
        for (const origin of origins(facts)) {
          const [now, boot] = [origin.now && known(origin.now), known(origin.boot)];
          if (now?.file === undefined || boot === undefined || /somebody/.test(now.how)) continue;
          if (now.file === boot.file && now.line === boot.line && now.by === boot.by)
            expect(changesAtBoot(origin)).toBe(false);
        }
      }),
    );
  });
});
