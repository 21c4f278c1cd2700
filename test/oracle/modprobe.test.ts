/** The options with which nf_conntrack would be loaded, against the real modprobe. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gatherConfig } from '../../src/facts/gather-config.ts';
import { lookAt } from '../../src/facts/look.ts';
import { hashsizeOf, moduleName } from '../../src/facts/modprobe-files.ts';
import type { ConfigFacts } from '../../src/model.ts';
import type { Files } from './programs.ts';
import { RELEASE, type Suite } from './root.ts';
import { agree, roots, whySkipped } from './support.ts';
import { textOf, treeOf } from './trees.ts';

const skipped = await whySkipped();

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('nf_conntrack', 'nf-conntrack') },
  fc.constantFrom('nf_conntrack_ftp', 'nf_nat', 'NF_CONNTRACK', 'nf[_-]conntrack', 'nf_conntrack\\', ''),
);
const option = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1000, max: 99_999 }).map((n) => `hashsize=${n}`) },
  fc.constantFrom(
    'acct=1',
    'hashsize = 5',
    'hashsize=',
    'hashsize',
    '"hashsize=7"',
    'hashsize="8 9"',
    'x#y',
    '# z',
    '\\',
  ),
);
const space = fc.constantFrom(' ', ' ', ' ', '\t', '  ', ' \\\n', '\\\n ', ' \t ', '\v', '\f');
const words = fc.array(fc.tuple(space, option), { maxLength: 3 }).map((all) => all.flat().join(''));
const word = fc.oneof(
  { weight: 8, arbitrary: fc.constant('options') },
  fc.constantFrom('blacklist', 'softdep', 'Options', 'option', '#options', '# options', 'remove', 'include', ''),
);
/** `install` goes another way: what it runs is not ours to know. */
const line = fc
  .tuple(
    fc.constantFrom('', '', '', ' ', '\t', '\\\n'),
    word,
    space,
    name,
    words,
    fc.constantFrom('', '', ' ', '\\', '\r'),
  )
  .map((parts) => parts.join(''));

const cmdline = fc.oneof(
  { weight: 3, arbitrary: fc.constant('ro quiet') },
  fc.constantFrom('nf_conntrack.hashsize=4096', 'nf-conntrack.hashsize=4097 ro', 'quiet "nf_conntrack.hashsize=4098"'),
);

describe.skipIf(skipped)('modprobe', { timeout: 3_600_000 }, () => {
  test.each(roots)('%s, %s: modprobe --show-depends', async (suite, layout) => {
    const text = textOf(line).map((text) => (suite === 'trixie' ? text.replace(/\\+$/, '') : text));
    const trees = treeOf('modprobe.d', layout, text).filter((files) => isDefined(files, suite));
    const tree = fc.tuple(trees, suite === 'bullseye' ? cmdline.filter((text) => !text.includes('"')) : cmdline);
    await agree([suite, layout], 'modprobe', tree, async (asked, [files, cmdline]) => {
      const load = ['modprobe', '-S', RELEASE, '--show-depends', 'nf_conntrack'];
      const [shown, config] = await asked.ask({ files, cmdline, run: [load, ['modprobe', '-c']] });
      const options = /^insmod \S+ ?(.*)$/ms.exec(shown?.out ?? '')?.[1] ?? '';
      const found = await gatherConfig(lookAt(asked.host), true);
      expect(hashsizeHere(found), `${shown?.out}${shown?.err}`).toEqual(hashsizeOf(options).value);
      expect(optionsOf(found)).toEqual(configured(config?.out ?? ''));
    });
  });
});

/**
 * Where the versions differ, ctfix reads as kmod 30 does: kmod 28 knows neither /usr/local/lib nor quotes around an option
 * on the command line, and 34 passes over links to nothing and takes a backslash at the end of a file for nothing.
 * Both before 34 take a link to nothing for whatever the last entry that they looked at was, in the order of readdir(3):
 * for a directory after a directory (conf_files_filter_out in libkmod-config.c does not look at how fstatat(2) ended).
 */
function isDefined(files: Files, suite: Suite): boolean {
  const leadsTo = Object.values(files).map((file) => ('link' in file ? file.link : 'dir' in file ? '/etc' : ''));
  const sure = leadsTo.every((target) => /^(|\/etc|\/etc\/elsewhere\.conf|\/dev\/null)$/.test(target));
  if (suite === 'bullseye' && JSON.stringify(files).includes('/usr/local/')) return false;
  return sure || (suite !== 'trixie' && !leadsTo.includes('/etc'));
}

/** The last hashsize of all the lines put together, the command line last; none where any of them ends the load. */
function hashsizeHere({ modprobe, cmdlineHashsize }: ConfigFacts): number | undefined {
  const lines = modprobe.filter(({ directive }) => directive === 'options').map(({ rest }) => rest);
  const last = cmdlineHashsize === undefined ? [] : [`hashsize=${cmdlineHashsize}`];
  return hashsizeOf([...lines, ...last].join(' ')).value;
}

/**
 * modprobe takes a line without any option for a mistake, makes spaces of tabs, and of a backslash at the end of the
 * file a byte 255, which is shown as `?`.
 */
const optionsOf = ({ modprobe }: ConfigFacts) =>
  modprobe
    .filter(({ directive, rest }) => directive === 'options' && rest !== '')
    .map(({ rest, raw }) =>
      rest
        .replaceAll('\t', ' ')
        .replace(/\\$/, /(?:^|[^\\])(?:\\\\)*\\$/.test(raw) ? '?' : '$&')
        .trim(),
    );

/** `options NAME …` of `modprobe -c`, without what the kernel's command line adds. */
function configured(out: string): readonly string[] {
  return [...out.matchAll(/^options (\S+) (.*)$/gm)].flatMap(([, module = '', rest = '']) =>
    moduleName(module) === 'nf_conntrack' && rest.trim() !== '' && !/^hashsize="?409[678]"?$/.test(rest)
      ? [rest.trim()]
      : [],
  );
}
