// Brings promtool into build/ where it is missing, out of Debian's package prometheus: to install that would start a server.
// Prints its path. Ends with 1 and the reason on stderr where it cannot be had.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OURS = join(dirname(fileURLToPath(import.meta.url)), '../build/promtool');

const onPath = spawnSync('sh', ['-c', 'command -v promtool'], { encoding: 'utf8' }).stdout.trim();
const reason = onPath || existsSync(OURS) ? undefined : fetched();
if (reason === undefined) process.stdout.write(`${onPath || OURS}\n`);
else process.stderr.write(`no promtool: ${reason}\n`);
process.exitCode = reason === undefined ? 0 : 1;

/** Undefined once build/promtool is there, else why not. */
function fetched() {
  const dir = mkdtempSync(join(tmpdir(), 'ctfix-promtool-'));
  try {
    if (!downloaded(dir)) return 'apt-get cannot download the package prometheus';
    const deb = readdirSync(dir).find((name) => name.endsWith('.deb'));
    const unpack = `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" ./usr/bin/promtool`;
    if (!ran('sh', ['-c', unpack, 'sh', join(dir, deb), dir], dir)) return `${deb} holds no /usr/bin/promtool`;
    mkdirSync(dirname(OURS), { recursive: true });
    // Where /tmp is another file system a plain rename would fail.
    if (!ran('cp', [join(dir, 'usr/bin/promtool'), `${OURS}.new`], dir)) return 'build/ cannot be written';
    renameSync(`${OURS}.new`, OURS);
    return undefined;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** A fresh machine or container has sources but no lists yet; only root can fetch them. */
function downloaded(dir) {
  const download = () => ran('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', 'prometheus'], dir);
  return download() || (process.getuid() === 0 && ran('apt-get', ['-q', 'update'], dir) && download());
}

function ran(command, args, cwd) {
  return spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] }).status === 0;
}
