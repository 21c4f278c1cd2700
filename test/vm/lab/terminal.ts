// A person of the peer with a terminal, a real ssh session in it, and a command that runs there.
import type { Guest } from '../guest.ts';
import { putProbe } from './exposure.ts';
import { HOST4 } from './peer.ts';

const DIR = '/run/ctfix-test';
const KEYS = `${DIR}/terminal-keys`;
const SHOWN = `${DIR}/terminal-shown`;
export const CTRL = { c: '\\003', q: '\\021', s: '\\023' };

export type Terminal = {
  /** Presses a key of CTRL. */
  press(key: string): Promise<void>;
  /** All that the terminal has shown. */
  shown(): Promise<string>;
  /** kill -9 of the ssh client; returns when nothing of the session is left on the host. */
  breakOff(): Promise<void>;
  /** Waits for the command's exit code. */
  ended(limitMs: number): Promise<number>;
};

/** `ssh -tt USER@HOST COMMAND`, from the peer, on a terminal there. */
export async function openTerminal(vm: Guest, user: 'root' | 'admin', command: string): Promise<Terminal> {
  const probe = await putProbe(vm, 'terminal.py');
  await vm.sh(`mkdir -p ${DIR}; rm -f ${SHOWN}`);
  const ssh = `ssh -tt -o BatchMode=yes ${user}@${HOST4}`;
  const job = await vm.spawn(`exec ip netns exec peer python3 ${probe} ${KEYS} ${SHOWN} ${ssh} '${command}'`);
  const shown = async () => (await vm.get(SHOWN))?.toString() ?? '';
  return {
    press: async (key) => void (await vm.sh(`printf '${key}' >${KEYS}`)),
    shown,
    breakOff: async () => {
      await vm.sh(`kill -9 $(pgrep -f '^ssh -tt .*${user}@')`);
      await vm.waitFor(`! pgrep -f '^sshd: ${user}@pts'`, 'sshd has ended the session');
    },
    ended: (limitMs) => job.wait(limitMs),
  };
}
