/** Every command of ctfix that a diagnosis prints does what it is printed for: it is neither refused nor without effect. */
import { Command } from 'commander';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sizingFlags } from '../../src/commands/flags.ts';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { type Facts, known } from '../../src/model.ts';
import { type PlanFlags, planOptions } from '../../src/options.ts';
import { planFor } from '../../src/survey.ts';
import { templates } from '../support/facts.ts';
import { anyHost } from '../support/hosts-any.ts';
import { anyPatient } from '../support/patients-any.ts';

/** The options of a command line, by the parsers of the program. */
function optionsOf(command: string) {
  const parser = sizingFlags(new Command().exitOverride());
  parser.parse(command.replace('sudo ctfix apply', '').trim().split(/ +/).filter(Boolean), { from: 'user' });
  return planOptions(parser.opts<PlanFlags>());
}

/** Every `sudo ctfix apply …` of a diagnosis, with what its plan comes to. */
function outcomes(facts: Facts) {
  return diagnose(facts).findings.flatMap(({ code, remedies }) =>
    remedies.flatMap(({ say, command }) => {
      expect(say).not.toContain('sudo ctfix apply');
      if (command?.startsWith('sudo ctfix apply') !== true) return [];
      if (known(facts.table.namespace) === 'child') {
        expect(say).toMatch(/^on the host: /);
        return [];
      }
      const { plan } = planFor(facts, optionsOf(command), { templates, version: '0.0.0' });
      return [{ code, command, verdict: plan.sizing.verdict, refused: plan.refusals.map((each) => each.code) }];
    }),
  );
}

test.each([
  ['hosts', anyHost],
  ['hosts of which some is unknown', anyPatient],
])('no command that apply refuses or that does nothing: %s', (_, hosts) => {
  let printed = 0;
  fc.assert(
    fc.property(hosts, (facts) => {
      const found = outcomes(facts);
      printed += found.length;
      expect(found.filter(({ verdict, refused }) => verdict === 'nothing' || refused.length > 0)).toEqual([]);
    }),
    { numRuns: 500 },
  );
  expect(printed).toBeGreaterThan(150);
});
