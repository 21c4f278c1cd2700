import { describe, expect, test } from 'vitest';
import { guardRefusals } from '../src/guard-refusals.ts';
import type { GuardFacts, PlanOptions, SshConnection } from '../src/model.ts';
import { factsOf } from './support/facts.ts';

const GOOD: GuardFacts = { nft: 'there', conntrack: 'loads', ssh: [], storage: [], cluster: [] };
const SSH: SshConnection = { family: 4, ours: '10.8.0.1', ourPort: 22, theirs: '10.8.0.2', theirPort: 40000 };

const refusals = (said: Partial<GuardFacts>, asked: PlanOptions = {}, os = 'debian') =>
  guardRefusals(
    { ...factsOf({ machine: { os: { id: os, version: '', name: '' } } }), guard: { ...GOOD, ...said } },
    asked,
  );

describe('guardRefusals', () => {
  test.each<[string, Partial<GuardFacts>]>([
    ['all is well', {}],
    ['an admin who comes through no tunnel', { ssh: [SSH] }],
  ])('none: %s', (_, said) => expect(refusals(said)).toEqual([]));

  test.each<[string, Partial<GuardFacts>, string, string]>([
    ['reload-no-guard', { nft: 'no-program' }, 'there is no nft', 'install the package nftables'],
    ['reload-no-guard', { nft: 'no-kernel' }, 'has no nf_tables', 'install the modules of this kernel'],
    [
      'reload-tunnel',
      { ssh: [{ ...SSH, tunnel: 'wg0 (wireguard)' }] },
      'from 10.8.0.2 comes through wg0',
      '--no-guard',
    ],
    [
      'reload-network-storage',
      { storage: [{ where: '/var', what: 'nfs4 from s:/v' }] },
      '/var is nfs4 from s:/v',
      'live',
    ],
    ['reload-arrival', { cutArrival: 'mosh-server (812)' }, 'came through mosh-server (812)', 'on a console'],
    ['reload-arrival', { cutArrival: 'sshd (7)' }, 'would cut you off', '--no-guard'],
    ['reload-cluster', { cluster: ['keepalived (812)'] }, 'keepalived (812) runs', '--no-guard'],
  ])('%s: %j', (code, said, what, remedy) => {
    const found = refusals(said);
    expect(found).toMatchObject([{ code, what: expect.stringContaining(what) }]);
    expect(found[0]?.remedy).toContain(remedy);
    expect(refusals(said, { guard: false })).toEqual([]);
  });

  test.each<[GuardFacts['conntrack'], string, string, string]>([
    ['no-program', 'debian', 'there is no conntrack', 'install the package conntrack,'],
    ['no-program', 'fedora', 'there is no conntrack', 'install the package conntrack-tools,'],
    ['too-old', 'ubuntu', 'from 1.4.7 on it can', 'install the package conntrack,'],
  ])('no carry: %s on %s', (conntrack, os, what, remedy) => {
    const found = refusals({ conntrack }, {}, os);
    expect(found).toMatchObject([{ code: 'reload-no-carry', what: expect.stringContaining(what) }]);
    expect(found[0]?.remedy).toContain(remedy);
    expect(refusals({ conntrack }, { carry: false }, os)).toEqual([]);
    expect(refusals({ conntrack }, { guard: false }, os)).toHaveLength(1);
  });

  test('nothing is claimed where nobody looked', () => expect(guardRefusals(factsOf(), {})).toEqual([]));
});
