/** Facts of recorded hosts, as they are or with something changed. */
import { join } from 'node:path';
import { gather } from '../../src/facts/gather.ts';
import { type Recording, readRecording, recordedFrom, recordedHost } from '../../src/host/recorded.ts';
import type { Facts } from '../../src/model.ts';

/** Of these only what a person is told is recorded: their other formats say nothing that another host's do not. */
export const BRIEF = ['aks-node', 'ec2-allowance', 'el7-iptables-unload', 'el9', 'k3s', 'rhel8-tuned'];

const HOSTS = join(import.meta.dirname, '../hosts');
export const folder = (name: string) => join(HOSTS, name);
export const sleep = async () => {};
export const facts = (name: string) => gather(recordedHost(folder(name)), { sleep });
/** A recorded host with other files; undefined takes one away. */
export const changed = (name: string, more: Recording) => {
  const base = readRecording(folder(name));
  const merge = <T>(a: T | undefined, b: T | undefined) => ({ ...a, ...b }) as T;
  return recordedFrom({
    ...base,
    files: merge(base.files, more.files),
    links: merge(base.links, more.links),
    stats: merge(base.stats, more.stats),
    errors: merge(base.errors, more.errors),
    commands: merge(base.commands, more.commands),
  });
};
export const owner = (found: Facts, name: string) => found.firewalls.find((each) => each.name === name);
