/** The winner of every key, against the real systemd-sysctl and sysctl. */
import { describe, expect, test } from 'vitest';
import { dropIns, gatherConfig } from '../../src/facts/gather-config.ts';
import { lookAt } from '../../src/facts/look.ts';
import { sysctlKey } from '../../src/facts/sysctl-files.ts';
import type { SysctlLine } from '../../src/model.ts';
import type { Answer, Layout, Programs } from './programs.ts';
import { appliedFiles, catFiles, outcome, parsedFiles, procpsWrites, systemdWrites, type Write } from './said.ts';
import { agree, roots, whySkipped } from './support.ts';
import { sysctlLine, textOf, treeOf } from './trees.ts';

const skipped = await whySkipped();
const NET = 'net/netfilter/nf_conntrack_';
const OURS = [`${NET}max`, `${NET}buckets`, `${NET}tcp_timeout_established`, `${NET}tcp_loose`, 'net/nf_conntrack_max'];
const keys = [...OURS, 'net/ipv4/ip_forward'];
const SYSTEMD = '/lib/systemd/systemd-sysctl';
const tree = (layout: Layout, line = sysctlLine) => treeOf('sysctl.d', layout, textOf(line));
/** Patterns are new in procps 4. */
const plainLine = sysctlLine.filter((line) => !/[*?[\v\f]|--/.test(line));

describe.skipIf(skipped)('sysctl', { timeout: 3_600_000 }, () => {
  test.each(roots)('%s, %s: systemd-sysctl', async (suite, layout) => {
    await agree([suite, layout], 'systemd-sysctl', tree(layout), async (asked, files) => {
      const programs = [['systemd-analyze', 'cat-config', 'sysctl.d'], [SYSTEMD, '--cat-config'], [SYSTEMD]];
      const [cat, own, set] = await asked.ask({ files, keys, run: programs });
      const look = lookAt(asked.host);
      await compare(asked, (await gatherConfig(look, true)).systemdSysctl, systemdWrites(said(set)), said(set));
      // systemd names the directory that /run/sysctl.d leads to when it is a link.
      const run = await asked.host.readLink('/run/sysctl.d');
      const read = (await dropIns(look, 'sysctl.d')).flatMap(({ path, text }) =>
        text === undefined ? [] : [path.replace(/^\/run\/sysctl\.d/, run ?? '$&')],
      );
      expect(parsedFiles(said(set)).filter((path) => read.includes(path))).toEqual(read);
      // These two end at the first file that they cannot read.
      for (const shown of [cat, own])
        if (shown?.code === 0) expect(catFiles(shown.out).filter((path) => read.includes(path))).toEqual(read);
    });
  });

  test.each(roots)('%s, %s: sysctl --system', async (suite, layout) => {
    await agree(
      [suite, layout],
      'sysctl --system',
      tree(layout, suite === 'bullseye' ? plainLine : sysctlLine),
      async (asked, files) => {
        const run = [
          ['sysctl', '--system', '--dry-run'],
          ['sysctl', '--system'],
        ];
        const [dry, set] = await asked.ask({ files, keys, run });
        const look = lookAt(asked.host);
        await compare(asked, (await gatherConfig(look, true)).procpsSysctl, procpsWrites(set?.out ?? ''), said(set));
        expect(procpsWrites(dry?.out ?? '')).toEqual(procpsWrites(set?.out ?? ''));
        const read = (await dropIns(look, 'sysctl.d', { hidden: true })).map(({ path }) => path);
        expect(read).toEqual(appliedFiles(said(set)).filter((path) => path.includes('.d/') && read.includes(path)));
      },
    );
  });
});

const said = (answer: Answer | undefined) => (answer?.out ?? '') + (answer?.err ?? '');

/** The same value for every key, and the line that is named as the winner has that value as it was written. */
async function compare({ host }: Programs, lines: readonly SysctlLine[], writes: readonly Write[], why: string) {
  const known = OURS.map(sysctlKey);
  const there = outcome(writes, known);
  const here = new Map(lines.filter(({ key }) => known.includes(key)).map((line) => [line.key, line]));
  const values = <T extends { readonly value: string }>(all: ReadonlyMap<string, T>) =>
    Object.fromEntries([...all].map(([key, { value }]) => [key, value]));
  expect(values(here), why).toEqual(values(there));
  for (const [key, { written }] of there) {
    const { file, line, raw } = here.get(key) ?? { file: '', line: 0, raw: '' };
    expect((await host.readFile(file))?.split('\n')[line - 1]?.trimEnd()).toBe(raw.trimEnd());
    expect(raw, why).toContain(written.trim());
  }
}
