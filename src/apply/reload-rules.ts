/** Records the ruleset, takes down what holds the module, proves both, and gives back what is missing. */
import { StepFailed } from '../errors.ts';
import { readQueues, readRules } from '../facts/rules.ts';
import { type HoldingTable, holdingTables, IPTABLES, tableName } from '../facts/rules-holds.ts';
import { emptied, isPristine, savedTables } from '../facts/rules-iptables.ts';
import { otherNamespaces } from '../facts/rules-namespaces.ts';
import { nftTables } from '../facts/rules-nft.ts';
import type { HostCommand, RulesRecord, RulesText, RulesTool } from '../model.ts';
import { compareRules, loadsFor, reorder, survivors } from '../reload-compare.ts';
import { ownUsers } from '../reload-refusals.ts';
import { moduleInode, namedHolders, RELEASE_LIMIT_MS, readTree, type Tree } from './reload-modules.ts';
import { complaint, lookUntil, type ReloadRun, type StepSeen } from './reload-run.ts';

/** Ten thousand rules are loaded in seconds; an iptables lock that somebody holds is waited for by the tool itself. */
const LOAD_LIMIT_MS = 120_000;
/** A firewall's start has its rules in when it is said to be over; a machine that is slow to say so gets this long. */
const STEADY_LIMIT_MS = 3_000;
/** What goes along adds its rules after its start has returned: fail2ban bans again one by one from its database. */
export const ALONG_LIMIT_MS = 60_000;

/** The record without which a step must not act. @throws StepFailed */
export function recordOf(run: ReloadRun): RulesRecord {
  if (run.record === undefined) throw new StepFailed('there is no record of the ruleset');
  return run.record;
}

/** The ruleset now. @throws StepFailed when a part of it cannot be read */
export async function rulesNow(run: ReloadRun, how = { state: false }): Promise<RulesText> {
  const text = await readRules(run.host, how);
  if (text.unread !== undefined) throw new StepFailed(text.unread.join('; '));
  return text;
}

/** Records everything before anything is stopped. */
export async function recordRules(run: ReloadRun): Promise<StepSeen> {
  const inode = await moduleInode(run);
  if (inode === undefined) throw new StepFailed('nf_conntrack is not loaded any more');
  const full = await rulesNow(run, { state: true });
  const names = holdingTables(full).map(({ tool, family, name }) => `${tool} ${family} ${name}`);
  const holding =
    names.length === 0 ? 'none of them holds nf_conntrack' : `nf_conntrack is held by ${names.join(', ')}`;
  return { saw: `the ruleset is recorded; ${holding}`, record: { record: 'rules', full, inode } };
}

/** Records the ruleset once more, without the units that were stopped along. */
export async function recordBase(run: ReloadRun): Promise<RulesRecord> {
  return { ...recordOf(run), base: await rulesNow(run, { state: true }) };
}

/** Takes down the tables that hold the module and are still there, of one tool. */
export async function clearRules(run: ReloadRun, tool: RulesTool | 'netfilter-persistent'): Promise<string> {
  if (tool === 'netfilter-persistent') return flushPersistent(run);
  const text = await rulesNow(run);
  if (tool === 'nft') return clearNft(run, text);
  const saved = savedTables(text[tool] ?? '').filter((table) => !isPristine(table));
  const holding = saved.filter((table) => holdingTables(text).some((each) => isTable(each, tool, table.name)));
  if (holding.length === 0) return `${tool}: nothing left that holds nf_conntrack`;
  await change(run, { rules: tool, how: 'restore' }, holding.map(emptied).join(''));
  return `${tool}: emptied ${holding.map(({ name }) => name).join(', ')}`;
}

/**
 * Flushes the rules of netfilter-persistent, whose stop keeps them. Its ipset plugin destroys every set there is, also
 * those of others, so they are given back at once: sets hold no flow. What it says of itself is not believed.
 */
async function flushPersistent(run: ReloadRun): Promise<string> {
  const { full, base = full } = recordOf(run);
  const ended = await run.host.perform({ flush: 'netfilter-persistent' }, { timeoutMs: LOAD_LIMIT_MS });
  const { missing } = compareRules({ ipset: base.ipset ?? '' }, { ipset: (await rulesNow(run)).ipset ?? '' });
  for (const { command, input } of loadsFor(base, missing)) await change(run, command, input);
  const sets = missing.length > 0 ? `; ${missing.join(', ')} given back` : '';
  return `netfilter-persistent has flushed its rules${ended.code === 0 ? '' : ` (${complaint(ended)})`}${sets}`;
}

function isTable(table: HoldingTable, tool: RulesTool, name: string): boolean {
  return table.tool === tool && table.name === name;
}

/**
 * One transaction deletes every table of nf_tables that holds. When one of iptables' is among them, its empty sisters
 * go too: whoever makes them again makes them in the old order then.
 */
async function clearNft(run: ReloadRun, text: RulesText): Promise<string> {
  const holding = holdingTables(text).filter(({ tool }) => !tool.endsWith('-legacy'));
  if (holding.length === 0) return 'nft: nothing left that holds nf_conntrack';
  const sisters = holding.some(({ tool }) => tool !== 'nft') ? pristineTables(text) : [];
  const names = new Set([...holding.map(tableName), ...sisters]);
  const present = nftTables(text.nft ?? '')
    .map(tableName)
    .filter((name) => names.has(name));
  const input = present.map((name) => `delete table ${name}\n`).join('');
  await change(run, { rules: 'nft', how: 'transaction' }, input);
  return `nft: deleted ${present.map((name) => `table ${name}`).join(', ')}`;
}

/** Tables of iptables in nf_tables with nothing in them, as `ip filter`. */
function pristineTables(text: RulesText): readonly string[] {
  return IPTABLES.filter(({ legacy }) => !legacy).flatMap(({ tool, family }) =>
    savedTables(text[tool] ?? '')
      .filter(isPristine)
      .map(({ name }) => `${family} ${name}`),
  );
}

async function change(run: ReloadRun, command: HostCommand, input: string): Promise<void> {
  const options = { timeoutMs: LOAD_LIMIT_MS, input };
  const first = await run.host.perform(command, options);
  // Where iptables has the legacy variant only, its programs have the plain names; readRules made sure of that.
  const plain = first.code === 127 && 'rules' in command && command.rules.endsWith('-legacy');
  const ended = plain ? await run.host.perform({ ...command, plain }, options) : first;
  if (ended.code !== 0) throw new StepFailed(`${words(command)}: ${complaint(ended)}`);
}

function words(command: HostCommand): string {
  if ('rules' in command) return command.rules === 'nft' ? 'nft' : `${command.rules}-restore`;
  return 'ipset restore';
}

/** That no rule and nothing else holds the module any more. @throws StepFailed naming what does */
export async function proveDown(run: ReloadRun): Promise<StepSeen> {
  const record = recordOf(run);
  const now = await rulesNow(run);
  const left = holdingTables(now).filter(({ uses }) => Object.keys(uses).some((name) => !/^ip6?table_nat$/.test(name)));
  if (left.length > 0) {
    const names = left.map((table) => `${table.tool} table ${tableName(table)}`).join(', ');
    throw new StepFailed(`the stop left rules that hold nf_conntrack: ${names}`);
  }
  const used = (tree: Tree) => Object.entries(tree).filter(([, module]) => ownUsers(module) > 0);
  const tree = await lookUntil(
    run,
    RELEASE_LIMIT_MS,
    () => readTree(run),
    (seen) => used(seen).length === 0,
  );
  const users = used(tree).map(([name, module]) => `${name} still has ${ownUsers(module)} users`);
  if (users.length > 0) {
    const named = await namedHolders(run, tree);
    throw new StepFailed(
      `nf_conntrack is in use though the rules are down: ${named === '' ? users.join(', ') : named}`,
    );
  }
  await proveNothingQueued(run);
  const survived = [...survivors(record.base ?? record.full, now)];
  return { saw: 'no rule and no other user holds nf_conntrack', record: { ...record, survived } };
}

/** A packet that waits in a queue carries a flow, and an unload would spin in the kernel until it is let go. */
async function proveNothingQueued(run: ReloadRun): Promise<void> {
  const look = async () => {
    const queues = await readQueues(run.host, await otherNamespaces(run.host));
    return queues.filter(({ waiting }) => waiting > 0);
  };
  const [held] = await lookUntil(run, RELEASE_LIMIT_MS, look, (seen) => seen.length === 0);
  if (held === undefined) return;
  throw new StepFailed(`${held.waiting} packets wait in queue ${held.queue} for ${held.reader}, and each holds a flow`);
}

/** Loads the tables of one tool that nobody brings back. */
export async function loadRules(run: ReloadRun, tool: RulesTool): Promise<string> {
  const record = recordOf(run);
  const wanted = record.base ?? record.full;
  const { missing } = compareRules(wanted, await rulesNow(run), record.survived);
  const loads = loadsFor(wanted, missing).filter(({ command }) => 'ipset' in command || isOf(command, tool));
  for (const { command, input } of loads) await change(run, command, input);
  return loads.length === 0 ? `${tool}: nothing was missing` : `loaded ${loads.map(({ what }) => what).join(', ')}`;
}

function isOf(command: HostCommand, tool: RulesTool): boolean {
  return 'rules' in command && command.rules === tool;
}

/**
 * Compares the ruleset with the record until it is the same; what stays missing is loaded from the record, and compared
 * again.
 * @param wanted the ruleset as recorded
 * @param limitMs how long rules may still be on their way
 * @throws StepFailed naming the parts that differ in the end
 */
export async function proveRules(run: ReloadRun, wanted: RulesText, limitMs = STEADY_LIMIT_MS): Promise<string> {
  const survived = run.record?.survived ?? [];
  const look = async () => compareRules(wanted, await rulesNow(run), survived);
  let seen = await lookUntil(run, limitMs, look, ({ missing }) => missing.length === 0);
  const { given, refused } = await giveBack(run, wanted, seen.missing);
  if (seen.missing.length > 0) seen = await look();
  if (seen.missing.length > 0) {
    throw new StepFailed([`the ruleset is not the recorded one: ${seen.missing.join(', ')}`, ...refused].join('; '));
  }
  await restoreOrder(run, wanted);
  const from = given.length > 0 ? ` (from the record: ${given.join(', ')})` : '';
  const foreign = seen.foreign.length > 0 ? `; changed by others meanwhile: ${seen.foreign.join(', ')}` : '';
  return `the ruleset is the recorded one${from}${foreign}`;
}

/** Loads parts from the record; one that is refused does not keep the others from coming back. */
async function giveBack(run: ReloadRun, wanted: RulesText, missing: readonly string[]) {
  const given: string[] = [];
  const refused: string[] = [];
  for (const { command, input, what } of loadsFor(wanted, missing)) {
    try {
      await change(run, command, input);
      given.push(what);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      refused.push(error.message);
    }
  }
  return { given, refused };
}

/** Makes the tables again that are not in the recorded order, where they can be. @throws StepFailed */
export async function restoreOrder(run: ReloadRun, wanted: RulesText): Promise<void> {
  const input = reorder(wanted, await rulesNow(run, { state: true }));
  if (input !== undefined) await change(run, { rules: 'nft', how: 'transaction' }, input);
}
