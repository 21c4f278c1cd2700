/** Reads what holds nf_conntrack beyond the module tree. For root; changes nothing and loads no module. */
import type { ReadHost, RunResult } from '../host/host.ts';
import type { LoadedModule, OtherNamespace, PacketQueue, RulesFacts, RulesText } from '../model.ts';
import { runtimeOnly } from './firewalld.ts';
import { isInKernel } from './in-kernel.ts';
import { holdingTables, IPTABLES, tableName, usesOf } from './rules-holds.ts';
import { otherNamespaces, processName, socketOwners, within } from './rules-namespaces.ts';
import { managedTables, nftTables } from './rules-nft.ts';
import { listeningSockets, optionWords, queuesIn } from './rules-seen.ts';

type Tree = Readonly<Record<string, LoadedModule>>;

/** A ruleset of some ten thousand rules is listed in seconds; an iptables lock held by another program is waited for. */
const READ_LIMIT_MS = 60_000;
/** Beyond this many namespaces only their processes are named; their rules stay unknown. */
const NAMESPACES_LOOKED_INTO = 100;

/**
 * The rules of this namespace and everything else that keeps nf_conntrack loaded.
 * @param host a live host, as root
 * @param tree the modules from which nf_conntrack can be reached; empty when it is not loaded
 */
export async function gatherRules(host: ReadHost, tree: Tree): Promise<RulesFacts> {
  const text = await readRules(host, { state: true });
  const namespaces = await gatherNamespaces(host, tree);
  return {
    text,
    uses: usesOf(text),
    namespaces,
    queues: await readQueues(host, namespaces),
    listeners: await gatherListeners(host),
    options: await gatherOptions(host),
    notLoadable: await checkLoadable(host, text),
    ...(ownsItsTable(text) ? { runtimeOnly: await runtimeOnly(host) } : {}),
  };
}

/** firewalld 2 with NftablesTableOwner: no other program can change or load the table. Source: firewalld.conf(5) */
function ownsItsTable(text: RulesText): boolean {
  const table = nftTables(text.nft ?? '').find(({ name }) => name === 'firewalld');
  return table !== undefined && /^\tflags .*\bowner\b/m.test(table.text);
}

/**
 * The ruleset of the namespace that `host` sees, as text. A side that is not loaded is not asked: nft and iptables-nft
 * would load nf_tables, iptables-legacy-save its tables.
 * @param how state: with counters and the remaining time of set elements too, as it is needed to load it back
 */
export async function readRules(host: ReadHost, how: { readonly state: boolean }): Promise<RulesText> {
  const unread: string[] = [];
  const found: Found = {};
  if (await isInKernel(host, 'nf_tables')) await readNft(host, how.state, found, unread);
  // One beside the other: a reload reads all of this four times, three of them while the host is closed.
  const [sets, ...saved] = await Promise.all([readSets(host), ...IPTABLES.map((each) => readTool(host, each, found))]);
  for (const { tool, text, why } of saved) {
    if (text !== undefined) found[tool] = text;
    if (why !== undefined) unread.push(why);
  }
  if (sets?.code === 0) found.ipset = sets.stdout;
  else if (sets !== undefined && saved.some(({ text }) => / --match-set /.test(text ?? ''))) {
    unread.push(sentence('ipset', sets));
  }
  return unread.length === 0 ? found : { ...found, unread };
}

type Found = { -readonly [key in keyof RulesText]: RulesText[key] };

async function readNft(host: ReadHost, state: boolean, found: Found, unread: string[]): Promise<void> {
  const list = (...words: string[]) => host.run(['nft', ...words, 'list', 'ruleset'], { timeoutMs: READ_LIMIT_MS });
  const [listed, full] = await Promise.all([list('-s'), state ? list() : undefined]);
  if (listed.code !== 0) {
    unread.push(sentence('nft', listed));
    return;
  }
  found.nft = listed.stdout;
  found.managed = managedTables(listed.stdout, listed.stderr);
  if (full?.code === 0) found.nftState = full.stdout;
  else if (full !== undefined) unread.push(sentence('nft', full));
}

async function readSets(host: ReadHost): Promise<RunResult | undefined> {
  if (!(await isInKernel(host, 'ip_set'))) return undefined;
  return host.run(['ipset', 'save'], { timeoutMs: READ_LIMIT_MS });
}

/** What one tool of the iptables family tells; `why` it does not, where that is missed. */
type ToolSaved = { readonly tool: (typeof IPTABLES)[number]['tool']; readonly text?: string; readonly why?: string };

async function readTool(host: ReadHost, each: (typeof IPTABLES)[number], found: Found): Promise<ToolSaved> {
  const { tool, family, legacy } = each;
  const there = legacy ? await hasLegacyTables(host, family) : hasTablesLike(found, family);
  return there ? readSaved(host, tool, legacy || isManaged(found, family)) : { tool };
}

async function hasLegacyTables(host: ReadHost, family: 'ip' | 'ip6'): Promise<boolean> {
  const names = await host.readFile(`/proc/net/${family}_tables_names`).catch(() => undefined);
  return names !== undefined && names.trim() !== '';
}

function hasTablesLike(found: Found, family: string): boolean {
  return nftTables(found.nft ?? '').some(
    (table) => table.family === family && ['filter', 'nat', 'mangle', 'raw', 'security'].includes(table.name),
  );
}

function isManaged(found: Found, family: string): boolean {
  return found.managed?.some((table) => table.startsWith(`${family} `)) ?? false;
}

/** Older systems have the legacy variant only, under the plain name; its first line says `(nf_tables)` where it is not. */
async function readSaved(host: ReadHost, tool: ToolSaved['tool'], needed: boolean): Promise<ToolSaved> {
  const saved = await host.run([`${tool}-save`], { timeoutMs: READ_LIMIT_MS });
  if (saved.code === 0) return { tool, text: saved.stdout };
  const text = saved.code === 127 && tool.endsWith('-legacy') ? await readPlain(host, tool) : undefined;
  if (text !== undefined) return { tool, text };
  return needed ? { tool, why: sentence(`${tool}-save`, saved) } : { tool };
}

async function readPlain(host: ReadHost, tool: ToolSaved['tool']): Promise<string | undefined> {
  const saved = await host.run([tool.replace('-legacy', '-save')], { timeoutMs: READ_LIMIT_MS });
  return saved.code === 0 && !/^# Generated by .*\(nf_tables\)/.test(saved.stdout) ? saved.stdout : undefined;
}

function sentence(program: string, { code, stderr }: { code: number; stderr: string }): string {
  const why =
    code === 127 ? 'the program is not installed' : stderr.trim().split('\n').at(-1) || `it ended with ${code}`;
  return `${program} cannot tell the rules: ${why}`;
}

async function gatherNamespaces(host: ReadHost, tree: Tree): Promise<readonly OtherNamespace[]> {
  const found = await otherNamespaces(host);
  const holdersLoaded = Object.keys(tree).length > 1;
  const looked: OtherNamespace[] = [];
  for (const [index, namespace] of found.entries()) {
    looked.push({ ...namespace, uses: await usesWithin(host, namespace.path, holdersLoaded, index) });
  }
  return looked;
}

async function usesWithin(host: ReadHost, path: string, holdersLoaded: boolean, index: number) {
  if (!holdersLoaded) return {};
  if (index >= NAMESPACES_LOOKED_INTO) return { unknown: 'too many network namespaces to look into each' };
  const text = await readRules(within(host, path), { state: false });
  return text.unread === undefined ? usesOf(text) : { unknown: text.unread.join('; ') };
}

/** The packet queues of this namespace and the others. */
export async function readQueues(
  host: ReadHost,
  namespaces: readonly Pick<OtherNamespace, 'path' | 'inode'>[],
): Promise<readonly PacketQueue[]> {
  const file = '/proc/net/netfilter/nfnetlink_queue';
  const here = await host.readFile(file).catch(() => undefined);
  if (here === undefined) return [];
  const found: PacketQueue[] = [];
  const add = async (text: string, where: { namespace?: number }) => {
    for (const { queue, port, waiting } of queuesIn(text)) {
      found.push({ queue, waiting, reader: (await processName(host, port)) ?? `port ${port}`, ...where });
    }
  };
  await add(here, {});
  for (const { path, inode } of namespaces.slice(0, NAMESPACES_LOOKED_INTO)) {
    await add((await within(host, path).readFile(file)) ?? '', { namespace: inode });
  }
  return found;
}

async function gatherListeners(host: ReadHost): Promise<readonly string[]> {
  const text = await host.readFile('/proc/net/netlink').catch(() => undefined);
  return socketOwners(host, listeningSockets(text ?? ''));
}

async function gatherOptions(host: ReadHost): Promise<RulesFacts['options']> {
  const shown = await host.run(['modprobe', '--show-depends', 'nf_conntrack']);
  if (shown.code === 0) return optionWords(shown.stdout);
  return { unknown: `modprobe --show-depends nf_conntrack: ${shown.stderr.trim() || `it ended with ${shown.code}`}` };
}

/** Asks the kernel, in a transaction that is thrown away (nft --check), whether the tables that hold would come back. */
async function checkLoadable(host: ReadHost, text: RulesText): Promise<RulesFacts['notLoadable']> {
  const holding = new Set(holdingTables(text).flatMap((table) => (table.tool === 'nft' ? [tableName(table)] : [])));
  const refused: { table: string; why: string }[] = [];
  for (const table of nftTables(text.nftState ?? '').filter((each) => holding.has(tableName(each)))) {
    const input = `delete table ${tableName(table)}\n${table.text}`;
    const checked = await host.run(['nft', '-c', '-f', '-'], { input, timeoutMs: READ_LIMIT_MS });
    const why = checked.stderr.trim().split('\n')[0] || `nft ended with ${checked.code}`;
    if (checked.code !== 0) refused.push({ table: tableName(table), why });
  }
  return refused;
}
