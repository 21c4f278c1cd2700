// Malformed files where the loaders read: each is named with file and line, none makes a plan hang or fail with a stack.
import { expect, test } from 'vitest';
import { evidence } from '../lab/evidence.ts';
import { withVm } from '../machine.ts';
import { ADMIN, listing, says } from './hands.ts';
import { malformed } from './malformed.ts';

test('every kind of malformed file at once: all are named, apply is refused, nothing is touched', () =>
  withVm({}, async (vm) => {
    const named: string[] = [];
    for (const [index, { folder, make, line }] of malformed.entries()) {
      const path = `/etc/${folder}/95-${String(index).padStart(2, '0')}.conf`;
      await vm.sh(`${make} ${path}`);
      named.push(line === 'whole' ? path : `${path}:${line}`);
    }
    const before = await vm.sh('find /etc -xdev -newer /etc/hostname -printf "%p %y %s %T@\\n" | sort');
    for (const user of [ADMIN, {}]) {
      const said = await says(vm, 'plan --max 150000', 3, user);
      for (const place of named) expect(said).toContain(place);
    }
    await says(vm, 'apply --yes --max 150000', 3);
    expect(await vm.sh('find /etc -xdev -newer /etc/hostname -printf "%p %y %s %T@\\n" | sort')).toBe(before);
    expect(await listing(vm, '/var/lib/ctfix')).toBe('/var/lib/ctfix absent');
    await evidence(vm, 'malformed files', [
      `${malformed.length} files: spaces, CRLF, NUL, 10 MB line, fifo, dangling link, directory, text, -1, 0, 2^27, 2^53`,
      'exit 3, each named; find -newer: nothing in /etc was touched, /var/lib/ctfix was not made',
    ]);
  }));
