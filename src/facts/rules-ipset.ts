/** The text of `ipset save`: its sets. Pure. */

/** One set. `create`: the line that makes it; `members`: its `add` lines, sorted, because the order is that of a hash. */
export type IpSet = { readonly name: string; readonly create: string; readonly members: readonly string[] };

/**
 * The sets, in the order in which they can be made again (a list:set comes after its members).
 * @param text `create NAME TYPE …` and `add NAME ENTRY …` lines. Source: ipset(8), save
 */
export function ipsets(text: string): readonly IpSet[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const created = lines.filter((line) => line.startsWith('create '));
  return created.map((create) => {
    const name = create.split(' ')[1] ?? '';
    return { name, create, members: lines.filter((line) => line.startsWith(`add ${name} `)).sort() };
  });
}

/**
 * A set for comparison. Members with a timeout come and go by themselves and are left out; so are the numbers in the
 * `create` line that the kernel picks as it likes (hash seed, memory, references).
 */
export function comparableSet(set: IpSet): string {
  const create = set.create.replace(/ (?:initval|bucketsize) \S+/g, '');
  const members = / timeout \d+/.test(create)
    ? set.members.filter((line) => !/ timeout [1-9]/.test(line))
    : set.members;
  return [create, ...members.map((line) => line.replace(/ (?:packets|bytes) \d+/g, '')), ''].join('\n');
}

/** The lines that make a set what it was, whatever it is now; for `ipset restore -exist`. */
export function restored(set: IpSet): string {
  return [set.create, `flush ${set.name}`, ...set.members, ''].join('\n');
}
