// A Unix socket that carries one JSON object a line, both ways: QMP and the guest's agent speak this.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Message = Record<string, unknown>;

/** Connects as soon as somebody listens at `path`. */
export async function connectLines(
  path: string,
  onMessage: (message: Message) => void,
  limitMs = 20_000,
): Promise<Socket> {
  const socket = await connectWithin(path, Date.now() + limitMs);
  let pending = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) {
      const message = parse(line);
      if (message) onMessage(message);
    }
  });
  return socket;
}

async function connectWithin(path: string, deadline: number): Promise<Socket> {
  for (;;) {
    const socket = connect(path);
    const error = await new Promise<Error | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined)).once('error', resolve);
    });
    if (!error) return socket.on('error', () => {});
    if (Date.now() > deadline) throw error;
    await sleep(20);
  }
}

/** A reboot can cut a line in two: what is no JSON is dropped. */
function parse(line: string): Message | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
