/** What a signal means while a change is made or taken back. */

/**
 * `after-step`: the change stops after the step that runs and goes back. `hangup-goes-on`: the same, but for a terminal
 * that goes away. `goes-on`: what takes back or confirms is not stopped half-way; it goes on to its end.
 */
export type SignalWay = 'after-step' | 'hangup-goes-on' | 'goes-on';

/** The process, as far as signals go. */
export type Signalled = {
  on(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', heard: () => void): unknown;
  /** one line for a person */
  note(text: string): void;
  /** ends the process with the code for what could not finish */
  exit(): void;
};

const SAYS: Readonly<Record<SignalWay, string>> = {
  'after-step': 'stopping after this step; a second signal stops at once, and ctfix rollback clears up then',
  'hangup-goes-on': 'stopping after this step; a second signal stops at once, and ctfix rollback clears up then',
  'goes-on': 'this goes on to its end; a second signal stops it at once, and ctfix rollback goes on with it then',
};

/**
 * From here on the first signal is told and remembered, and the second ends the process: the journal tells the rest.
 * @returns whether a signal came
 */
export function catchSignals(way: SignalWay, { on, note, exit }: Signalled): () => boolean {
  let heard = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    on(signal, () => {
      if (signal === 'SIGHUP' && way !== 'after-step') return;
      if (heard) exit();
      else note(`ctfix: ${SAYS[way]}\n`);
      heard = true;
    });
  }
  return () => heard;
}
