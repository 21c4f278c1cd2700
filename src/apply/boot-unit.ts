/**
 * The unit that takes an unfinished or unconfirmed change back at the next boot: there before the first effect of a
 * change, gone when the change is complete.
 */
import { posix } from 'node:path';
import type { Host } from '../host/host.ts';
import { fill } from '../template.ts';
import type { Recovery } from './outcome.ts';
import { whyNotAtBoot } from './program.ts';

const NAME = 'ctfix-recover.service';
const UNIT = `/etc/systemd/system/${NAME}`;
/** What `systemctl enable` makes of WantedBy=sysinit.target; read by systemd at boot, so that no reload of it is needed. */
const LINK = `/etc/systemd/system/sysinit.target.wants/${NAME}`;

/**
 * Writes and enables the unit, both durable when this returns.
 * @returns why this host goes without it; undefined when it is in place
 * @throws HostError when it cannot be written
 */
export async function placeBootUnit(host: Host, recovery: Recovery): Promise<string | undefined> {
  const reason = await whyNotAtBoot(host, recovery.argv);
  if (reason !== undefined) return reason;
  const programs = recovery.argv.filter((word) => word.startsWith('/'));
  const command = [...recovery.argv, 'recover', '--boot'].join(' ');
  await host.replaceFile(UNIT, {
    text: fill(recovery.unit, { program: programs.join(' '), command }),
    mode: 0o644,
  });
  await host.replaceLink(LINK, UNIT);
  return undefined;
}

/** Removes link and unit, and the directory of the link when nothing else is in it, as `systemctl disable` does. */
export async function removeBootUnit(host: Host): Promise<void> {
  if ((await host.stat(LINK)) !== undefined) await host.replaceLink(LINK, undefined);
  if ((await host.stat(UNIT)) !== undefined) await host.replaceFile(UNIT, undefined);
  const dir = posix.dirname(LINK);
  if ((await host.stat(dir)) === undefined || (await host.readDir(dir)).length > 0) return;
  await host.replaceFile(dir, undefined);
}
