// Files as nobody should have them, by a command that makes each one at the path that follows it.

export type Malformed = {
  readonly what: string;
  readonly folder: 'modprobe.d' | 'sysctl.d';
  /** ends where the path is to stand */
  readonly make: string;
  /** the line that is named, or the whole file */
  readonly line: number | 'whole';
};

const text = (content: string) => `printf '${content}' >`;
const option = (value: string) => text(`# hash\\noptions nf_conntrack ${value}\\n`);
const key = (value: string) => text(`# table\\nnet.netfilter.nf_conntrack_max = ${value}\\n`);
const long = "head -c 10485760 /dev/zero | tr '\\0' n >";

const odd: readonly Omit<Malformed, 'folder'>[] = [
  { what: 'NUL bytes', make: text('\\000\\377\\001 nf_conntrack\\n'), line: 'whole' },
  { what: 'not UTF-8', make: text('\\377\\376 nf_conntrack\\n'), line: 'whole' },
  { what: 'a line of 10 MB', make: long, line: 'whole' },
  { what: 'a fifo', make: 'mkfifo', line: 'whole' },
  { what: 'a dangling link', make: 'ln -s /nowhere/at/all', line: 'whole' },
  { what: 'a directory', make: 'mkdir', line: 'whole' },
];

export const malformed: readonly Malformed[] = [
  { what: 'spaces around =', folder: 'modprobe.d', make: option('hashsize = 5'), line: 2 },
  { what: 'CRLF', folder: 'modprobe.d', make: option('hashsize=70000\\r'), line: 2 },
  { what: 'text after the number', folder: 'modprobe.d', make: option('hashsize=70000x'), line: 2 },
  { what: 'negative', folder: 'modprobe.d', make: option('hashsize=-1'), line: 2 },
  { what: 'zero', folder: 'modprobe.d', make: option('hashsize=0'), line: 2 },
  { what: 'more than 2^27', folder: 'modprobe.d', make: option('hashsize=134217729'), line: 2 },
  { what: 'more than 2^53', folder: 'modprobe.d', make: option('hashsize=9007199254740993'), line: 2 },
  ...odd.map((each) => ({ ...each, folder: 'modprobe.d' as const })),
  { what: 'two words', folder: 'sysctl.d', make: key('5 000'), line: 2 },
  { what: 'text after the number', folder: 'sysctl.d', make: key('70000 flows'), line: 2 },
  { what: 'negative', folder: 'sysctl.d', make: key('-1'), line: 2 },
  { what: 'zero', folder: 'sysctl.d', make: key('0'), line: 2 },
  { what: 'more than an int', folder: 'sysctl.d', make: key('2147483648'), line: 2 },
  { what: 'more than 2^53', folder: 'sysctl.d', make: key('9007199254740993'), line: 2 },
  { what: 'no value', folder: 'sysctl.d', make: text('# table\\nnet.netfilter.nf_conntrack_max\\n'), line: 2 },
  ...odd.map((each) => ({ ...each, folder: 'sysctl.d' as const })),
];
