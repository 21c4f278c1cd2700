import { expect, test } from 'vitest';
import { ufwEnabled, ufwSysctlFile } from '../../src/facts/ufw.ts';

test.each([
  ['IPT_SYSCTL=/etc/ufw/sysctl.conf\n', '/etc/ufw/sysctl.conf'],
  ['  IPT_SYSCTL="/etc/a b.conf" # x\n', '/etc/a b.conf'],
  ["IPT_SYSCTL='/x'\nIPT_SYSCTL=/y#z\n", '/y'],
  ['#IPT_SYSCTL=/etc/ufw/sysctl.conf\n', undefined],
  ['IPT_SYSCTL=\n', undefined],
  ['IPT_SYSCTL=sysctl.conf\n', undefined],
  ['', undefined],
])('%j names %s', (text, file) => expect(ufwSysctlFile(text)).toBe(file));

test.each([
  ['ENABLED=yes\n', true],
  ['ENABLED="Yes"\n', true],
  ['ENABLED=no\n', false],
  ['# ENABLED=yes\n', false],
])('%j: enabled %s', (text, expected) => expect(ufwEnabled(text)).toBe(expected));
