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
  /** ends the process with the code for what could not finish, or for what was never begun */
  exit(begun: boolean): void;
};

const SAYS: Readonly<Record<SignalWay, string>> = {
  'after-step': 'stopping after this step; a second signal stops at once, and ctfix rollback clears up then',
  'hangup-goes-on': 'stopping after this step; a second signal stops waiting, and ctfix history tells how it ended',
  'goes-on': 'this goes on to its end; a second signal stops it at once, and the same command goes on with it then',
};
const BEFORE = 'stopping before anything is changed; a second signal stops at once';

/**
 * From here on the first signal is told and remembered, and the second ends the process: the journal tells the rest.
 * @param hasBegun false: there is nothing in a journal yet, and nothing to clear up
 * @returns whether a signal came
 */
export function catchSignals(way: SignalWay, hasBegun: () => boolean, { on, note, exit }: Signalled): () => boolean {
  let heard = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    on(signal, () => {
      if (signal === 'SIGHUP' && way !== 'after-step') return;
      const begun = hasBegun();
      if (!heard) note(`ctfix: ${begun ? SAYS[way] : BEFORE}\n`);
      else {
        if (!begun) note('ctfix: stopped; nothing was changed\n');
        exit(begun);
      }
      heard = true;
    });
  }
  return () => heard;
}
