// Whole hosts with some of their files and programs' answers spoilt, through every command that only reads.

import { diagnose } from '../../src/doctor/diagnose.ts';
import { CtfixError } from '../../src/errors.ts';
import { gather } from '../../src/facts/gather.ts';
import { type Recording, recordedFrom } from '../../src/host/recorded.ts';
import type { Facts, PlanOptions } from '../../src/model.ts';
import { checkTargets } from '../../src/promises.ts';
import { doctorText } from '../../src/render/doctor.ts';
import { errorText } from '../../src/render/error.ts';
import { json } from '../../src/render/json.ts';
import { planMarkdown } from '../../src/render/plan-markdown.ts';
import { planText } from '../../src/render/plan-text.ts';
import { prometheusText } from '../../src/render/prometheus.ts';
import { statusText } from '../../src/render/status.ts';
import { size } from '../../src/sizing.ts';
import { statusOf } from '../../src/status.ts';
import { planFor } from '../../src/survey.ts';
import type { Corpus } from './corpus.ts';
import { mutated, pick, type Random } from './mutate.ts';
import { VIEW } from './shown.ts';

/** Files that any host may have, and the texts that they begin with; a star stands for a name out of a few. */
const PLACES: readonly (readonly [string, string])[] = [
  ['/etc/sysctl.d/*.conf', 'sysctl'],
  ['/usr/lib/sysctl.d/*.conf', 'sysctl'],
  ['/etc/sysctl.conf', 'sysctl'],
  ['/etc/modprobe.d/*.conf', 'modprobe'],
  ['/lib/modprobe.d/*.conf', 'modprobe'],
  ['/etc/modules-load.d/*.conf', 'modules-load'],
  ['/etc/udev/rules.d/*.rules', 'udev'],
  ['/etc/default/ufw', 'ufw'],
  ['/etc/ufw/ufw.conf', 'ufw'],
  ['/etc/ufw/sysctl.conf', 'sysctl'],
  ['/etc/sysconfig/iptables-config', 'ufw'],
  ['/etc/tuned/router/tuned.conf', 'tuned'],
  ['/var/lib/ctfix/state.json', 'state'],
  ['/dev/kmsg', 'kmsg'],
  ['/proc/net/nf_conntrack', 'flows'],
];
const NAMES = ['90-ctfix-conntrack', 'zz', 'a\x1b[2Jb', 'n\nl', '\u202e', '__proto__', '.hidden', 'nf_conntrack'];
const OPTIONS: readonly PlanOptions[] = [
  {},
  { precaution: true },
  { max: 131_072, takeOver: true },
  { hashsize: 65_536, timeouts: { tcp_timeout_established: 86_400 } },
  { strategy: 'reload' },
  { peak: 400_000, memoryLimit: { share: 0.01 } },
];

/** @returns what every reading command would print, one text for each */
export async function wholeHost(corpus: Corpus, templates: Templates, random: Random): Promise<readonly string[]> {
  const host = recordedFrom(spoilt(corpus, random));
  const options = pick(OPTIONS, random);
  const rules = options.strategy === 'reload';
  const facts = await gather(host, { sleep: async () => undefined, rules, diagnosis: random(2) === 0 });
  return [...reports(facts, facts), ...shownPlan(facts, options, templates)];
}

type Templates = Parameters<typeof planFor>[2]['templates'];

const now = new Date('2026-11-24T06:00:00.000Z');

function reports(facts: Facts, { lastChange }: Facts): readonly string[] {
  const findings = lastChange === undefined ? [] : checkTargets(facts, lastChange).findings;
  const status = statusOf(facts, { version: '0', now, sizing: size(facts, {}), changes: [], findings });
  return [
    statusText(status, VIEW),
    prometheusText(status),
    json(facts),
    doctorText({ facts, diagnosis: diagnose(facts) }, VIEW),
  ];
}

function shownPlan(facts: Facts, options: PlanOptions, templates: Templates): readonly string[] {
  try {
    const report = { ...planFor(facts, options, { templates, version: '0' }), now };
    return [planText(report, VIEW), planMarkdown(report)];
  } catch (error) {
    if (!(error instanceof CtfixError)) throw error;
    return [errorText(error, '').text];
  }
}

function spoilt(corpus: Corpus, random: Random): Recording {
  const base = pick(corpus.hosts, random);
  const files = { ...base.files };
  const commands = { ...base.commands };
  const others = corpus.of('sysctl');
  for (let left = random(4); left > 0; left -= 1) {
    const [place, seeds] = pick(PLACES, random);
    files[place.replace('*', pick(NAMES, random))] = mutated(corpus.of(seeds), others, random);
  }
  for (let left = random(3); left > 0; left -= 1) {
    const path = pick(Object.keys(files), random);
    files[path] = mutated([files[path] ?? ''], others, random);
  }
  const words = Object.keys(commands);
  if (words.length > 0 && random(2) === 0) {
    const one = pick(words, random);
    const before = commands[one] ?? { code: 0, stdout: '', stderr: '' };
    commands[one] = { ...before, code: random(3), stdout: mutated([before.stdout], others, random) };
  }
  return { ...base, root: random(2) === 0, files, commands };
}
