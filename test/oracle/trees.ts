// Trees of drop-ins as fast-check makes them: few names in many directories, so that they collide.
import fc from 'fast-check';
import { dirsOf, type File, type Files, type Layout } from './programs.ts';

const NAMES = ['10-a.conf', '50-b.conf', '90-ctfix-conntrack.conf', '99-sysctl.conf', '999-aks.conf', '99_k8s.conf'];
const ODD = [
  'A.conf',
  'é.conf',
  '\u{ff5e}.conf',
  '\u{1f600}.conf',
  '.hidden.conf',
  '.conf',
  'x.conf~',
  'x.conf.bak',
  'x.CONF',
  'a b.conf',
];
/** Where links lead to, beside other drop-ins: outside the directories, to nothing, to a directory. */
const TARGETS = [
  '/dev/null',
  '../sysctl.conf',
  '/etc/sysctl.conf',
  '/etc/elsewhere.conf',
  '/nowhere',
  '/etc',
  '../../dev/null',
];

const name = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...NAMES) }, fc.constantFrom(...ODD));

/** Joins lines to the text of a file: line ends of two kinds, and sometimes none at the end. */
export function textOf(line: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const end = fc.oneof({ weight: 9, arbitrary: fc.constant('\n') }, fc.constantFrom('\r\n', '\n\n', ' \n'));
  return fc.tuple(fc.array(fc.tuple(line, end), { maxLength: 5 }), fc.boolean()).map(([lines, open]) =>
    lines
      .map(([text, end]) => text + end)
      .join('')
      .replace(open ? /\n$/ : /$/, ''),
  );
}

/** Trees of one family. @param text the text of a file */
export function treeOf(family: string, layout: Layout, text: fc.Arbitrary<string>): fc.Arbitrary<Files> {
  const dirs = dirsOf(family, layout);
  const file = fc.oneof(
    { weight: 12, arbitrary: text.map((text): File => ({ text })) },
    { weight: 1, arbitrary: fc.constant<File>({ text: '' }) },
    { weight: 3, arbitrary: fc.constantFrom(...TARGETS).map((link): File => ({ link })) },
    { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...dirs), name).map(([d, n]): File => ({ link: `${d}/${n}` })) },
    { weight: 1, arbitrary: name.map((link): File => ({ link })) },
    { weight: 1, arbitrary: fc.constant<File>({ dir: true }) },
  );
  const path = fc.tuple(fc.constantFrom(...dirs), name).map(([dir, name]) => `${dir}/${name}`);
  const outside = fc.record(
    {
      '/etc/sysctl.conf': fc.oneof(
        text.map((text): File => ({ text })),
        fc.constant<File>({ link: 'elsewhere.conf' }),
      ),
    },
    { requiredKeys: [] },
  );
  // A whole directory that is a link to another one.
  const linked = fc.option(fc.constantFrom(...dirs.filter((d) => d !== `/run/${family}`)), {
    freq: 12,
    nil: undefined,
  });
  return fc
    .tuple(fc.array(fc.tuple(path, file), { minLength: 1, maxLength: 7 }), outside, text, linked)
    .map(([files, last, elsewhere, linked]) => {
      const all = { ...Object.fromEntries(files), ...last, '/etc/elsewhere.conf': { text: elsewhere } } as Files;
      return linked === undefined ? all : redirected(all, `/run/${family}`, linked);
    });
}

function redirected(files: Files, dir: string, to: string): Files {
  const kept = Object.entries(files).filter(([path]) => !path.startsWith(`${dir}/`));
  return { ...Object.fromEntries(kept), [dir]: { link: to } };
}

const MAX = 'net.netfilter.nf_conntrack_max';
const KEYS = [
  MAX,
  MAX,
  'net/netfilter/nf_conntrack_max',
  'net.nf_conntrack_max',
  'net/nf_conntrack_max',
  'net.netfilter.nf_conntrack_buckets',
  'net.netfilter.nf_conntrack_tcp_timeout_established',
];
const ODD_KEYS = [
  'net.netfilter/nf_conntrack_max',
  'net/netfilter.nf_conntrack_max',
  '/net/netfilter/nf_conntrack_max',
  '/proc/sys/net/netfilter/nf_conntrack_max',
  'net//netfilter/nf_conntrack_max',
  'net..netfilter.nf_conntrack_max',
  '.net.netfilter.nf_conntrack_max',
  'net.netfilter.nf_conntrack_max.',
  'net.netfilter.nf-conntrack_max',
  'net.netfilter.nf_conntrack_nosuch',
  'net.ipv4.ip_forward',
  'net netfilter nf_conntrack_max',
  '',
];
const GLOBS = [
  'net.netfilter.nf_conntrack_*',
  'net.netfilter.nf_conntrack_m*',
  'net.netfilter.*',
  'net.*.nf_conntrack_max',
  'net/netfilter/nf_conntrack_ma?',
  'net.nf_conntrack_*',
  'net.*',
  'net.netfilter.nf_conntrack_[mb]*',
  'net.netfilter.nf_conntrack_[!m]*',
  'net.netfilter.nf_conntrack_[^m]*',
  'net.netfilter.nf_conntrack_tcp_timeout_e*',
  'net.netfilter.nf_conntrack_{max,buckets}',
  '*.netfilter.nf_conntrack_max',
  'net.netfilter.nf_conntrack_[max',
  'net.netfilter.nf_conntrack_\\max',
  'net.netfilter.nf_conntrack_ma[[:alpha:]]',
  'net.netfilter.nf_conntrack_ma[w-y]',
];
const key = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_KEYS) },
  { weight: 3, arbitrary: fc.constantFrom(...GLOBS) },
);
const VALUES = [
  '70001',
  '70001',
  '0x11180',
  '0211001',
  '70004 # was 1',
  '70005x',
  '-0',
  '-5',
  '+9',
  '2147483648',
  '1 2',
];
const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 80_000, max: 89_999 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom(...VALUES, '', 'lots', '0', '70006;', '"70007"', 'a=b') },
);
const space = fc.oneof({ weight: 4, arbitrary: fc.constant('') }, fc.constantFrom(' ', '\t', '  ', '\v', '\f'));
const shape = fc.oneof(
  { weight: 10, arbitrary: fc.constant('=') },
  { weight: 1, arbitrary: fc.constantFrom('no value', 'colon', 'comment', 'late comment') },
);

/** A line of a sysctl file. */
export const sysctlLine: fc.Arbitrary<string> = fc
  .record({
    key,
    value,
    shape,
    dash: fc.constantFrom('', '', '', '-', '- ', '--'),
    a: space,
    b: space,
    c: space,
    d: space,
  })
  .map(({ key, value, shape, dash, a, b, c, d }) => {
    if (shape === 'comment') return `${a}${value.length % 2 ? '#' : ';'}${b}${key} = ${value}`;
    if (shape === 'no value') return `${a}${dash}${key}${b}`;
    if (shape === 'colon') return `${a}${key}: ${value}`;
    return `${a}${dash}${key}${b}=${c}${value}${d}${shape === 'late comment' ? ` ; ${key}` : ''}`;
  });
