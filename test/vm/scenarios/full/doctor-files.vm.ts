// What ctfix doctor says about files and values that do not do what they say: the trouble as the kernel and the loaders show
// it, the finding, its remedy, and what they show then. Many in one machine, each on the files of a fresh one.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { evidence } from '../../lab/evidence.ts';
import { Vm } from '../../machine.ts';
import {
  BOOT,
  cure,
  EARLY,
  expectFinding,
  expectSeen,
  findings,
  MAX,
  MAX_KEY,
  max,
  type Seen,
  UNLOAD,
} from '../doctor-hands.ts';

type Case = {
  /** `warning broken-option` */
  readonly code: string;
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  /** makes the trouble, and shows it */
  readonly ill: Seen;
  /** what has to be done to the machine before it is looked at, once the trouble was shown */
  readonly hurt?: string;
  /** in the finding, its proof and its remedies */
  readonly says: RegExp;
  /** another finding that would say the opposite */
  readonly not?: string;
  /** what is done where the remedy is words alone */
  readonly hand?: string;
  readonly well: Seen;
};

const LINK = '/etc/sysctl.d/99-sysctl.conf';
/** What `sysctl --system` would end with. */
const PROCPS = `sysctl --system --dry-run 2>/dev/null | sed -n 's/^${MAX_KEY} = //p' | tail -n 1`;
/** The option that modprobe gives last: the kernel takes that one. */
const OPTION = "modprobe -c | sed -n 's/^options nf_conntrack hashsize=//p' | tail -n 1";

/** How many files of ours the initramfs of this kernel has. */
const INITRAMFS = 'lsinitramfs /boot/initrd.img-$(uname -r) | grep -c modprobe.d/site.conf || true';

const CASES: readonly Case[] = [
  {
    code: 'warning broken-option',
    name: 'spaces around the "=" of an option',
    files: { '/etc/modprobe.d/site.conf': 'options nf_conntrack hashsize = 65536\n' },
    ill: ['modprobe nf_conntrack 2>&1 || true', /could not insert|Invalid/],
    says: /site\.conf:1[\s\S]*cannot be loaded[\s\S]*ctfix apply/,
    well: [`modprobe nf_conntrack && udevadm settle && ${MAX}`, /^[1-9]\d+$/],
  },
  {
    code: 'warning hashsize-alone',
    name: 'hashsize alone, and max lowered since',
    files: { '/etc/modprobe.d/site.conf': 'options nf_conntrack hashsize=65536\n' },
    ill: [`${BOOT} && ${MAX}`, '524288'],
    hurt: `sysctl -qw ${MAX_KEY}=65536`,
    says: /524,288[\s\S]*average chain 16[\s\S]*ctfix apply --max 65536/,
    not: 'lowered-since',
    well: [`${BOOT} && ${MAX}`, '65536'],
  },
  {
    code: 'warning next-boot-loses',
    name: 'max raised by hand, over a file that asks for less',
    files: { ...EARLY, '/etc/sysctl.d/99-cloud.conf': max(65_536) },
    ill: [`${BOOT} && ${MAX}`, '65536'],
    hurt: `sysctl -qw ${MAX_KEY}=200000`,
    says: /200,000 now[\s\S]*65,536 after the next boot[\s\S]*99-cloud\.conf/,
    well: [`${BOOT} && ${MAX}`, '200000'],
  },
  {
    code: 'warning lowered-since',
    name: 'max lowered by hand, below what a file asks for',
    files: { ...EARLY, '/etc/sysctl.d/90-site.conf': max(150_000) },
    ill: [`${BOOT} && ${MAX}`, '150000'],
    hurt: `sysctl -qw ${MAX_KEY}=70000`,
    says: /70,000 now, 150,000 after a boot: [\s\S]*90-site\.conf/,
    well: [MAX, '150000'],
  },
  {
    code: 'warning loaders-disagree',
    name: '/etc/sysctl.conf, the last file of procps and not of systemd',
    files: { ...EARLY, '/etc/sysctl.d/zz-site.conf': max(150_000), '/etc/sysctl.conf': `# ours\n${max(70_000)}` },
    ill: [`${BOOT} && ${MAX} && ${PROCPS}`, '150000\n70000'],
    says: /70000 in \/etc\/sysctl\.conf:2, 150000 at boot in \/etc\/sysctl\.d\/zz-site\.conf:1[\s\S]*line 2 of \/etc\/sysctl\.conf/,
    hand: "sed -i '2s/70000/150000/' /etc/sysctl.conf",
    well: [`${BOOT} && ${MAX} && ${PROCPS}`, '150000\n150000'],
  },
  {
    code: 'warning wrong-key',
    name: 'a letter is missing, in a file that a link leads to',
    files: { ...EARLY, '/etc/sysctl.conf': 'net.netfilter.nf_conntrak_max = 200000\n' },
    ill: [`${BOOT} && ${MAX}`, '65536'],
    says: /nf_conntrak_max[\s\S]*net\.netfilter\.nf_conntrack_max/,
    well: [`test -L ${LINK} && ${BOOT} && ${MAX}`, '200000'],
  },
  {
    code: 'warning dead-line',
    name: 'a line that systemd-sysctl takes back',
    files: {
      ...EARLY,
      '/etc/sysctl.d/50-site.conf': max(150_000),
      '/etc/sysctl.d/60-vendor.conf': `-${MAX_KEY}\n`,
    },
    ill: [`${BOOT} && ${MAX}`, '65536'],
    says: /60-vendor\.conf:1/,
    hand: 'rm /etc/sysctl.d/60-vendor.conf',
    well: [`${BOOT} && ${MAX}`, '150000'],
  },
  {
    code: 'warning unread-sysctl-conf',
    name: '/etc/sysctl.conf without its link',
    files: { ...EARLY, '/etc/sysctl.conf': max(150_000) },
    ill: [`rm ${LINK} && ${BOOT} && ${MAX}`, '65536'],
    says: /\/etc\/sysctl\.conf is not read at boot/,
    well: [`${BOOT} && ${MAX}`, '150000'],
  },
  {
    code: 'warning drop-in-lost',
    name: 'a key that ctfix does not hold',
    files: { '/etc/sysctl.d/90-site.conf': 'net.netfilter.nf_conntrack_tcp_be_liberal = 1\n' },
    ill: [`${BOOT} && sysctl -n net.netfilter.nf_conntrack_tcp_be_liberal`, '0'],
    says: /90-site\.conf:1 was lost[\s\S]*modules-load/,
    well: [`${BOOT} && sysctl -n net.netfilter.nf_conntrack_tcp_be_liberal`, '1'],
  },
  {
    code: 'warning later-modprobe',
    name: 'a later options line than that of ctfix',
    ill: [
      `modprobe nf_conntrack && ctfix apply --yes --hashsize 131072 >/dev/null && echo 'options nf_conntrack hashsize=16384' > /etc/modprobe.d/options_nf_conntrack.conf && ${OPTION}`,
      '16384',
    ],
    says: /options_nf_conntrack\.conf[\s\S]*--take-over/,
    well: [`${OPTION} && ${BOOT} && sysctl -n net.netfilter.nf_conntrack_buckets`, '131072\n131072'],
  },
  {
    code: 'note no-limit',
    name: 'max 0',
    ill: [`modprobe nf_conntrack && sysctl -qw ${MAX_KEY}=0 && ${MAX}`, '0'],
    says: /no limit \(max 0\)[\s\S]*ctfix apply --max/,
    well: [MAX, /^[1-9]\d+$/],
  },
  {
    code: 'note duplicate-key',
    name: 'a key twice in one file',
    files: { ...EARLY, '/etc/sysctl.d/60-twice.conf': max(150_000) + max(160_000) },
    ill: [`${BOOT} && ${MAX}`, '160000'],
    says: /150000 on line 1, 160000 on line 2/,
    hand: 'sed -i 1d /etc/sysctl.d/60-twice.conf',
    well: [`${BOOT} && ${MAX}`, '160000'],
  },
  {
    code: 'note ufw-off',
    name: "ufw's file while ufw is off",
    files: { ...EARLY, '/etc/ufw/sysctl.conf': max(200_000).replaceAll('.', '/') },
    ill: [`grep ^ENABLED= /etc/ufw/ufw.conf && ${BOOT} && ${MAX}`, 'ENABLED=no\n65536'],
    says: /\/etc\/ufw\/sysctl\.conf is not applied: ufw is not active[\s\S]*\/etc\/sysctl\.d/,
    hand: "rm /etc/ufw/sysctl.conf && echo 'net.netfilter.nf_conntrack_max = 200000' > /etc/sysctl.d/90-site.conf",
    well: [`${BOOT} && ${MAX}`, '200000'],
  },
  {
    code: 'warning stale-initramfs',
    name: 'an initramfs with old options',
    files: { '/etc/modprobe.d/site.conf': 'options nf_conntrack hashsize=131072\n' },
    ill: [`echo nf_conntrack >> /etc/initramfs-tools/modules && ${INITRAMFS}`, '0'],
    says: /initramfs-tools\/modules:\d+ makes \/boot\/initrd\.img-\S+ load it[\s\S]*site\.conf was changed after/,
    well: [INITRAMFS, '1'],
  },
];

/** A command in few words. */
const steps = ([command]: Seen) => command.replaceAll(BOOT, 'the steps of a boot').replaceAll(' && ', ', ');

const FILES =
  'etc/modprobe.d etc/modules-load.d etc/sysctl.conf etc/sysctl.d etc/udev/rules.d etc/initramfs-tools etc/ufw';

describe('files and values', () => {
  let vm: Vm;

  beforeAll(async () => {
    vm = await Vm.restore({ kernel: '6.1' });
    await vm.sh(`touch /etc/sysctl.conf && ln -sfn ../sysctl.conf ${LINK}`);
    await vm.sh(`tar -C / -cf /root/fresh.tar ${FILES}`);
  });
  afterAll(() => vm.stop());
  beforeEach(async ({ onTestFailed }) => {
    onTestFailed(async () => void (await vm.keepLogs()));
    await vm.sh(
      `${UNLOAD} && cd / && rm -rf ${FILES} /var/lib/ctfix && tar -xf /root/fresh.tar && udevadm control --reload`,
    );
  });

  test.each(CASES.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    for (const [path, text] of Object.entries(one.files ?? {})) await vm.put(path, text);
    const ill = await expectSeen(vm, one.ill);
    if (one.hurt !== undefined) await vm.sh(one.hurt);
    const command = await cure(vm, await expectFinding(vm, one), one.hand);
    const well = await expectSeen(vm, one.well);
    const left = (await findings(vm)).map(({ severity, code }) => `${severity} ${code}`);
    expect(left, command).not.toContain(one.code);
    await evidence(vm, `doctor, ${one.name}`, [
      `${steps(one.ill)}: ${ill}`,
      `${one.code}; after ${command}, ${steps(one.well)}: ${well}`,
    ]);
  });
});
