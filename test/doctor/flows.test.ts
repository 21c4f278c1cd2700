import { expect, test } from 'vitest';
import { findingOf, patient } from '../support/patient.ts';

test('races: resolved and NetworkManager write /etc/resolv.conf, so that it is looked at and not appended to', () => {
  const counters = { drop: 900, early_drop: 0, insert_failed: 900 };
  const finding = findingOf(patient({ table: { counters, countersLater: counters } }), 'insert-races');
  const said = finding?.remedies.map(({ say, command }) => `${say}\n${command ?? ''}`).join('\n');
  expect(said).toMatch(/single-request-reopen[\s\S]*NetworkManager: ipv4.dns-options[\s\S]*\nreadlink -f /);
  expect(said).not.toMatch(/tee|>>/);
});
