/** The rule about a line of modprobe.d that a later one beats: what makes the finding, what does not. */
import { describe } from 'vitest';
import { checkRule } from '../support/rules.ts';
import { live } from '../support/said.ts';

const OURS = '/etc/modprobe.d/nf_conntrack.conf';
const hash = (buckets: number) => `options nf_conntrack hashsize=${buckets}\n`;

describe('later-modprobe', () => {
  checkRule('later-modprobe', [
    [
      'a later file has less than ours',
      { files: { [OURS]: hash(262_144), '/etc/modprobe.d/zz.conf': `# theirs\n${hash(65_536)}` } },
      {},
      'warning',
      /262144 in \/etc\/modprobe.d\/nf_conntrack.conf:1 does not count: \/etc\/modprobe.d\/zz.conf:2 sets 65536 later[\s\S]*set hashsize=262144 on line 2 of \/etc\/modprobe.d\/zz.conf[\s\S]*sudo ctfix apply --hashsize 262144 --take-over/,
    ],
    [
      'a later file has more than ours',
      { files: { [OURS]: hash(65_536), '/etc/modprobe.d/zz.conf': hash(262_144) } },
      {},
      'warning',
      /zz.conf wins over \/etc\/modprobe.d\/nf_conntrack.conf/,
    ],
    [
      'neither is ours, the later has less',
      { files: { '/etc/modprobe.d/a.conf': hash(262_144), '/etc/modprobe.d/b.conf': hash(65_536) } },
      {},
      'warning',
      /b.conf wins over \/etc\/modprobe.d\/a.conf/,
    ],
    [
      'neither is ours, the later has more',
      {
        files: { '/etc/modprobe.d/a.conf': hash(65_536), '/etc/modprobe.d/b.conf': hash(262_144) },
        table: live(262_144, 262_144),
      },
      {},
      'note',
      /take out the line that does not count/,
    ],
    [
      'the name decides, not the directory',
      { files: { [OURS]: hash(262_144), '/usr/lib/modprobe.d/zz.conf': hash(65_536) } },
      {},
      'warning',
      /\/usr\/lib\/modprobe.d\/zz.conf:1 sets 65536 later/,
    ],
    [
      'the later of two lines in a file',
      { files: { '/etc/modprobe.d/a.conf': hash(262_144) + hash(65_536) } },
      {},
      'warning',
      /a.conf:1 does not count: \/etc\/modprobe.d\/a.conf:2 sets 65536 later/,
    ],
    [
      'the kernel command line wins over both',
      { files: { [OURS]: hash(262_144), '/etc/modprobe.d/zz.conf': hash(65_536) }, cmdlineHashsize: 131_072 },
      {},
      undefined,
    ],
    [
      'the same value',
      { files: { [OURS]: hash(262_144), '/etc/modprobe.d/zz.conf': hash(262_144) }, table: live(262_144, 262_144) },
      {},
      undefined,
    ],
    ['one line alone', { files: { [OURS]: hash(262_144) } }, {}, undefined],
    [
      'built in: no line of modprobe.d counts',
      {
        files: { [OURS]: hash(262_144), '/etc/modprobe.d/zz.conf': hash(65_536) },
        module: { state: 'builtin', loadable: false },
      },
      {},
      undefined,
    ],
  ]);
});
