/** The way back on a file system for the records that is full or read-only since the change was begun. */
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { program } from '../support/program.ts';
import { tree } from '../support/tree.ts';

const canMount = spawnSync('unshare', ['-m', '--propagation', 'private', 'true']).status === 0;

const SOURCE = `
  import { execFileSync } from 'node:child_process';
  import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
  import { apply } from './src/apply/apply.ts';
  import { confirm } from './src/apply/confirm.ts';
  import { MOTD } from './src/apply/net.ts';
  import { recoverAtBoot, recoverKilled, revertUnconfirmed } from './src/apply/recover.ts';
  import { rollback } from './src/apply/rollback.ts';
  import { OWN } from './src/own.ts';
  import { depsFor, FOREIGN, growActions, look, planOf } from './test/support/changes.ts';
  import { memoryHost } from './test/support/memory-host.ts';

  const [dir, how, disk] = process.argv.slice(2);
  const state = dir + '/ctfix';
  const id = '20261124-054512-aaaa';
  const mount = (...words) => execFileSync('mount', words);
  mkdirSync(state);
  mount('-t', 'tmpfs', '-o', 'size=128k,mode=755', 'none', state);

  const memory = memoryHost({ [OWN.modprobe]: FOREIGN });
  const run = memory.host.run;
  memory.host.run = async (argv, options) =>
    argv[0] === 'systemctl' ? { code: 0, stdout: 'systemd 252 (x)\\n', stderr: '' } : run(argv, options);
  const targets = { max: 131072, buckets: 131072, values: {} };
  const plan = planOf(memory, targets, growActions(memory, targets));
  const before = memory.snapshot();
  const facts = await look(memory.host);
  const isBack = () => {
    memory.files.delete(MOTD);
    const { max, buckets } = memory.kernel;
    return JSON.stringify([memory.snapshot(), max, buckets]) === JSON.stringify([before, 65536, 65536]);
  };
  const within = how === 'unconfirmed' ? { confirmWithin: 600 } : {};
  const deps = (host = memory.host) =>
    depsFor(host, state, plan, { survey: async () => ({ facts: await look(memory.host), plan }), id, lockPath: (disk === 'full' ? state : dir) + '/lock', ...within });

  const die = { ...memory.host, writeValue: (path, value) => /_max$/.test(path) ? new Promise(() => {}) : memory.host.writeValue(path, value) };
  const dies = how === 'killed' || how === 'boot' || how === 'person';
  const wait = new Promise((resolve) => setTimeout(resolve, 500));
  await Promise.race([apply(plan, facts, deps(dies ? die : memory.host)), wait]);
  memory.restart();
  if (how === 'boot') memory.boot({ max: 65536, buckets: 65536 });
  if (how === 'unconfirmed') memory.files.set('/proc/uptime', { text: '9000.00 0\\n', mode: 0o444 });
  const begun = !isBack();

  // A file in memory grows into the rest of its last page: there is none.
  const journal = state + '/journal/' + id + '.jsonl';
  const text = readFileSync(journal, 'utf8');
  writeFileSync(journal, '{' + ' '.repeat(4096 - (Buffer.byteLength(text) % 4096)) + text.slice(1));
  const fill = () => {
    for (const size of [65536, 4096]) for (;;) {
      try { writeFileSync(state + '/fill', Buffer.alloc(size), { flag: 'a' }); } catch { break; }
    }
  };
  if (disk === 'full') fill();
  else {
    mount('--bind', state, state);
    mount('-o', 'remount,bind,ro', state);
  }

  const recover = {
    killed: () => recoverKilled(id, deps()),
    boot: () => recoverAtBoot(deps()),
    unconfirmed: () => revertUnconfirmed(id, deps()),
    person: async () => [{ outcome: await rollback(undefined, deps()) }],
    rollback: async () => [{ outcome: await rollback(undefined, deps()) }],
  }[how];
  const [{ outcome }] = await recover();
  const told = (memory.files.get(MOTD)?.text ?? '') + memory.performed.flatMap((one) => one.wall ?? []).join();
  const answer = { begun, exit: outcome.exit, id: outcome.id, lines: outcome.lines.map((line) => line.text), told, back: isBack() };
  answer.confirmed = await confirm(deps()).then(({ exit }) => exit, (error) => error.exit);
  memory.restart();
  answer.full = (await rollback(undefined, deps())).exit;

  if (disk === 'full') rmSync(state + '/fill');
  else execFileSync('umount', ['-l', state]);
  memory.restart();
  answer.later = (await rollback(undefined, deps())).exit;
  answer.still = isBack();
  answer.closed = JSON.parse(readFileSync(state + '/state.json', 'utf8')).changes.map((change) => change.outcome);
  answer.left = readdirSync(state).sort();
  answer.next = (await apply(plan, facts, { ...deps(), id: '20261124-060000-aaaa', confirmWithin: undefined })).exit;
  console.log(JSON.stringify(answer));`;

describe.runIf(canMount).each(['full', 'read-only'])('%s', (disk) => {
  test.each(['killed', 'boot', 'unconfirmed', 'person', 'rollback'])(
    '%s: all goes back, what could not be recorded is said, and is recorded later',
    (how) => {
      const argv = ['-m', '--propagation', 'private', process.execPath, program(SOURCE), tree(), how, disk];
      const said = JSON.parse(
        execFileSync('unshare', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
      );
      expect(said).toMatchObject({ begun: true, exit: 'ok', id: '20261124-054512-aaaa', back: true });
      const why =
        disk === 'full'
          ? /record .*could not be written: .*no space left/
          : /record .*could not be written: .*read-only/;
      expect(said.lines).toContainEqual(expect.stringMatching(why));
      expect(said.lines).toContainEqual(expect.stringMatching(/ctfix rollback 20261124-054512-aaaa again/));
      if (['killed', 'boot', 'unconfirmed'].includes(how))
        expect(said.told).toMatch(/was taken back: .*ctfix rollback .* again/s);
      if (how !== 'rollback') expect(said.confirmed).toBe('failed');
      expect(said).toMatchObject({ full: 'ok', later: 'ok', still: true, closed: ['undone'], next: 'ok' });
      expect(said.left).toEqual(['journal', 'state.json']);
    },
  );
});
