/**
 * A line of `conntrack -L -o xml` as a flow: every flow is one line. Pure.
 * Source: src/conntrack/snprintf_xml.c of libnetfilter_conntrack.
 */
import { ASSURED, clearFlow, DNAT, type Flow, OFFLOADED, SNAT, UNREPLIED } from './flow.ts';
import { digits, takeLatin } from './latin.ts';
import { readAddress } from './line.ts';

/** Reads the line at `flow.at`; see readLine. */
export function readXml(flow: Flow): string | undefined {
  clearFlow(flow);
  const start = flow.at;
  const line = takeLatin(flow);
  const next = flow.at;
  if (!/^<flow[ >]/.test(line)) return 'it begins with a tag and is no flow';
  if (/^<flow type=/.test(line)) return 'it is an event, not a flow of a listing';
  const split = line.indexOf('<meta direction="reply">');
  const original = split < 0 ? line : line.slice(0, split);
  const reply = split < 0 ? '' : line.slice(split);
  const source = original.indexOf('<src>');
  const destination = original.indexOf('<dst>');
  const protocol = digits(/<layer4 protonum="(\d+)"/.exec(original)?.[1], 256);
  if (protocol > 255) return 'it names no protocol that can be told';
  if (source < 0 || !readAddress(flow, start + source + 5, flow.source)) return 'its source is no address';
  if (destination < 0 || !readAddress(flow, start + destination + 5, flow.destination))
    return 'its destination is no address';
  if (reply === '') return 'it has no reply source and destination';
  flow.protocol = protocol;
  flow.left = digits(tag(reply, 'timeout'), -1);
  flow.zone = digits(tag(reply, 'zone'), 0);
  flow.age = digits(tag(reply, 'deltatime'), -1);
  const port = digits(tag(original, 'dport'), -1);
  flow.port = port <= 65535 ? port : -1;
  flow.flags = flagsIn(original, reply);
  // The library names the states of SCTP and DCCP by the words of TCP.
  const state = protocol === 6 ? /<state>(\w{1,39})<\/state>/.exec(reply) : null;
  if (state !== null) {
    flow.state = start + split + state.index + 7;
    flow.stateEnd = flow.state + (state[1]?.length ?? 0);
  }
  flow.at = next;
  return undefined;
}

function flagsIn(original: string, reply: string): number {
  const crosses = (one: string, other: string) => tag(original, one) !== tag(reply, other);
  return (
    (reply.includes('<unreplied/>') ? UNREPLIED : 0) |
    (reply.includes('<assured/>') ? ASSURED : 0) |
    (/<(hw_)?offload\/>/.test(reply) ? OFFLOADED | ASSURED : 0) |
    (crosses('src', 'dst') || crosses('sport', 'dport') ? SNAT : 0) |
    (crosses('dst', 'src') || crosses('dport', 'sport') ? DNAT : 0)
  );
}

function tag(text: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)<`).exec(text)?.[1];
}
