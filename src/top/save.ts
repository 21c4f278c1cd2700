/**
 * A line of `conntrack -L -o save` as a flow. Pure. Source: ct_save_snprintf in src/conntrack.c of conntrack-tools.
 * `-A -t 300 -u SEEN_REPLY,ASSURED -w 7 -s … -d … -r … -q … -p tcp --sport … --dport … --reply-port-src … --state …`;
 * a translated address is `-g` (DNAT) in the place of `-r`, `-n` (SNAT) in the place of `-q`.
 */
import { ASSURED, clearFlow, DNAT, type Flow, SNAT, UNREPLIED } from './flow.ts';
import { digits, protocolNumber, takeLatin } from './latin.ts';
import { readAddress } from './line.ts';

/** Reads the line at `flow.at`; see readLine. */
export function readSave(flow: Flow): string | undefined {
  clearFlow(flow);
  const start = flow.at;
  const line = takeLatin(flow);
  const next = flow.at;
  const given = optionsIn(line);
  const value = (...names: readonly string[]) => names.map((name) => given.get(name)).find((one) => one !== undefined);
  const protocol = protocolNumber(value('-p')?.text ?? '');
  const from = value('-s');
  const to = value('-d');
  const reply = { from: value('-g', '-r')?.text, to: value('-n', '-q')?.text };
  if (protocol === undefined) return 'it names no protocol that can be told';
  if (from === undefined || to === undefined) return 'it has no original source and destination';
  if (reply.from === undefined || reply.to === undefined) return 'it has no reply source and destination';
  if (!readAddress(flow, start + from.at, flow.source)) return 'its source is no address';
  if (!readAddress(flow, start + to.at, flow.destination)) return 'its destination is no address';
  flow.protocol = protocol;
  flow.left = digits(value('-t')?.text, -1);
  flow.zone = digits(value('-w', '--zone')?.text, 0);
  const status = value('-u')?.text.split(',') ?? [];
  if (!status.includes('SEEN_REPLY')) flow.flags |= UNREPLIED;
  if (status.includes('ASSURED')) flow.flags |= ASSURED;
  const state = value('--state');
  if (state !== undefined && state.text.length < 40) {
    flow.state = start + state.at;
    flow.stateEnd = flow.state + state.text.length;
  }
  const port = (...names: readonly string[]) => digits(value(...names)?.text, -1);
  const sport = port('--sport', '--orig-port-src');
  const dport = port('--dport', '--orig-port-dst');
  flow.port = dport <= 65535 ? dport : -1;
  if (reply.from !== to.text || port('--reply-port-src') !== dport) flow.flags |= DNAT;
  if (reply.to !== from.text || port('--reply-port-dst') !== sport) flow.flags |= SNAT;
  flow.at = next;
  return undefined;
}

type Option = { readonly text: string; readonly at: number };

/** Every option with its value and the place of that in the line. */
function optionsIn(line: string): ReadonlyMap<string, Option> {
  const options = new Map<string, Option>();
  for (const match of line.matchAll(/(?:^| )(-[\w-]+) ([^\s-]\S*)/g)) {
    const [all, name = '', text = ''] = match;
    options.set(name, { text, at: match.index + all.length - text.length });
  }
  return options;
}
