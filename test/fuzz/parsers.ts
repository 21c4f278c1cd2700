// Every parser with the texts to begin with. `of` names the functions as file#name; the rule in fuzz.test.ts finds one
// that is missing here.
import { parseRange } from '../../src/check.ts';
import { withHashsize, withKeys, withRepairedHashsize, withValue } from '../../src/drop-ins.ts';
import { parseWithin } from '../../src/duration.ts';
import { loadsEarly, parseAllowance, unloadSwitch } from '../../src/facts/beside.ts';
import { parseCmdline } from '../../src/facts/cmdline.ts';
import { parseCounters, parseSlabinfo, parseStats, someCounters } from '../../src/facts/counters.ts';
import { parseShow } from '../../src/facts/firewalls.ts';
import { parseSample, thinSample } from '../../src/facts/flow-sample.ts';
import { globOf } from '../../src/facts/globs.ts';
import { parseModulesLoad, parseUdev, reapplies } from '../../src/facts/hooks.ts';
import { judgeJournal, parseJournal, parseKmsg } from '../../src/facts/log.ts';
import { parseCpuList, parseMemTotal, parseOsRelease, parseUptime } from '../../src/facts/machine.ts';
import { hashsizeOf, logicalLines, parseModprobe, printModprobe } from '../../src/facts/modprobe-files.ts';
import { parseModules } from '../../src/facts/module.ts';
import { mountOf, parseMounts } from '../../src/facts/mounts.ts';
import { moduleNumber, sysctlNumber } from '../../src/facts/numbers.ts';
import { holdingTables, orphanTables, usesHelpers, usesOf } from '../../src/facts/rules-holds.ts';
import { comparableSet, ipsets, restored } from '../../src/facts/rules-ipset.ts';
import { emptied, isPristine, savedTables, savedUses } from '../../src/facts/rules-iptables.ts';
import { comparable, managedTables, nftTables, nftUses } from '../../src/facts/rules-nft.ts';
import { isBadOption, listeningSockets, optionWords, queuesIn } from '../../src/facts/rules-seen.ts';
import { establishedIn, isWithin } from '../../src/facts/sockets.ts';
import { changesOf, parseState } from '../../src/facts/state.ts';
import { layersOf, parseMountinfo, parseSwaps } from '../../src/facts/storage.ts';
import { strayKeys } from '../../src/facts/stray-keys.ts';
import { effective, exclusions, parseSysctl, printSysctl, sysctlProblems } from '../../src/facts/sysctl-files.ts';
import { sizeOf } from '../../src/facts/table.ts';
import { thin } from '../../src/facts/thin.ts';
import { activeProfiles, parseProfile, profileFiles, reappliesSysctl } from '../../src/facts/tuned.ts';
import { ipsecPolicies, learnedPorts, speaksXfrm } from '../../src/facts/tunnels.ts';
import { ufwEnabled, ufwSysctlFile } from '../../src/facts/ufw.ts';
import { chunksOf, halvesOf, joinFlows, linesIn } from '../../src/flows.ts';
import { guardSeen } from '../../src/guard.ts';
import { jsonFault } from '../../src/json-place.ts';
import * as options from '../../src/options.ts';
import { isPlanText } from '../../src/saved.ts';
import type { Corpus } from './corpus.ts';
import { savedPlan, topOf } from './shown.ts';

export type Parser = {
  readonly of: readonly string[];
  readonly seeds: readonly string[];
  /** @returns texts as a terminal would get them, or nothing */
  run(text: string): readonly string[] | undefined;
  /** may refuse its text with a CtfixError */
  readonly refuses?: true;
};

/** @param corpus the texts to begin with */
export function parsersOf(corpus: Corpus): readonly Parser[] {
  const quiet = (of: string, seeds: readonly string[], ...runs: ((text: string) => unknown)[]): Parser => ({
    of: of.split(' '),
    seeds: seeds.filter((text) => text.length < 40_000),
    run: (text) => {
      for (const run of runs) run(text);
      return undefined;
    },
  });
  const words = corpus.of('words').map((word) => word.trim());
  const proc = corpus.of('proc');
  const word = (of: string, ...runs: ((text: string) => unknown)[]): Parser => ({
    ...quiet(of, words, ...runs),
    refuses: true,
  });
  const kept = (before: string, after: string) => {
    if (before !== after) throw new Error('printing does not undo parsing');
  };
  return [
    quiet('facts/sysctl-files.ts#parseSysctl', [...corpus.of('sysctl'), ...corpus.recorded(/sysctl/)], (text) => {
      const file = { file: '/etc/sysctl.d/x.conf', entries: parseSysctl(text) };
      kept(text, printSysctl(file.entries));
      sysctlProblems(file);
      exclusions([file]);
      for (const loader of ['systemd', 'procps'] as const)
        for (const { value } of effective([file, file], loader, ['nf_conntrack_max', 'nf_conntrack_buckets']))
          if (!Number.isSafeInteger(Number(value))) throw new Error(`no number: ${value}`);
    }),
    quiet(
      'drop-ins.ts#withKeys drop-ins.ts#withValue drop-ins.ts#lineOf',
      corpus.of('sysctl'),
      (text) => withKeys(text, { 'net.netfilter.nf_conntrack_max': '5' }),
      (text) => withValue(text, 2, '5'),
    ),
    quiet(
      'facts/modprobe-files.ts#parseModprobe facts/modprobe-files.ts#logicalLines facts/modprobe-files.ts#hashsizeOf',
      [...corpus.of('modprobe'), ...corpus.recorded(/modprobe/)],
      (text) => parseModprobe('/etc/modprobe.d/x.conf', text),
      (text) => kept(text, printModprobe(logicalLines(text))),
      (text) => hashsizeOf(text),
    ),
    quiet(
      'drop-ins.ts#withHashsize drop-ins.ts#withRepairedHashsize',
      corpus.of('modprobe'),
      (text) => {
        const { lines } = parseModprobe('x', withHashsize(text, 4096));
        const last = lines.findLast(({ directive, hashsize }) => directive === 'options' && hashsize !== undefined);
        if (last !== undefined && last.hashsize !== 4096 && !/["\\\r\v\f]|hashsize.*hashsize/.test(text))
          throw new Error('hashsize is not set');
      },
      (text) => withRepairedHashsize(text, 1, 4096),
    ),
    quiet('facts/hooks.ts#parseUdev', corpus.of('udev'), (text) => parseUdev('x', text)),
    quiet('facts/hooks.ts#parseModulesLoad', corpus.of('modules-load'), (text) => parseModulesLoad('x', text)),
    quiet('facts/hooks.ts#reapplies', [...corpus.of('udev'), ...corpus.of('modprobe')], reapplies),
    quiet(
      'facts/globs.ts#globOf',
      corpus.of('globs').flatMap((text) => text.split('\n')),
      (text) => {
        globOf(text)('net/netfilter/nf_conntrack_max');
        globOf('net/netfilter/*[!b-y]')(text);
      },
    ),
    quiet(
      'facts/ufw.ts#ufwSysctlFile facts/ufw.ts#ufwEnabled facts/beside.ts#unloadSwitch facts/beside.ts#loadsEarly',
      [...corpus.of('ufw'), ...corpus.recorded(/ufw|sysconfig|initramfs/)],
      ufwSysctlFile,
      ufwEnabled,
      (text) => unloadSwitch('x', text),
      (text) => loadsEarly('/etc/dracut.conf.d/x.conf', text),
      (text) => loadsEarly('/etc/initramfs-tools/modules', text),
    ),
    quiet(
      'facts/tuned.ts#parseProfile facts/tuned.ts#activeProfiles facts/tuned.ts#reappliesSysctl',
      [...corpus.of('tuned'), ...corpus.recorded(/tuned/)],
      (text) => parseProfile('x', text),
      reappliesSysctl,
      (text) => activeProfiles(text).flatMap(profileFiles),
    ),
    quiet('facts/log.ts#parseKmsg', [...corpus.of('kmsg'), ...corpus.recorded(/^\/dev\/kmsg/)], parseKmsg, (text) =>
      thin('/dev/kmsg', text),
    ),
    quiet(
      'facts/log.ts#parseJournal facts/log.ts#judgeJournal',
      [...corpus.of('journal'), ...corpus.recorded(/^journalctl/)],
      parseJournal,
      (text) => [0, 1, 127].map((code) => judgeJournal(code, text, text.slice(0, 40))),
    ),
    quiet(
      'facts/counters.ts#parseCounters facts/counters.ts#someCounters facts/counters.ts#parseSlabinfo',
      [...proc.slice(0, 2), ...corpus.recorded(/stat\/nf_conntrack|slabinfo/)],
      parseCounters,
      (text) => someCounters(text, ['entries', 'drop', 'invalid']),
      parseSlabinfo,
    ),
    quiet(
      'facts/counters.ts#parseStats',
      ['cpu=0   \tfound=1 invalid=2 insert_failed=3 drop=4 early_drop=0 error=5 search_restart=6 chaintoolong=7 \n'],
      parseStats,
    ),
    quiet('facts/stray-keys.ts#strayKeys', [...corpus.of('sysctl'), ...corpus.recorded(/sysctl/)], (text) =>
      strayKeys([{ file: 'x', entries: parseSysctl(text) }], ['max'], ['max', 'buckets', 'udp_timeout']),
    ),
    quiet('facts/module.ts#parseModules', [...proc.slice(2, 3), ...corpus.recorded(/proc\/modules/)], parseModules),
    quiet(
      'facts/machine.ts#parseMemTotal facts/machine.ts#parseUptime facts/machine.ts#parseOsRelease facts/table.ts#sizeOf facts/machine.ts#parseCpuList',
      ['0-3,8\n', ...proc.slice(3, 5), ...proc.slice(12, 14), ...corpus.recorded(/meminfo|uptime|os-release/)],
      parseMemTotal,
      parseUptime,
      parseOsRelease,
      sizeOf,
      parseCpuList,
    ),
    quiet(
      'facts/mounts.ts#parseMounts facts/storage.ts#parseMountinfo facts/storage.ts#parseSwaps',
      [...proc.slice(5, 8), ...corpus.recorded(/proc\/mounts/)],
      (text) => mountOf(parseMounts(text), '/proc/sys/net'),
      (text) => parseMountinfo(text).map(({ options }) => layersOf(options)),
      parseSwaps,
    ),
    quiet('facts/sockets.ts#establishedIn', proc.slice(8, 9), establishedIn),
    quiet('facts/sockets.ts#isWithin', ['10.0.0.0/8', 'fd77::/64', '::ffff:10.0.0.1', '0.0.0.0/0'], (text) => {
      isWithin(text, 'fd77::/64');
      isWithin('10.1.2.3', text);
      isWithin('fd77:0:0:0:0:0:0:2', text);
    }),
    quiet(
      'facts/rules-seen.ts#listeningSockets facts/rules-seen.ts#queuesIn facts/tunnels.ts#speaksXfrm',
      proc.slice(9, 11),
      listeningSockets,
      queuesIn,
      speaksXfrm,
    ),
    quiet('facts/cmdline.ts#parseCmdline', [...proc.slice(11, 12), ...corpus.recorded(/cmdline/)], parseCmdline),
    quiet('facts/rules-seen.ts#optionWords', proc.slice(14, 15), (text) => optionWords(text).map(isBadOption)),
    quiet('facts/beside.ts#parseAllowance', [...proc.slice(15), ...corpus.recorded(/^ethtool/)], parseAllowance),
    quiet(
      'facts/numbers.ts#sysctlNumber facts/numbers.ts#moduleNumber',
      ['65536', '0x10', '-0', '017', '5 x'],
      (text) => {
        for (const zero of ['refused', 'unlimited', 'fine'] as const) sysctlNumber(text, zero);
        moduleNumber(text);
      },
    ),
    quiet('facts/firewalls.ts#parseShow', [...corpus.of('show'), ...corpus.recorded(/^systemctl/)], parseShow),
    quiet('facts/tunnels.ts#ipsecPolicies', corpus.of('xfrm'), ipsecPolicies),
    quiet('facts/tunnels.ts#learnedPorts', ['2e:61:b1:05:a8:4b dev v0 vlan 5 master br0 \n'], (text) =>
      learnedPorts(text, '2e:61:b1:05:a8:4b'),
    ),
    quiet('facts/rules-iptables.ts#savedTables', corpus.of('iptables'), (text) => {
      for (const table of savedTables(text)) {
        isPristine(table);
        emptied(table);
        savedUses(table);
      }
    }),
    quiet('facts/rules-ipset.ts#ipsets', corpus.of('ipset'), (text) => {
      for (const set of ipsets(text)) comparableSet(set) + restored(set);
    }),
    quiet('facts/rules-nft.ts#nftTables facts/rules-nft.ts#managedTables', corpus.of('nft'), (text) => {
      for (const table of nftTables(text)) comparable(table) + JSON.stringify(nftUses(table));
      managedTables(text, text);
    }),
    quiet('facts/rules-holds.ts#*', [...corpus.of('nft'), ...corpus.of('iptables')], (text) => {
      const managed = managedTables(text, text);
      const all = { nft: text, nftState: text, managed, 'iptables-nft': text, 'ip6tables-legacy': text, ipset: text };
      holdingTables(all);
      usesOf(all);
      orphanTables(all);
      usesHelpers(all);
    }),
    quiet('guard.ts#guardSeen', corpus.of('nft'), guardSeen),
    quiet('facts/state.ts#parseState facts/state.ts#changesOf', corpus.of('state'), parseState, changesOf),
    quiet(
      'facts/flow-sample.ts#parseSample facts/flow-sample.ts#thinSample',
      [...corpus.of('flows').slice(0, 1), ...corpus.recorded(/^head /)],
      (text) => parseSample(text, 432_000),
      thinSample,
    ),
    quiet('facts/thin.ts#thin', [...proc, ...corpus.of('udev'), ...corpus.of('sysctl')], (text) => {
      for (const name of [
        '/proc/mounts',
        '/proc/version',
        '/proc/cmdline',
        '/proc/1/comm',
        '/etc/udev/rules.d/x.rules',
      ])
        thin(name, text);
      for (const name of ['/proc/modules', '/etc/sysctl.conf', '/proc/slabinfo', '/etc/sysconfig/x', '/etc/hosts'])
        thin(name, text);
    }),
    quiet(
      'flows.ts#joinFlows flows.ts#halvesOf flows.ts#linesIn',
      corpus.of('flows'),
      (text) => joinFlows(corpus.of('flows')[1] ?? '', text),
      (text) => chunksOf(joinFlows(text, corpus.of('flows')[0] ?? '').lines, 3).map(halvesOf),
      linesIn,
    ),
    quiet(
      'json-place.ts#jsonFault saved.ts#isPlanText',
      [...corpus.plans.slice(0, 2), ...corpus.of('state')],
      (text) => {
        let broken = false;
        try {
          JSON.parse(text);
        } catch {
          broken = true;
        }
        if (broken !== (jsonFault(text) !== undefined)) throw new Error('not what JSON.parse says');
        isPlanText(text);
      },
    ),
    word('duration.ts#parseWithin', parseWithin),
    word('check.ts#parseRange', (text) => parseRange('-w', text)),
    word('options.ts#parseInterval', options.parseInterval),
    word('options.ts#parseHeadroom', options.parseHeadroom),
    word('options.ts#parseMemoryLimit', options.parseMemoryLimit),
    word('options.ts#addTimeout', (text) => options.addTimeout(text, { udp_timeout: 30 })),
    word('options.ts#*', options.parseMax, options.parseHashsize),
    { of: ['saved.ts#parseSaved', 'schema.ts#faultOf'], seeds: corpus.plans, refuses: true, run: savedPlan },
    {
      of: [
        'top/line.ts#readLine',
        'top/line.ts#readAddress',
        'top/save.ts#readSave',
        'top/xml.ts#readXml',
        'top/listing.ts#listing',
        'top/blocks.ts#blocks',
      ],
      seeds: corpus.of('flows'),
      run: topOf,
    },
  ];
}
