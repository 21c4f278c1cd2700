import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseUdev, reapplies } from '../src/facts/hooks.ts';
import { parseModprobe } from '../src/facts/modprobe-files.ts';
import { fill } from '../src/template.ts';
import { templates } from './support/facts.ts';

describe('fill', () => {
  test('puts values in their places', () => {
    expect(fill('a {{x}} b {{y}} {{x}}', { x: '1', y: '2' })).toBe('a 1 b 2 1');
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['{{x}}', {}, /needs {{x}}/],
    ['{{toString}}', {}, /needs {{toString}}/],
    ['a', { x: '1' }, /ignores x/],
    ['{{x}}', { x: '1', y: '2', z: '3' }, /ignores y, z/],
  ])('%s with %o is an error', (template, values, message) => {
    expect(() => fill(template, values)).toThrow(message);
  });

  test('a value is taken as it is', () => {
    fc.assert(fc.property(fc.string(), (x) => fill('<{{x}}>', { x }) === `<${x}>`));
    expect(fill('{{x}}', { x: '$& {{y}}' })).toBe('$& {{y}}');
  });
});

describe('the files', () => {
  test('say who manages them, end in one newline, and have no CR', () => {
    for (const text of Object.values(templates)) {
      expect(text).toMatch(/^# Managed by ctfix\./);
      expect(text).toMatch(/[^\n]\n$/);
      expect(text).not.toContain('\r');
    }
  });

  test('the udev rule is what the facts take for a hook', () => {
    const text = fill(templates.udev, { sysctl: '/usr/lib/systemd/systemd-sysctl' });
    expect(parseUdev('/r', text)).toEqual([{ file: '/r', line: 2, kind: 'udev' }]);
  });

  test.each([
    "/sbin/sysctl -q --pattern '^net[.]netfilter[.]nf_conntrack' --system",
    '/usr/lib/systemd/systemd-sysctl --prefix=/net/netfilter',
  ])('the install line with %s is what the facts take for a hook', (apply) => {
    const { lines, problems } = parseModprobe('/m', fill(templates.install, { apply }));
    expect(problems).toEqual([]);
    expect(lines).toMatchObject([{ directive: 'install', line: 3 }]);
    expect(reapplies(lines[0]?.rest ?? '')).toBe(true);
  });

  // modprobe hands the line to /bin/sh (libkmod command_do, system(3)) with $CMDLINE_OPTS replaced in its text.
  test.each([
    ['true', 'true', 0, 'mod hashsize=5\nset\n'],
    ['true', 'false', 0, 'mod hashsize=5\nset\n'],
    ['false', 'true', 1, 'mod hashsize=5\n'],
  ])('in a shell: load %s, keys %s: exit code %i', (load, keys, code, said) => {
    const line = fill(templates.install, { apply: 'set_keys' }).split('\n')[2] ?? '';
    const command = line
      .replace('install nf_conntrack ', '')
      .replace('/sbin/modprobe --ignore-install nf_conntrack', 'load_module')
      .replace('$CMDLINE_OPTS', 'hashsize=5');
    const script = `load_module() { echo mod "$@" >&3; ${load}; }; set_keys() { echo set >&3; ${keys}; }; ${command}`;
    const outer = `exec 3>&1; sh_out=$( { ${script}; } 3>&3 2>&1 ); rc=$?; exec 3>&-; [ -z "$sh_out" ] || echo "noise: $sh_out"; echo "rc=$rc"`;
    const out = execFileSync('/bin/sh', ['-c', outer], { encoding: 'utf8' });
    expect(out).toBe(`${said}rc=${code}\n`);
  });
});
