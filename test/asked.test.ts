import { describe, expect, test } from 'vitest';
import { CtfixError } from '../src/errors.ts';
import type { PlanOptions } from '../src/model.ts';
import { size } from '../src/sizing.ts';
import { factsOf, type Said } from './support/facts.ts';

const codes = (said: Said, options: PlanOptions) => size(factsOf(said), options).refusals.map(({ code }) => code);

describe('what was asked for', () => {
  test.each<[string, Said, PlanOptions, string[]]>([
    ['below the count', { table: { count: 50000 } }, { max: 40000, allowShrink: true }, ['below-count']],
    ['a shrink', {}, { max: 60000 }, ['shrink']],
    ['a shrink that is meant', {}, { max: 60000, allowShrink: true }, []],
    ['fewer buckets', {}, { hashsize: 30000 }, ['shrink']],
    ['fewer buckets that are meant', {}, { hashsize: 30000, allowShrink: true }, []],
    ['ratio above 8', {}, { ratio: 9 }, ['over-ratio']],
    ['ratio 8', {}, { ratio: 8 }, []],
    ['max and hashsize too far apart', {}, { max: 600000, hashsize: 65536, memoryLimit: { share: 1 } }, ['over-ratio']],
  ])('%s', (_, said, options, expected) => {
    expect(codes(said, options)).toEqual(expected);
  });

  test.each<[PlanOptions]>([
    [{ max: 0 }],
    [{ max: 2 ** 31 }],
    [{ max: 1.5 }],
    [{ max: Number.NaN }],
    [{ hashsize: 0 }],
    [{ hashsize: 2 ** 27 + 1 }],
    [{ ratio: 0 }],
    [{ ratio: -1 }],
    [{ ratio: Number.NaN }],
    [{ headroom: 0.9 }],
    [{ headroom: Number.POSITIVE_INFINITY }],
    [{ peak: -5 }],
    [{ memoryLimit: { share: 0 } }],
    [{ memoryLimit: { share: 1.1 } }],
    [{ memoryLimit: { bytes: Number.NaN } }],
    [{ timeouts: { tcp_timeout_established: 0 } }],
    [{ timeouts: { tcp_timeout_established: 1e9 } }],
    [{ timeouts: { tcp_nonsense: 5 } }],
  ])('%o is a usage error', (options) => {
    expect(() => size(factsOf(), options)).toThrow(CtfixError);
  });

  test('a timeout that this kernel lacks names the near ones; without a module the known ones are taken', () => {
    const options = { timeouts: { tcp_establishd: 5 } };
    expect(() => size(factsOf(), options)).toThrow(
      expect.objectContaining({ exit: 'usage', hint: expect.stringContaining('tcp_established') }),
    );
    expect(() => size(factsOf(), { timeouts: { dccp_timeout_open: 5 } })).toThrow(/this kernel/);
    const { targets } = size(factsOf({ module: { state: 'absent' } }), { timeouts: { dccp_timeout_open: 5 } });
    expect(targets.values).toEqual({ dccp_timeout_open: '5' });
  });

  test.each(['tcp_established', 'tcp_timeout_established', 'net.netfilter.nf_conntrack_tcp_timeout_established'])(
    '%s is one timeout',
    (name) => {
      const sizing = size(factsOf(), { timeouts: { [name]: 86400 } });
      expect(sizing).toMatchObject({ verdict: 'requested', targets: { values: { tcp_timeout_established: '86400' } } });
    },
  );
});
