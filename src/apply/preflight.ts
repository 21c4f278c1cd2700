/** What can be known beforehand to keep a change from finishing: looked for before anything is touched. */

import { posix } from 'node:path';
import { argvOf } from '../command.ts';
import { HostError } from '../errors.ts';
import { mountOf, parseMounts } from '../facts/mounts.ts';
import type { FileStat, ReadHost } from '../host/host.ts';
import type { Action, HostCommand, Plan } from '../model.ts';
import { isInstalled, PROGRAM_DIRS } from '../programs.ts';
import type { OutcomeLine } from './outcome.ts';
import { follow } from './way.ts';

/** Far more than a journal and a few drop-ins need, the copies of an atomic replacement included. */
const SPACE_KIB = 1024;

/** One `refused` line for each obstacle; none means that the change can be begun. Reads only. */
export async function preflight(plan: Plan, stateDir: string, host: ReadHost): Promise<OutcomeLine[]> {
  const paths = plan.actions.flatMap((action) => ('path' in action ? [action.path] : []));
  const files = plan.actions.flatMap((action) => (action.do === 'write-file' ? [action.path] : []));
  return [
    ...(await readOnlyPlaces(host, [...paths, stateDir])),
    ...(await oddFiles(host, files)),
    ...(await fullPlaces(host, [stateDir, ...files.map((path) => posix.dirname(path))])),
    ...(await missingPrograms(host, plan)),
    ...(await poorCopy(host, plan)),
  ];
}

const refused = (item: string, text: string): OutcomeLine => ({ kind: 'refused', item, text });

async function readOnlyPlaces(host: ReadHost, paths: readonly string[]): Promise<OutcomeLine[]> {
  const mounts = parseMounts((await readIfThere(host, '/proc/mounts')) ?? '');
  return paths.flatMap((path) => {
    const mount = mountOf(mounts, path);
    if (mount === undefined || !mount.readOnly) return [];
    const remedy = 'mount it for writing; in a container, run ctfix on the host itself';
    return [refused(path, `${path} cannot be written: ${mount.at} is mounted read-only; ${remedy}`)];
  });
}

async function readIfThere(host: ReadHost, path: string): Promise<string | undefined> {
  try {
    return await host.readFile(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

/** What the write itself would refuse (src/host/replace.ts), told before anything is touched. */
async function oddFiles(host: ReadHost, files: readonly string[]): Promise<OutcomeLine[]> {
  const lines: OutcomeLine[] = [];
  for (const path of files) {
    const way = await follow(host, path, host.kind === 'live' ? judgeWay : () => undefined);
    const why = 'why' in way ? way.why : oddFile(way.real, await host.stat(way.real), host);
    if (why !== undefined) lines.push(refused(path, why));
  }
  return lines;
}

function oddFile(path: string, stat: FileStat | undefined, { kind }: ReadHost): string | undefined {
  if (stat === undefined) return undefined;
  if (stat.kind !== 'file') return `${path} is not a regular file; move it away`;
  if (stat.links > 1)
    return `${path} has ${stat.links} names (hard links), which a replacement would part; make it a file of its own`;
  if (stat.uid === 0 || kind !== 'live') return undefined;
  return `${path} belongs to the user with id ${stat.uid}, who can change it at any time; chown root it`;
}

/** Whoever can change a directory or a link on the way can have root write somewhere else. */
function judgeWay(path: string, { kind, uid, gid, mode }: FileStat): string | undefined {
  if (kind !== 'dir' && kind !== 'link') return undefined;
  const what = `${path} is not safe to write through as root: the ${kind === 'dir' ? 'directory' : 'link'}`;
  if (uid !== 0) return `${what} belongs to the user with id ${uid}; chown -h root it`;
  if (kind === 'link' || (mode & 0o1000) !== 0) return undefined;
  if ((mode & 0o002) !== 0) return `${what} can be written by everybody; chmod o-w it`;
  if ((mode & 0o020) !== 0 && gid !== 0) return `${what} can be written by the group with id ${gid}; chmod g-w it`;
  return undefined;
}

/** statfs(2) through stat(1): free blocks, block size, inodes in all (0 where the file system has no such limit), free. */
async function fullPlaces(host: ReadHost, dirs: readonly string[]): Promise<OutcomeLine[]> {
  const lines: OutcomeLine[] = [];
  for (const dir of new Set(await Promise.all(dirs.map((each) => existing(host, each))))) {
    const { code, stdout } = await host.run(['stat', '-f', '-c', '%f %S %c %d', '--', dir]);
    const [blocks, size, inodes, free] = stdout.trim().split(' ').map(Number);
    if (code !== 0 || blocks === undefined || size === undefined) continue;
    const full = (blocks * size) / 1024 < SPACE_KIB || (inodes !== undefined && inodes > 0 && free === 0);
    if (full) lines.push(refused(dir, `the file system of ${dir} is full; free at least ${SPACE_KIB} KiB there`));
  }
  return lines;
}

async function existing(host: ReadHost, dir: string): Promise<string> {
  return dir === '/' || (await host.stat(dir)) !== undefined ? dir : existing(host, posix.dirname(dir));
}

/**
 * A file that is there keeps owner, mode, attributes and label by cp(1) of GNU coreutils or one that does the same, in
 * its help as well; the cp of busybox knows nothing of it.
 */
async function poorCopy(host: ReadHost, plan: Plan): Promise<OutcomeLine[]> {
  const edited = plan.actions.find((action) => action.do === 'write-file' && action.before !== undefined);
  if (edited === undefined || !('path' in edited)) return [];
  const { stdout, stderr } = await host.run(['cp', '--help']);
  if (`${stdout}${stderr}`.includes('--attributes-only')) return [];
  const text = `the cp of this system cannot keep the attributes of ${edited.path}; install coreutils, or move the file away`;
  return [refused(edited.path, text)];
}

async function missingPrograms(host: ReadHost, plan: Plan): Promise<OutcomeLine[]> {
  const lines: OutcomeLine[] = [];
  for (const program of new Set(
    plan.actions.flatMap((each) => commandsOf(plan, each)).map((command) => argvOf(command)[0]),
  )) {
    if (!(await isInstalled(host, program))) {
      lines.push(
        refused(program, `${program} is needed for this and is not there (looked in ${PROGRAM_DIRS.join(', ')})`),
      );
    }
  }
  return lines;
}

function commandsOf(plan: Plan, action: Action): HostCommand[] {
  if (action.do === 'refresh') return [action.command];
  // Files alone do nothing where nothing can load the module with them.
  const persists = plan.strategy.taken === 'persist' && action.do === 'write-file';
  if (persists && action.path.includes('/modprobe.d/')) return [{ module: 'load', name: 'nf_conntrack' }];
  if (action.do !== 'reload') return [];
  const { step } = action;
  if (step.step === 'load' || step.step === 'unload') return [{ module: step.step, name: step.module }];
  return step.step === 'start' || step.step === 'stop' ? [{ unit: step.step, name: step.unit }] : [];
}
