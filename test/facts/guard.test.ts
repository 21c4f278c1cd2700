import { describe, expect, test } from 'vitest';
import { gatherGuard } from '../../src/facts/guard.ts';
import { type Looks, lookedAt, processAt, together } from '../support/looked-at.ts';

const gathered = (...looks: Looks[]) => gatherGuard(lookedAt(together(...looks)));
const NFT = { run: { 'nft --version': 'nftables v1.0.6 (Lester Gooch #5)\n' } };
/** nft makes the kernel load nfnetlink: run where nf_tables is not loaded, it would fail here. */
const NFT_FILE = { files: { '/usr/sbin/nft': '' }, run: { 'nft --version': 1 } };
const NF_CONNTRACK = { files: { '/sys/module/nf_conntrack/initstate': 'live\n' } };
const NFNETLINK = { files: { '/sys/module/nfnetlink/initstate': 'live\n' } };

describe('gatherGuard', () => {
  test.each<[string, Looks[], string]>([
    ['no program', [], 'no-program'],
    ['loaded', [NFT, { files: { '/sys/module/nf_tables/refcnt': '0\n' } }], 'there'],
    ['to be loaded', [NFT_FILE, { run: { 'modprobe --show-depends nf_tables': 'insmod x\n' } }], 'there'],
    ['loaded, without the program', [{ files: { '/sys/module/nf_tables/refcnt': '0\n' } }], 'no-program'],
    ['not in this kernel', [NFT_FILE, { run: { modprobe: 1 } }], 'no-kernel'],
  ])('nft: %s', async (_, looks, state) => expect((await gathered(...looks)).nft).toBe(state));

  test.each<[string, Looks, string]>([
    ['no program', {}, 'no-program'],
    ['1.4.6, which knows no -R', { run: { conntrack: 2 } }, 'too-old'],
    ['1.4.7', { run: { 'conntrack -R /dev/null': '' } }, 'loads'],
  ])('conntrack: %s', async (_, looks, state) =>
    expect((await gathered(NF_CONNTRACK, NFNETLINK, looks)).conntrack).toBe(state),
  );

  test.each([
    ['nf_conntrack', NFNETLINK],
    ['nfnetlink, which it would load', NF_CONNTRACK],
  ])('conntrack is not run without %s', async (_, there) => {
    const old = { run: { conntrack: 2 } };
    expect((await gathered(old, there)).conntrack).toBe('no-program');
    expect((await gathered(old, there, { files: { '/usr/sbin/conntrack': '' } })).conntrack).toBe('loads');
  });

  test('heartbeats of root in this namespace, by their executable', async () => {
    const found = await gathered(
      processAt(812, '/usr/sbin/keepalived'),
      processAt(813, '/usr/sbin/corosync', { net: 2 }),
      processAt(814, '/home/u/pacemakerd', { uid: 1000 }),
      processAt(815, '/usr/sbin/cron'),
    );
    expect(found).toMatchObject({ cluster: ['keepalived (812)'], ssh: [], storage: [] });
  });
});
