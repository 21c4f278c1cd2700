/** Who makes a change, and the line about it in the journal of the system. */
import { HostError } from '../errors.ts';
import type { Host, ReadHost } from '../host/host.ts';
import { type BeginLine, isKnown, type Maybe } from '../model.ts';

/** (uid_t)-1: no login stands behind this process (a boot service, cron of some systems). */
const NO_LOGIN = '4294967295';

/**
 * `NAME (login uid N)`: the user who logged in, whatever su and sudo made of him since (/proc/PID/loginuid, proc(5));
 * `root, no login` for a service. Never from the environment.
 */
export async function whoIs(host: ReadHost): Promise<string> {
  const uid = (await readOrNothing(host, '/proc/self/loginuid'))?.trim();
  if (uid === undefined || uid === NO_LOGIN || !/^\d+$/.test(uid)) return 'root, no login';
  const users = ((await readOrNothing(host, '/etc/passwd')) ?? '').split('\n').map((line) => line.split(':'));
  const name = users.find((fields) => fields[2] === uid)?.[0];
  return name === undefined ? `login uid ${uid}` : `${name} (login uid ${uid})`;
}

/** Tells the system's journal who did what and how it ended; false when that did not work. */
export async function logChange(host: Host, { id, plan }: BeginLine, outcome: string): Promise<boolean> {
  const { present, targets } = plan.sizing;
  const from = (value: Maybe<number>) => (isKnown(value) ? value : 'unknown');
  const max = `max ${from(present.max)} -> ${targets.max}`;
  const buckets = `buckets ${from(present.buckets)} -> ${targets.buckets}`;
  const what = `${plan.strategy.taken}, ${max}, ${buckets}`;
  const { code } = await host.perform({ log: `change ${id} (${what}) by ${await whoIs(host)}: ${outcome}` });
  return code === 0;
}

async function readOrNothing(host: ReadHost, path: string): Promise<string | undefined> {
  try {
    return await host.readFile(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}
