import { expect, test } from 'vitest';
import { isInKernel } from '../../src/facts/in-kernel.ts';
import { readRules } from '../../src/facts/rules.ts';
import { memoryHost } from '../support/memory-host.ts';

const BUILTIN = '/lib/modules/6.1.0-56-cloud-amd64/modules.builtin';

test.each([
  ['a loaded module', { '/sys/module/nf_tables/initstate': 'live\n' }, true],
  ['built in', { [BUILTIN]: 'kernel/net/netfilter/nfnetlink.ko\nkernel/net/netfilter/nf_tables.ko\n' }, true],
  ['a path with a dash for it', { [BUILTIN]: 'kernel/net/netfilter/nf-tables.ko\n' }, true],
  [
    'another with that name in it',
    { [BUILTIN]: 'kernel/net/netfilter/nf_tables_set.ko\nkernel/x_nf_tables.ko\n' },
    false,
  ],
  ['of another kernel', { '/lib/modules/6.2.0/modules.builtin': 'kernel/net/netfilter/nf_tables.ko\n' }, false],
  ['nothing tells of it', {}, false],
])('%s', async (_, files, there) => {
  expect(await isInKernel(memoryHost(files).host, 'nf_tables')).toBe(there);
});

test('rules of a built-in nf_tables are read, and no program is run where there is none', async () => {
  const asked: string[] = [];
  const listing = (files: Record<string, string>) => {
    const { host } = memoryHost(files);
    const run: typeof host.run = async ([program]) => {
      asked.push(program);
      return { code: 0, stdout: 'table inet t {\n}\n', stderr: '' };
    };
    return readRules({ ...host, run }, { state: false });
  };
  expect((await listing({})).nft).toBeUndefined();
  expect(asked).toEqual([]);
  expect((await listing({ [BUILTIN]: 'kernel/net/netfilter/nf_tables.ko\n' })).nft).toContain('table inet t');
});
