/**
 * What `top` says about one table in every form in which it can be saved, word for word. After a change that is meant,
 * `npx vitest run --project unit test/golden-top.test.ts -u` writes it anew, and a person reads the difference.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { json } from '../src/render/json.ts';
import { topText } from '../src/render/top.ts';
import { countFlow, newCensus } from '../src/top/census.ts';
import { listing } from '../src/top/listing.ts';
import { topReport, USUAL } from '../src/top/report.ts';
import { PLAIN } from './render/support.ts';

const DIR = join(import.meta.dirname, 'listings');
const QUESTIONS = [
  { key: 'tcp_timeout_established', seconds: 86_400, now: 432_000 },
  { key: 'udp_timeout', seconds: 60, now: 30 },
];

function reportOf(file: string) {
  const census = newCensus(USUAL, QUESTIONS);
  const lines = listing((flow) => countFlow(census, flow));
  lines.feed(readFileSync(join(DIR, file)));
  lines.end();
  const origin = { kind: 'file', name: file } as const;
  return topReport(census, { origin, forms: lines.forms(), bad: lines.bad(), notes: [] }, { rows: 5 }, ['udp_timeout']);
}

const files = readdirSync(DIR).filter((name) => name.endsWith('.txt'));

test.each(files)('%s', async (file) => {
  const report = reportOf(file);
  const name = `listing-${file.replace('.txt', '')}.top.0`;
  await expect(topText(report, PLAIN)).toMatchFileSnapshot(join('golden', `${name}.text`));
  await expect(json(report)).toMatchFileSnapshot(join('golden', `${name}.json`));
  expect(report.bad.count).toBe(0);
});

test.each(files)('%s is the same table as the default one', (file) => {
  const told = (name: string) => {
    const { flows, unreplied, assured, tables, whatIf } = reportOf(name);
    // The library names no states in XML but those of TCP, and conntrack saves no age.
    const same = tables.filter(({ by }) => by !== 'age' && !(by === 'state' && file === 'xml.txt'));
    return { flows, unreplied, assured, whatIf, tables: same.map(({ by, rows }) => ({ by, rows })) };
  };
  const expected = told('default.txt');
  expect(told(file)).toEqual(expected);
  expect(expected.flows).toBe(12);
});
