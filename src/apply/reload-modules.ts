/** Unloads the holders of nf_conntrack one by one, leaf first, and loads them again; believes /proc/modules only. */
import { StepFailed } from '../errors.ts';
import { gatherConfig } from '../facts/gather-config.ts';
import { lookAt } from '../facts/look.ts';
import { holderTree, isNetfilterName, parseModules } from '../facts/module.ts';
import { gatherRules } from '../facts/rules.ts';
import type { HostCommand, LoadedModule } from '../model.ts';
import { holderSentences, optionRefusals, ownUsers } from '../reload-refusals.ts';
import { isValue } from '../same-value.ts';
import { complaint, lookUntil, type ReloadRun } from './reload-run.ts';
import { BUCKETS_PATH, readValue } from './values.ts';

/**
 * The kernel drops the references of deleted nft rules from a worker, after an RCU grace period (nf_tables_commit and
 * nf_tables_trans_destroy_work in net/netfilter/nf_tables_api.c): milliseconds, seconds on a busy or emulated machine.
 */
export const RELEASE_LIMIT_MS = 15_000;
/** The kernel itself warns when an unload waits for its last flows this long (commit 92df4c56cf5b). */
const UNLOAD_LIMIT_MS = 60_000;
const LOAD_LIMIT_MS = 60_000;
const INODE_PATH = '/sys/module/nf_conntrack';

export type Tree = Readonly<Record<string, LoadedModule>>;

/** nf_conntrack and everything loaded that leads to it; {} when it is not loaded. */
export async function readTree(run: ReloadRun): Promise<Tree> {
  return holderTree(parseModules((await run.host.readFile('/proc/modules')) ?? ''), new Set());
}

/** True while the kernel unloads nf_conntrack and has not come to the end of it. */
export async function isUnloading(run: ReloadRun): Promise<boolean> {
  const state = parseModules((await run.host.readFile('/proc/modules')) ?? '').get('nf_conntrack')?.state;
  return state === 'Unloading' || (await readValue(run.host, `${INODE_PATH}/initstate`)) === 'going';
}

/** The inode of the module's directory, which is a new one after every load; undefined when it is not loaded. */
export async function moduleInode(run: ReloadRun): Promise<number | undefined> {
  return (await run.host.stat(INODE_PATH))?.inode;
}

/** Names a holder wherever it can be named: other namespaces, queues, users without a rule. */
export async function namedHolders(run: ReloadRun, tree: Tree): Promise<string> {
  return holderSentences(tree, await gatherRules(run.host, tree)).join('; ');
}

/**
 * Unloads a module, and before it what came to depend on it since the plan was made.
 * @throws StepFailed naming the holder; or that the kernel does not come to the end of the unload
 */
export async function unloadModule(run: ReloadRun, name: string): Promise<string> {
  const before = await moduleInode(run);
  const tree = await readTree(run);
  if (tree[name] === undefined) return `${name} was gone already`;
  await unloadWithHolders(run, name, []);
  if (name !== 'nf_conntrack') return `${name} is unloaded`;
  if ((await moduleInode(run)) === before)
    throw new StepFailed('nf_conntrack is still the same in /sys/module after its unload');
  return 'nf_conntrack is unloaded';
}

async function unloadWithHolders(run: ReloadRun, name: string, above: readonly string[]): Promise<void> {
  const free = (tree: Tree) => tree[name] === undefined || ownUsers(tree[name]) === 0;
  const tree = await lookUntil(run, RELEASE_LIMIT_MS, () => readTree(run), free);
  const module = tree[name];
  if (module === undefined) return;
  if (!free(tree)) throw new StepFailed(await inUse(run, name, tree));
  for (const holder of module.holders) {
    if (!isNetfilterName(holder) || above.includes(holder)) {
      throw new StepFailed(`${name} is in use by the module ${holder}, which is not one to unload`);
    }
    await unloadWithHolders(run, holder, [...above, name]);
  }
  const ended = await run.host.perform({ module: 'unload', name }, { timeoutMs: UNLOAD_LIMIT_MS });
  if (await isUnloading(run)) throw new StepFailed(STUCK);
  const after = await readTree(run);
  if (after[name] === undefined || (name === 'nf_conntrack' && ended.code === 0)) return;
  throw new StepFailed(`${complaint(ended)}; ${await inUse(run, name, after)}`);
}

/** The sentence for an unload that no signal ends. */
export const STUCK =
  'the kernel has begun to unload nf_conntrack and waits for a packet that still carries a flow; nothing can end that but the packet, or a reboot';

async function inUse(run: ReloadRun, name: string, tree: Tree): Promise<string> {
  const holders = tree[name]?.holders ?? [];
  const named = await namedHolders(run, tree);
  const modules = holders.length > 0 ? ` by ${holders.join(', ')}` : '';
  return `${name} is in use${modules}${named === '' ? '' : `: ${named}`}`;
}

/**
 * Loads a module with the options that are on disk now. For nf_conntrack: waits until udev has run what belongs to the
 * load, so that no rule of it writes values later than we do.
 * @throws StepFailed with the words of modprobe, and the line of modprobe.d that is to blame
 */
export async function loadModule(run: ReloadRun, name: string, how: 'load' | 'load-plain' = 'load'): Promise<string> {
  const command: HostCommand = { module: how, name };
  const ended = await run.host.perform(command, { timeoutMs: LOAD_LIMIT_MS });
  const loaded = parseModules((await run.host.readFile('/proc/modules')) ?? '').get(name)?.state === 'Live';
  if (!loaded)
    throw new StepFailed(`${name} could not be loaded: ${[complaint(ended), ...(await blamed(run))].join('; ')}`);
  // Where there is no udev there is nothing to wait for, and the command does not exist.
  if (name === 'nf_conntrack') await run.host.perform({ udev: 'settle' }, { timeoutMs: LOAD_LIMIT_MS });
  return `${name} is loaded`;
}

/** What modprobe.d says that makes a load of nf_conntrack fail, as sentences with file and line. */
async function blamed(run: ReloadRun): Promise<readonly string[]> {
  return optionRefusals((await gatherConfig(lookAt(run.host), true)).modprobe).map(({ what }) => what);
}

/** That the module is a newly loaded one and took its size from its options. @throws StepFailed */
export async function proveLoaded(run: ReloadRun): Promise<string> {
  if (run.record !== undefined && (await moduleInode(run)) === run.record.inode) {
    throw new StepFailed('nf_conntrack was not loaded again: /sys/module/nf_conntrack is the one from before');
  }
  const buckets = await readValue(run.host, BUCKETS_PATH);
  if (!isValue(BUCKETS_PATH, String(run.targets.buckets), buckets)) {
    throw new StepFailed(`nf_conntrack came up with ${buckets ?? 'no'} buckets, not with ${run.targets.buckets}`);
  }
  return `nf_conntrack is loaded with ${buckets} buckets`;
}
