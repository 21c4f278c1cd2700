import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Action, ReloadStep } from '../../src/model.ts';
import { json } from '../../src/render/json.ts';
import { planMarkdown } from '../../src/render/plan-markdown.ts';
import { planExit } from '../../src/render/plan-parts.ts';
import { planChanges, planSummary, planText } from '../../src/render/plan-text.ts';
import { stepOf } from '../../src/render/steps.ts';
import { facts, plan, refused, report } from './samples.ts';
import { COLOURED, hostile, leftControls, PLAIN, spoil } from './support.ts';

const schema = JSON.parse(readFileSync(new URL('../../docs/plan-v1.schema.json', import.meta.url), 'utf8'));
const valid = new Ajv2020({ strict: true, allErrors: true }).compile(schema);
const nothing = { ...plan, actions: [], sizing: { ...plan.sizing, verdict: 'nothing' as const, reasons: [] } };

describe('text', () => {
  test('a plan with every part', async () => {
    await expect(planText(report, PLAIN)).toMatchFileSnapshot('../golden/by-hand.plan.0.text');
  });

  test('a refused one says so on its second line and where', () => {
    const lines = planText({ ...report, plan: refused }, PLAIN).split('\n');
    expect(lines[0]).toBe('needed: the table is full: 65,536 of 65,536 flows');
    expect(lines[1]).toMatch(/^refused: .*exit with 3/);
    expect(lines).toContain(
      '  - /etc/sysctl.d/99-zz.conf:3: net.netfilter.nf_conntrack_max = 65536 is read later and wins',
    );
    expect(lines).toContain('    to do: remove the line, or add --take-over');
  });

  test('nothing to do has no changes and no steps, and still says why', () => {
    const text = planText({ ...report, plan: nothing }, PLAIN);
    expect(text.split('\n')[0]).toBe('nothing to do: the host has what it needs');
    expect(text).not.toMatch(/^(changes|steps)$/m);
    expect(text).toContain('/etc/udev/rules.d/90-ctfix-conntrack.rules  already as wanted');
  });

  test('unknown and no limit are words, never 0', () => {
    const present = { max: 0, buckets: { unknown: 'no permission' }, count: { unknown: 'no kernel' } };
    const text = planText({ ...report, plan: { ...plan, sizing: { ...plan.sizing, present } } }, PLAIN);
    expect(text).toMatch(/^ {2}max +no limit +131,072$/m);
    expect(text).toMatch(/^ {2}buckets +unknown +131,072$/m);
    expect(text).toMatch(/^ {2}flows +unknown$/m);
  });

  test('prose ends before column 100', () => {
    for (const line of planText(report, PLAIN).split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test('colour adds nothing but colour', () => {
    const coloured = planText(report, COLOURED);
    expect(coloured).toContain('\x1b[');
    expect(coloured.replace(/\x1b\[\d+m/g, '')).toBe(planText(report, PLAIN));
  });

  test('the summary and the changes are parts of the whole', () => {
    const whole = planText(report, PLAIN);
    const [head = '', steps] = planSummary(report, PLAIN).split('\nsteps\n');
    expect(whole.startsWith(head)).toBe(true);
    expect(steps?.split('\n').slice(0, 2)).toEqual([
      '  edit    /etc/modprobe.d/nf_conntrack.conf',
      '  create  /etc/sysctl.d/90-ctfix-conntrack.conf',
    ]);
    expect(whole).toContain(planChanges(plan, PLAIN));
  });

  test('a log line without a known uptime is told in seconds after boot', () => {
    const machine = { ...facts.machine, uptime: { unknown: 'no /proc/uptime' } };
    expect(planText({ ...report, facts: { ...facts, machine } }, PLAIN)).toContain('93700.5 s after boot');
  });
});

describe('reload steps are shown as the commands that are run', () => {
  const steps: [ReloadStep, string][] = [
    [{ step: 'record', what: 'the ruleset' }, 'record the ruleset'],
    [{ step: 'stop', unit: 'ufw.service', name: 'ufw' }, 'run systemctl --no-ask-password stop ufw.service'],
    [{ step: 'clear-rules', tool: 'netfilter-persistent' }, 'run netfilter-persistent flush'],
    [{ step: 'clear-rules', tool: 'nft' }, 'run nft -f -'],
    [{ step: 'prove-down' }, 'prove that the rules are gone and that no packet holds a flow'],
    [{ step: 'unload', module: 'nf_conntrack' }, 'run rmmod nf_conntrack'],
    [{ step: 'load', module: 'nf_conntrack' }, 'run modprobe nf_conntrack'],
    [{ step: 'write-back' }, 'set every other connection table value as it was'],
    [{ step: 'start', unit: 'ufw.service', name: 'ufw' }, 'run systemctl --no-ask-password start ufw.service'],
    [{ step: 'load-rules', tool: 'iptables-legacy' }, 'run iptables-legacy-restore'],
    [{ step: 'prove-rules' }, 'prove that the ruleset is the recorded one'],
    [{ step: 'start-along', unit: 'fail2ban.service' }, 'run systemctl --no-ask-password start fail2ban.service'],
  ];
  test.each(steps)('%j', (step, words) => {
    const { verb, object } = stepOf({ do: 'reload', step, why: '' });
    expect(`${verb} ${object}`).toBe(words);
  });

  test('a word that a shell would split is quoted', () => {
    const action: Action = { do: 'refresh', command: { log: "it's done" }, why: '' };
    expect(stepOf(action).object).toBe("logger -t ctfix -p daemon.notice -- 'it'\\''s done'");
  });

  test('a plan with them satisfies the schema', () => {
    const actions = steps.map(([step]): Action => ({ do: 'reload', step, why: 'reload' }));
    valid({ ...plan, actions });
    expect(valid.errors).toBeNull();
  });
});

describe('json', () => {
  test('is the plan as it is, schema first, and satisfies the schema', () => {
    expect(json(plan).split('\n')[1]).toBe('  "schema": "ctfix.plan/v1",');
    expect(JSON.parse(json(refused))).toEqual(refused);
    valid(JSON.parse(json(refused)));
    expect(valid.errors).toBeNull();
  });

  test.each([
    ['an unknown field', { ...plan, extra: 1 }],
    ['no schema', { ...plan, schema: undefined }],
    ['another version', { ...plan, schema: 'ctfix.plan/v2' }],
    ['an action of no kind', { ...plan, actions: [{ do: 'run', argv: ['sh'], why: '' }] }],
  ])('the schema refuses %s', (_, wrong) => expect(valid(JSON.parse(JSON.stringify(wrong)))).toBe(false));
});

test('markdown: the same plan for a ticket', async () => {
  await expect(planMarkdown({ ...report, plan: refused })).toMatchFileSnapshot('../golden/by-hand.plan.3.markdown');
});

test.each([
  ['nothing to do', nothing, false, 0],
  ['nothing to do', nothing, true, 0],
  ['changes', plan, false, 0],
  ['changes', plan, true, 2],
  ['refused', refused, false, 3],
  ['refused', refused, true, 3],
])('exit code: %s, detailed %s', (_, one, detailed, code) => expect(planExit(one, detailed)).toBe(code));

describe('whatever the host says', () => {
  const keys = [
    'reasons',
    'what',
    'remedy',
    'why',
    'path',
    'before',
    'after',
    'name',
    'how',
    'text',
    'kernel',
    'os',
    'file',
    'costs',
    'item',
    'notes',
    'blockedBy',
    'cost',
    'perFlowHow',
    'container',
  ];
  const spoiled = fc.array(hostile, { minLength: 5, maxLength: 20 }).map((texts) => {
    let at = 0;
    return spoil({ ...report, plan: refused }, keys, () => texts[at++ % texts.length] ?? '');
  });

  test('no form of a plan lets a control character through', () => {
    fc.assert(
      fc.property(spoiled, (one) => {
        expect(leftControls(planText(one, PLAIN))).toEqual([]);
        expect(leftControls(planText(one, COLOURED))).toEqual([]);
        expect(leftControls(planSummary(one, PLAIN))).toEqual([]);
        expect(planText(one, PLAIN)).not.toContain('\x1b');
        expect(leftControls(planMarkdown(one))).toEqual([]);
        expect(leftControls(json(one.plan))).toEqual([]);
      }),
    );
  });

  test('a fence in a file does not end the block in Markdown', () => {
    const action: Action = { do: 'write-file', path: '/etc/x', after: '```\n# heading\n', mode: 0o644, why: 'w' };
    const text = planMarkdown({ ...report, plan: { ...plan, actions: [action] } });
    expect(text).toContain('````diff\n');
    expect(text).toContain('\n+```\n+# heading\n````\n');
  });
});
