/** The terminal, pipe or file that a command shows its going on to, and the ways in which a person or the system ends it. */
import { performance } from 'node:perf_hooks';

/** Why a wait is over: its time has come, the screen changed, the end was asked for, or nothing can be written any more. */
export type Woken = 'time' | 'resized' | 'ended' | 'failed';

export type Terminal = {
  /** the screen is drawn in place; otherwise what is written stays */
  readonly inPlace: boolean;
  /** a key ends it; false where nobody can press one */
  readonly keys: boolean;
  /** characters; 80 × 24 where the terminal does not say */
  size(): { readonly columns: number; readonly rows: number };
  /** milliseconds on a clock that nobody steps */
  clock(): number;
  /** Waits until the clock says `until`, or for one of the other ends. */
  wait(until: number): Promise<Woken>;
  /** Shows these lines and no others, without an empty moment between. Only where it is drawn in place. */
  draw(lines: readonly string[]): void;
  /** Adds to what was written; left out while a reader has 64 KiB and more to catch up on. */
  write(text: string): void;
  /** Gives the terminal back as it was. A reader that takes nothing for a second is not waited for. */
  close(): Promise<void>;
};

/** The other screen and no cursor (xterm control sequences, private modes 1049 and 25), and the way back. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J';
const LEAVE = '\x1b[?25h\x1b[?1049l';
/** q, Q, Ctrl-C, Ctrl-D, Ctrl-\: in raw mode the last ones are no signals. */
const END_KEYS = /[qQ\x03\x04\x1c]/;
const SUSPEND_KEY = '\x1a';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
const LAG = 64 * 1024;
const GRACE_MS = 1000;

type Ends = { readonly stdin: NodeJS.ReadStream; readonly stdout: NodeJS.WriteStream };
type Kind = Pick<Terminal, 'inPlace' | 'keys'>;

/**
 * Opens the terminal for drawing in place where stdout is one, for lines otherwise; until `close` signals only end the wait.
 * @param smart the terminal moves its cursor when told (TERM is not dumb), and is to do so
 */
export function openTerminal(ends: Ends, smart: boolean): Terminal {
  const { stdin, stdout } = ends;
  const inPlace = stdout.isTTY === true && smart;
  const kind = { inPlace, keys: inPlace && stdin.isTTY === true };
  const alarm = makeAlarm();
  const screen = makeScreen(ends, kind);
  const listening = listen(ends, kind, alarm, screen);
  screen.enter();
  return {
    ...kind,
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    clock: () => performance.now(),
    wait: alarm.wait,
    draw: screen.draw,
    write(text) {
      if (stdout.writableLength < LAG) stdout.write(text);
    },
    async close() {
      screen.leave();
      listening.stop();
      await drained(stdout);
    },
  };
}

type Alarm = { ring(why: Woken): void; wait(until: number): Promise<Woken> };

/** What was rung before somebody waited is kept: an end for ever, a change of the screen until it is told. */
function makeAlarm(): Alarm {
  let pending: Woken | undefined;
  let wake: (() => void) | undefined;
  return {
    ring(why) {
      if (pending === undefined || pending === 'resized') pending = why;
      wake?.();
    },
    async wait(until) {
      if (pending === undefined) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.max(0, until - performance.now()));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      const why = pending ?? 'time';
      if (why === 'resized') pending = undefined;
      return why;
    },
  };
}

type Screen = { enter(): void; leave(): void; draw(lines: readonly string[]): void; forget(): void };

/** Entering and leaving may be called again at any time: what is done already is not done twice. */
function makeScreen({ stdin, stdout }: Ends, { inPlace, keys }: Kind): Screen {
  let entered = false;
  let shown: readonly string[] = [];
  const raw = (on: boolean) => {
    if (!keys) return;
    try {
      stdin.setRawMode(on);
    } catch {
      // The terminal is gone: there is nothing to set.
    }
  };
  return {
    enter() {
      if (!inPlace || entered) return;
      entered = true;
      shown = [];
      raw(true);
      stdout.write(ENTER);
    },
    leave() {
      if (!entered) return;
      entered = false;
      stdout.write(LEAVE);
      raw(false);
    },
    draw(lines) {
      stdout.write(changes(shown, lines));
      shown = lines;
    },
    forget() {
      shown = [];
    },
  };
}

/** Only the lines that are new go over the wire: cursor position, the text, the rest of the line erased (ECMA-48). */
function changes(shown: readonly string[], lines: readonly string[]): string {
  const drawn = lines.map((line, at) => (line === shown[at] ? '' : `\x1b[${at + 1};1H${line}\x1b[K`));
  const below = shown.length === 0 || lines.length < shown.length ? `\x1b[${lines.length + 1};1H\x1b[J` : '';
  return drawn.join('') + below;
}

function listen({ stdin, stdout }: Ends, { inPlace, keys }: Kind, alarm: Alarm, screen: Screen): { stop(): void } {
  const end = () => alarm.ring('ended');
  const resized = () => {
    screen.forget();
    alarm.ring('resized');
  };
  /** A reader or terminal that went away is an end like another; a full disk is not. */
  const broken = ({ code }: NodeJS.ErrnoException) =>
    alarm.ring(code === 'EPIPE' || code === 'EIO' ? 'ended' : 'failed');
  const pressed = (bytes: Buffer) => {
    const text = bytes.toString('latin1');
    if (END_KEYS.test(text)) end();
    else if (text.includes(SUSPEND_KEY)) suspend(screen);
  };
  const back = () => {
    screen.enter();
    resized();
  };
  for (const signal of SIGNALS) process.on(signal, end);
  process.on('exit', screen.leave);
  stdout.on('error', broken).on('resize', resized);
  if (inPlace) process.on('SIGCONT', back);
  if (keys) stdin.on('data', pressed).on('end', end).on('error', end).resume();
  return {
    stop() {
      for (const signal of SIGNALS) process.off(signal, end);
      process.off('exit', screen.leave).off('SIGCONT', back);
      stdout.off('resize', resized);
      if (keys) stdin.off('data', pressed).off('end', end).pause();
    },
  };
}

/** As Ctrl-Z does without raw mode; SIGCONT brings the screen back. */
function suspend(screen: Screen): void {
  screen.leave();
  process.kill(process.pid, 'SIGTSTP');
}

/** A pipe that nobody reads would keep the process for ever. */
async function drained(stdout: NodeJS.WriteStream): Promise<void> {
  const limit = performance.now() + GRACE_MS;
  while (stdout.writableLength > 0 && !stdout.destroyed && performance.now() < limit) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (stdout.writableLength > 0 && !stdout.destroyed) process.exit();
}
