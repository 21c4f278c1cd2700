/** Gives a host to a command that must not change anything. */
import type { Host, ReadHost } from './host.ts';

/** The same host with every mutation refused: reaching one is a bug of ours, whatever the input was. */
export function readOnly(inner: ReadHost): Host {
  const refuse = async (): Promise<never> => {
    throw new Error('bug: a read-only command tried to change the machine');
  };
  return { ...inner, replaceFile: refuse, replaceLink: refuse, writeValue: refuse, perform: refuse };
}
