/** What the kernel and kmod say about other holders of nf_conntrack: event listeners, packet queues, options. Pure. */

/** NETLINK_NETFILTER and its groups 1 to 6: conntrack and expectations, new, update, destroy. include/uapi/linux/netlink.h, nfnetlink.h */
const NETLINK_NETFILTER = '12';
const CONNTRACK_GROUPS = 0x3f;

/**
 * The sockets that listen to conntrack events, by inode: a port id is that of the process for its first socket only.
 * @param text /proc/net/netlink: sk, Eth (protocol), Pid (port id), Groups (hex mask of the first 32), …, Inode
 */
export function listeningSockets(text: string): readonly number[] {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/));
  const listening = rows.filter(
    ([, protocol, , groups = '0']) =>
      protocol === NETLINK_NETFILTER && (Number.parseInt(groups, 16) & CONNTRACK_GROUPS) !== 0,
  );
  return listening.map((row) => Number(row.at(-1)));
}

/**
 * The packet queues of a namespace.
 * @param text /proc/net/netfilter/nfnetlink_queue: queue number, port id of the reader, packets that wait, …
 *   Source: seq_show in net/netfilter/nfnetlink_queue.c
 */
export function queuesIn(text: string): readonly { queue: number; port: number; waiting: number }[] {
  const rows = text.split('\n').filter((line) => line.trim() !== '');
  return rows.flatMap((line) => {
    const [queue, port, waiting] = line.trim().split(/\s+/).map(Number);
    return queue === undefined || port === undefined || waiting === undefined ? [] : [{ queue, port, waiting }];
  });
}

/**
 * The words that modprobe would hand to nf_conntrack, in order.
 * @param text what `modprobe --show-depends nf_conntrack` printed: `insmod FILE WORDS`, the module itself last
 */
export function optionWords(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => /^insmod \S*\/nf[_-]conntrack\.ko/.test(line));
  return (lines.at(-1) ?? '').split(/\s+/).slice(2).filter(Boolean);
}

const FLAGS = ['acct', 'tstamp', 'enable_hooks', 'nf_conntrack_helper'];
const NUMBERS = ['hashsize', 'expect_hashsize'];

/**
 * Is this a word that makes the load fail? An unknown name is ignored by the kernel, a value it cannot read is not.
 * `hashsize = 5` comes as three words, of which `hashsize` has no value. Source: parse_args and param_set_uint in
 * kernel/params.c, nf_conntrack_set_hashsize in net/netfilter/nf_conntrack_core.c
 * @param word `name` or `name=value`
 */
export function isBadOption(word: string): boolean {
  const [name = '', value] = word.split(/=(.*)/s);
  const plain = name.replaceAll('-', '_');
  if (NUMBERS.includes(plain)) return value === undefined || !isUint(value);
  return FLAGS.includes(plain) && value !== undefined && !/^([01yYnN]|on|off|On|Off|ON|OFF)/.test(value);
}

/** kstrtouint with base 0: decimal, 0x…, 0…; at most 2^32 − 1; quotes were taken off by kmod. */
function isUint(value: string): boolean {
  const number = /^\+?(0[xX][\da-fA-F]+|\d+)$/.exec(value.replace(/^"(.*)"$/, '$1'))?.[1];
  if (number === undefined || /^0[0-7]*[89]/.test(number)) return false;
  const digits = /^0\d/.test(number) ? `0o${number.slice(1)}` : number;
  return BigInt(digits) <= 0xffffffffn;
}
