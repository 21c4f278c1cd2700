/** What a command needs from the outside; cli.ts makes it once, tests make their own. Types only. */
import type { Recovery } from '../apply/outcome.ts';
import type { Ask } from '../ask.ts';
import type { Host, ReadHost } from '../host/host.ts';
import type { Terminal } from '../host/screen.ts';
import type { SignalWay } from '../host/signals.ts';
import type { View } from '../render/paint.ts';
import type { Templates } from '../template.ts';

/** Flags that every command has. */
export type CommonFlags = { readonly color: boolean; readonly verbose?: boolean };

/** Which host is looked at: this machine, or the tree below `root`. */
type Where = { readonly root?: string; readonly verbose?: boolean };

export type Deps = {
  /** a host that can only be read; with `verbose` every look at it is told on stderr */
  look(where: Where): Promise<ReadHost>;
  /** this machine, to be changed */
  change(where: { readonly verbose?: boolean }): Promise<Host>;
  readonly ask: Ask;
  /** the product, to stdout */
  write(text: string): void;
  /** the conversation, to stderr */
  note(text: string): void;
  view(stream: 'stdout' | 'stderr', flags: CommonFlags): View;
  now(): Date;
  sleep(ms: number): Promise<void>;
  /** a person can be asked: stdin and stderr are terminals */
  interactive(): boolean;
  /** what somebody gives to stdin, as it comes */
  input(): AsyncIterable<Uint8Array>;
  /** stderr is a terminal: somebody may be watching */
  watched(): boolean;
  /** for a command that goes on until it is ended; `inPlace`: it would like to draw on a terminal */
  openTerminal(inPlace: boolean): Promise<Terminal>;
  /**
   * from this call on a signal only sets the flag that the result tells; a second one ends the process, as failed where
   * nothing has begun and as stuck otherwise
   */
  catchSignals(way: SignalWay, hasBegun?: () => boolean): () => boolean;
  readonly isRoot: boolean;
  /** what root runs later, when this process is gone */
  recovery(): Recovery;
  readonly templates: Templates;
  readonly version: string;
  /** where journals and state are kept */
  readonly stateDir: string;
  /** the lock, which one ctfix at a time has */
  readonly lockPath: string;
};
