/**
 * Who would win over what ctfix writes, and the edits that `--take-over` makes of them. Pure.
 *
 * An edit sets the wanted value on the very line that wins and leaves everything around it: the file goes on saying who
 * asked for the key and why, which a line commented out would not. Files under /etc are edited in place (through a link,
 * where it leads); a vendor's file is hidden by a copy of the same name in /etc, which the loaders read instead
 * (sysctl.d(5), modprobe.d(5)).
 */
import { withRepairedHashsize, withValue } from './drop-ins.ts';
import { compareBytes } from './facts/dropins.ts';
import type { Facts, Refusal, SysctlLine } from './model.ts';
import { isAlias, ufwStarts } from './nextboot.ts';
import { OWN, placeOf } from './own.ts';
import { remedyFor, ufwSetting } from './owners.ts';

/** A line that would win, and the value that it should have. */
export type Clash = {
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly wanted: string;
  /** what a line without --take-over is told to become */
  readonly setting: string;
  /** the sysctl key, where it is one */
  readonly key?: string;
};

/** A file with another text; `before` undefined: there is none yet. */
export type FileEdit = {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
  readonly why: string;
};

/** A key and whether a value of a line is the wanted one. */
export type Wanted = { readonly key: string; readonly value: string; wants(value: string): boolean };

/** Whether a line of another file comes after ours; /etc/sysctl.conf is last for procps, whatever its name. */
function comesLater(file: string, ours: string): boolean {
  return file === '/etc/sysctl.conf' || compareBytes(baseName(file), baseName(ours)) > 0;
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** An explicit line always goes before a pattern such as net.netfilter.*, wherever it stands. */
function isPattern({ raw }: SysctlLine): boolean {
  return /[*?[]/.test(raw.split('=', 1)[0] ?? '');
}

/** The line that wins a key now, for systemd-sysctl and for `sysctl --system`. */
export function winners({ config }: Facts, key: string): (SysctlLine | undefined)[] {
  return [config.systemdSysctl, config.procpsSysctl].map((lines) => lines.findLast((line) => line.key === key));
}

/**
 * The lines of sysctl files that would win over ours with another value, for each of the two loaders: not only the last
 * one, so that the next one does not win when that is put right. systemd-sysctl writes the two spellings of max in the
 * order of their last change (sysctl.c), so with both of them any later line can win.
 */
export function fileClashes({ config }: Facts, { key, value, wants }: Wanted): Clash[] {
  const loaders: [readonly SysctlLine[], string][] = [
    [config.systemdSysctl, 'systemd-sysctl reads it after ours'],
    [config.procpsSysctl, '`sysctl --system` reads it after ours'],
  ];
  return loaders.flatMap(([lines, how]) => {
    const named = lines.filter((line) => line.key === key && !isPattern(line));
    const later = named.filter(({ file }) => file !== OWN.sysctl && comesLater(file, OWN.sysctl));
    const last = later.at(-1);
    const mixed = named.some(isAlias);
    if (last === undefined || (wants(last.value) && !mixed)) return [];
    return later.filter((line) => !wants(line.value)).map((line) => clash('later-sysctl', line, value, how));
  });
}

/**
 * Lines without a value (`-key`) in a later file: systemd-sysctl takes back every line of the key before them.
 * Source: sysctl.d(5). They set nothing, so they are known as problems only.
 */
export function exclusions({ problems }: Facts, { key }: Wanted): Refusal[] {
  return problems
    .filter(
      ({ file, what }) => what.startsWith(`keeps systemd-sysctl from setting ${key} `) && comesLater(file, OWN.sysctl),
    )
    .map(({ file, line, what }) => ({
      code: 'excluded-sysctl',
      what,
      remedy: `remove line ${line} of ${file}`,
      file,
      ...(line === undefined ? {} : { line }),
    }));
}

/** Programs that write the key when they start, with another value: ufw and tuned. */
export function ownerClashes(facts: Facts, { key, value, wants }: Wanted): Clash[] {
  const { ufwSysctl, tuned } = facts.config;
  const owners: [readonly SysctlLine[], string, string][] = [
    [ufwStarts(facts) ? ufwSysctl : [], 'ufw-sysctl', 'ufw applies it whenever it starts'],
    [tuned, 'tuned-profile', 'tuned applies it whenever it starts'],
  ];
  return owners.flatMap(([lines, code, how]) => {
    const line = lines.findLast((each) => each.key === key);
    return line === undefined || wants(line.value) ? [] : [clash(code, line, value, how)];
  });
}

function clash(code: string, { file, line, key, value }: SysctlLine, wanted: string, how: string): Clash {
  const what = `${key} = ${value} would win over ${wanted}: ${how}`;
  const setting = code === 'ufw-sysctl' ? ufwSetting(key, wanted) : `the value to ${wanted}`;
  return { code, file, line, what, wanted, setting, key };
}

/** The edits of the clashes where they are taken over, and a refusal for each one that is not or cannot be. */
export function settle(
  facts: Facts,
  clashes: readonly Clash[],
  takeOver: boolean,
): { readonly edits: readonly FileEdit[]; readonly refusals: readonly Refusal[] } {
  const edits = new Map<string, FileEdit>();
  const refusals = new Map<string, Refusal>();
  for (const clash of clashes) {
    const real = realPath(facts, clash.file);
    const place = placeFor(real, clash.file);
    const text = facts.config.texts?.[clash.file];
    if (place === undefined || text === undefined || !takeOver) {
      const refusal = refusalFor(clash, real, place !== undefined && text !== undefined);
      refusals.set(`${real}:${clash.line} ${clash.wanted}`, refusal);
      continue;
    }
    const copy = place !== real;
    const source = edits.get(place)?.after ?? (copy ? headed(clash.file, text) : text);
    const after = edited(clash, source, copy ? 1 : 0);
    const why = `${placeOf(clash)} would win with another value`;
    edits.set(place, { path: place, before: copy ? undefined : text, after, why });
  }
  return {
    edits: [...edits.values()].filter(({ before, after }) => before !== after),
    refusals: [...refusals.values()],
  };
}

function refusalFor(clash: Clash, real: string, possible: boolean): Refusal {
  const { code, what, line } = clash;
  return { code, what, remedy: remedyFor(clash, real, possible), file: real, line };
}

/** Where a link leads, else the path itself. */
function realPath({ config }: Facts, file: string): string {
  return config.links?.[file] ?? file;
}

/** Which file to write so that the line no longer counts; undefined where there is none. */
function placeFor(real: string, file: string): string | undefined {
  if (real.startsWith('/etc/')) return real;
  const [, family, name] =
    /^\/(?:usr\/lib|usr\/local\/lib|lib|run)\/(sysctl\.d|modprobe\.d)\/([^/]+)$/.exec(file) ?? [];
  return family === undefined ? undefined : `/etc/${family}/${name}`;
}

/** A copy says where it comes from, in a first line of its own. */
function headed(file: string, text: string): string {
  return `# Copy of ${file}, made by ctfix --take-over to change a value.\n${text}`;
}

/** @param shift by how many lines the text is longer than the file that the line numbers are of */
function edited({ code, line, wanted }: Clash, text: string, shift: number): string {
  if (code.includes('modprobe')) return withRepairedHashsize(text, line + shift, Number(wanted));
  return withValue(text, line + shift, wanted);
}
