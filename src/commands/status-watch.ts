/** `ctfix status --watch`: the table look by look, until it is ended; no child process, three small files for a look. */
import { CtfixError, EXIT } from '../errors.ts';
import { COUNTERS, someCounters } from '../facts/counters.ts';
import { NETFILTER, sizeOf } from '../facts/table.ts';
import type { ReadHost } from '../host/host.ts';
import type { Terminal, Woken } from '../host/screen.ts';
import { known, type Maybe } from '../model.ts';
import type { View } from '../render/paint.ts';
import { watchScreen } from '../render/watch.ts';
import { planPeak, watchEnd, watchJson, watchLine } from '../render/watch-log.ts';
import { nextLook, type Sample, WATCHED_COLUMNS, type Watched, watched } from '../watch.ts';
import type { CommonFlags, Deps } from './deps.ts';

const COUNT = `${NETFILTER}/nf_conntrack_count`;
const MAX = `${NETFILTER}/nf_conntrack_max`;

/** `watch`: seconds between two looks. */
export type WatchFlags = CommonFlags & { readonly root?: string; readonly output: string; readonly watch: number };

/**
 * Watches until a key, a signal or a reader that went away ends it.
 * @returns 0, or 1 where the answer could not be written
 * @throws CtfixError usage: below `--root` there is nothing to watch, and what is no line a look is no format here
 */
export async function watch(flags: WatchFlags, deps: Deps): Promise<number> {
  if (flags.root !== undefined) {
    throw new CtfixError('usage', '--watch looks at a running kernel; below --root there is none');
  }
  if (!['text', 'json'].includes(flags.output)) {
    throw new CtfixError('usage', `--watch has no answer in the form ${flags.output}; allowed are text and json`);
  }
  const terminal = await deps.openTerminal(flags.output === 'text');
  try {
    const host = await deps.look(terminal.inPlace ? {} : flags);
    const show = showing(terminal, flags, deps.view('stdout', flags));
    const { state, why } = await watching(host, terminal, flags.watch, show, deps);
    await terminal.close();
    sayEnd(state, terminal, flags, deps);
    return why === 'failed' ? EXIT.failed : EXIT.ok;
  } finally {
    await terminal.close();
  }
}

/** Looks at times that are counted from the first one, so that they do not drift; those that were missed are left out. */
async function watching(
  host: ReadHost,
  terminal: Terminal,
  interval: number,
  show: (state: Watched) => void,
  deps: Deps,
): Promise<{ readonly state: Watched; readonly why: Woken }> {
  const step = interval * 1000;
  const began = terminal.clock();
  let due = 0;
  let state = watched(await sample(host, terminal, deps), interval);
  show(state);
  for (;;) {
    due = Math.max(due, Math.floor((terminal.clock() - began) / step)) + 1;
    const why = await onTime(began + step * due, terminal, () => show(state));
    if (why !== 'time') return { state, why };
    state = nextLook(state, await sample(host, terminal, deps, state.now));
    show(state);
  }
}

/** Waits; a screen that changed meanwhile is drawn anew, without another look. */
async function onTime(until: number, terminal: Terminal, redraw: () => void): Promise<Woken> {
  for (;;) {
    const why = await terminal.wait(until);
    if (why !== 'resized') return why;
    if (terminal.inPlace) redraw();
  }
}

/** How a look is shown: as a screen, a line or an object. */
function showing(terminal: Terminal, flags: WatchFlags, view: View): (state: Watched) => void {
  if (terminal.inPlace) {
    const hint = terminal.keys ? 'q ends' : 'Ctrl-C ends';
    return (state) => terminal.draw(watchScreen(state, terminal.size(), view, hint));
  }
  return (state) => terminal.write(flags.output === 'json' ? watchJson(state) : watchLine(state));
}

/** The last screen stays to be read; a program that reads objects gets no other line. */
function sayEnd(state: Watched, terminal: Terminal, flags: WatchFlags, deps: Deps): void {
  if (flags.output === 'json') {
    if ((state.highest?.count ?? 0) > 0) deps.note(planPeak(state.highest?.count ?? 0));
    return;
  }
  const screen = terminal.inPlace ? watchScreen(state, terminal.size(), deps.view('stdout', flags)) : [];
  deps.write(screen.map((line) => `${line}\n`).join(''));
  deps.write(watchEnd(state));
}

async function sample(host: ReadHost, terminal: Terminal, deps: Deps, before?: Sample): Promise<Sample> {
  const texts = await Promise.all([textOf(host, COUNT), textOf(host, MAX), textOf(host, COUNTERS)]);
  const [count, max] = [numberOf(COUNT, texts[0]), numberOf(MAX, texts[1])];
  const loaded = count !== undefined || max !== undefined;
  const absent = { unknown: 'nf_conntrack is not loaded' };
  const counters = loaded ? countersOf(texts[2]) : absent;
  const now = { loaded, count: count ?? absent, max: max ?? absent, counters };
  return { at: terminal.clock(), time: deps.now(), ...now, load: await loadOf(host, now, before) };
}

/** A load of the module empties the table: while there are no fewer flows than before, it is the same one. */
async function loadOf(host: ReadHost, { count }: Pick<Sample, 'count'>, before?: Sample): Promise<number | undefined> {
  const [was, is] = [before === undefined ? undefined : known(before.count), known(count)];
  if (before !== undefined && was !== undefined && is !== undefined && is >= was && is > 0) return before.load;
  const stat = await host.stat('/sys/module/nf_conntrack').catch(() => undefined);
  return stat?.inode;
}

function numberOf(path: string, text: Maybe<string> | undefined): Maybe<number> | undefined {
  if (typeof text !== 'string') return text;
  return sizeOf(text.trim()) ?? { unknown: `${path} is not a number` };
}

function countersOf(text: Maybe<string> | undefined): Sample['counters'] {
  if (text === undefined) return { unknown: 'this kernel has no counters to read (CONFIG_NF_CONNTRACK_PROCFS)' };
  if (typeof text !== 'string') return text;
  return someCounters(text, WATCHED_COLUMNS) ?? { unknown: `${COUNTERS} is not in a form that is known` };
}

/** undefined where there is no such file. */
async function textOf(host: ReadHost, path: string): Promise<Maybe<string> | undefined> {
  try {
    return await host.readFile(path);
  } catch (error) {
    return { unknown: error instanceof Error ? error.message : `${path} cannot be read` };
  }
}
