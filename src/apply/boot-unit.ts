/**
 * The unit that takes an unfinished or unconfirmed change back at the next boot: there before the first effect of a
 * change, gone when the change is complete.
 */
import { posix } from 'node:path';
import { HostError } from '../errors.ts';
import type { Host, ReadHost } from '../host/host.ts';
import { fill } from '../template.ts';
import type { Recovery } from './outcome.ts';
import { whyNotAtBoot } from './program.ts';

const NAME = 'ctfix-recover.service';
const UNIT = `/etc/systemd/system/${NAME}`;
/** What `systemctl enable` makes of WantedBy=sysinit.target; read by systemd at boot, so that no reload of it is needed. */
const LINK = `/etc/systemd/system/sysinit.target.wants/${NAME}`;

/** Says whose it is: a unit of a change that has no record was left by a ctfix that died before it began anything. */
const OWNER = '# For the change ';

/**
 * Writes and enables the unit, both durable when this returns.
 * @param id of the change that it is for
 * @returns why this host goes without it; undefined when it is in place
 * @throws HostError when it cannot be written
 */
export async function placeBootUnit(host: Host, recovery: Recovery, id: string): Promise<string | undefined> {
  const reason = await whyNotAtBoot(host, recovery.argv);
  if (reason !== undefined) return reason;
  const programs = recovery.argv.filter((word) => word.startsWith('/'));
  const command = [...recovery.argv, 'recover', '--boot'].join(' ');
  const unit = fill(recovery.unit, { program: programs.join(' '), command });
  await host.replaceFile(UNIT, { text: `${OWNER}${id}\n${unit}`, mode: 0o644 });
  await host.replaceLink(LINK, UNIT);
  return undefined;
}

/** What is there of the unit; `change`: whose it is, where that is certain. */
export type BootUnit = { readonly paths: readonly string[]; readonly change?: string };

/** The unit, its link and what a crash left half-written of either; undefined where there is nothing. Reads only. */
export async function bootUnit(host: ReadHost): Promise<BootUnit | undefined> {
  const link = (await host.stat(LINK))?.kind === 'link' ? [LINK] : [];
  // A link to /dev/null in its place is somebody's who has masked it.
  const unit = (await host.stat(UNIT))?.kind === 'file' ? [UNIT] : [];
  const half = [...(await halfWritten(host, posix.dirname(LINK))), ...(await halfWritten(host, posix.dirname(UNIT)))];
  const paths = [...link, ...unit, ...half];
  if (paths.length === 0) return undefined;
  const change = half.length === 0 && unit.length > 0 ? await ownerOf(host) : undefined;
  return { paths, ...(change !== undefined && { change }) };
}

async function halfWritten(host: ReadHost, dir: string): Promise<readonly string[]> {
  const names = await unlessHidden(host.readDir(dir), []);
  return names.filter((name) => /^\.ctfix-[0-9a-f]+\.tmp$/.test(name)).map((name) => posix.join(dir, name));
}

async function ownerOf(host: ReadHost): Promise<string | undefined> {
  const [first = ''] = ((await unlessHidden(host.readFile(UNIT), undefined)) ?? '').split('\n');
  return first.startsWith(OWNER) ? first.slice(OWNER.length) : undefined;
}

/** What cannot be read keeps no change from going back. */
async function unlessHidden<T>(look: Promise<T>, instead: T): Promise<T> {
  try {
    return await look;
  } catch (error) {
    if (error instanceof HostError) return instead;
    throw error;
  }
}

/**
 * Removes link and unit, what a crash left half-written of them, and the directory of the link when nothing else is in
 * it, as `systemctl disable` does.
 */
export async function removeBootUnit(host: Host): Promise<void> {
  for (const path of (await bootUnit(host))?.paths ?? []) {
    const isLink = (await host.stat(path))?.kind === 'link';
    await (isLink ? host.replaceLink(path, undefined) : host.replaceFile(path, undefined));
  }
  const dir = posix.dirname(LINK);
  if ((await host.stat(dir)) === undefined || (await host.readDir(dir)).length > 0) return;
  await host.replaceFile(dir, undefined);
}
