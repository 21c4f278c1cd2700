/** The module's option: hashsize in modprobe.d, so that every load has the buckets from its start. Pure. */
import { baseName, type Clash, type FileEdit, settle } from './conflicts.ts';
import { withHashsize, withRepairedHashsize } from './drop-ins.ts';
import { compareBytes } from './facts/dropins.ts';
import { roundBuckets } from './kernel.ts';
import type { Facts, Problem, Refusal } from './model.ts';
import { OWN, placeOf } from './own.ts';
import { fill, type Templates } from './template.ts';

export type Files = {
  readonly edits: readonly FileEdit[];
  readonly refusals: readonly Refusal[];
  readonly unchanged: readonly { readonly item: string; readonly why: string }[];
};

/** What it takes that the next load gets `buckets`. */
export function modprobeFiles(facts: Facts, buckets: number, templates: Templates, takeOver: boolean): Files {
  const cmdline = cmdlineRefusals(facts, buckets);
  const broken = brokenLines(facts, buckets).filter(({ file }) => file !== OWN.modprobe);
  const winner = facts.config.modprobe.findLast((line) => line.directive === 'options' && line.hashsize !== undefined);
  const right = winner?.hashsize !== undefined && roundBuckets(winner.hashsize, facts.machine) === buckets;
  const own = brokenOwn(facts, takeOver);
  if (right && winner !== undefined && own.lines.length === 0) {
    const unchanged = [{ item: 'module option hashsize', why: `${placeOf(winner)} asks for it already` }];
    const { edits, refusals } = settle(facts, broken, takeOver);
    return { edits, refusals: [...cmdline, ...own.refusals, ...refusals], unchanged };
  }
  const later = laterLine(facts, buckets);
  // Together: one line can be broken and win, and a file is written once.
  const { edits, refusals } = settle(facts, [...broken, ...later], takeOver);
  // A line of ours goes along, so that it asks for nothing else than the one that counts.
  const asks = facts.config.modprobe.some(({ file, hashsize }) => file === OWN.modprobe && hashsize !== undefined);
  const ours = takeOver && later.length > 0 && !asks ? [] : ownEdit(facts, buckets, templates, own.lines);
  return { edits: [...edits, ...ours], refusals: [...cmdline, ...own.refusals, ...refusals], unchanged: [] };
}

function ownEdit(facts: Facts, buckets: number, templates: Templates, broken: readonly number[]): FileEdit[] {
  const before = facts.config.own[OWN.modprobe];
  const why = `the module is loaded with ${buckets} buckets, whoever loads it`;
  if (before === undefined) {
    return [{ path: OWN.modprobe, before, after: fill(templates.modprobe, { hashsize: String(buckets) }), why }];
  }
  const repaired = broken.reduce((text, line) => withRepairedHashsize(text, line, buckets), before);
  const after = withHashsize(repaired, buckets);
  return after === before ? [] : [{ path: OWN.modprobe, before, after, why }];
}

/** The command line is handed to the module after every file. */
function cmdlineRefusals({ config, machine }: Facts, buckets: number): Refusal[] {
  const { cmdlineHashsize } = config;
  if (cmdlineHashsize === undefined || roundBuckets(cmdlineHashsize, machine) === buckets) return [];
  return [
    {
      code: 'cmdline-hashsize',
      what: `nf_conntrack.hashsize=${cmdlineHashsize} on the kernel command line would win over ${buckets}: it beats every file`,
      remedy: `set nf_conntrack.hashsize=${buckets} in the boot loader (GRUB_CMDLINE_LINUX), or take it out, and reboot`,
      file: '/proc/cmdline',
    },
  ];
}

/** The line of a file that modprobe reads after ours, where it wins with another value. */
function laterLine({ config, machine }: Facts, buckets: number): Clash[] {
  const line = config.modprobe.findLast(
    ({ directive, hashsize, file }) =>
      directive === 'options' && hashsize !== undefined && compareBytes(baseName(file), baseName(OWN.modprobe)) > 0,
  );
  if (line?.hashsize === undefined || roundBuckets(line.hashsize, machine) === buckets) return [];
  return [
    {
      code: 'later-modprobe',
      file: line.file,
      line: line.line,
      what: `hashsize=${line.hashsize} would win over ${buckets}: modprobe reads it after ours, and the last one counts`,
      wanted: String(buckets),
      setting: `hashsize=${buckets}`,
    },
  ];
}

/** Lines with which the module cannot be loaded, or not as they read. */
function brokenLines({ problems }: Facts, buckets: number): Clash[] {
  return problems.filter(isBroken).map(({ file, line = 1, what }) => ({
    code: 'broken-modprobe',
    file,
    line,
    what,
    wanted: String(buckets),
    setting: `hashsize=${buckets} (no spaces, no CR)`,
  }));
}

function isBroken({ file, line }: Problem): boolean {
  return line !== undefined && /\/modprobe\.d\/[^/]+$/.test(file);
}

/** Broken lines of the file that we edit anyway: repaired on request, refused else. */
function brokenOwn(facts: Facts, takeOver: boolean): { lines: readonly number[]; refusals: readonly Refusal[] } {
  const found = facts.problems.filter(({ file }) => file === OWN.modprobe);
  const lines = [...new Set(found.filter(isBroken).map(({ line = 1 }) => line))];
  const unread = found.filter(({ line }) => line === undefined);
  const refused = takeOver ? unread : found;
  return {
    lines: takeOver ? lines : [],
    refusals: refused.map(({ file, line, what }) => ({
      code: 'broken-modprobe',
      what,
      remedy:
        line === undefined
          ? `make ${file} a readable text file, or move it away`
          : `write it as "options nf_conntrack hashsize=N", without spaces around the "=" and with LF alone; --take-over repairs the line`,
      file,
      ...(line === undefined ? {} : { line }),
    })),
  };
}
