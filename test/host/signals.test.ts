import { describe, expect, test } from 'vitest';
import { catchSignals, type SignalWay } from '../../src/host/signals.ts';

function caught(way: SignalWay) {
  const hearers = new Map<string, () => void>();
  const notes: string[] = [];
  let exits = 0;
  const came = catchSignals(way, {
    on: (signal, heard) => hearers.set(signal, heard),
    note: (text) => notes.push(text),
    exit: () => {
      exits += 1;
    },
  });
  const send = (signal: string) => {
    hearers.get(signal)?.();
    return { came: came(), exits, said: notes.join('') };
  };
  return send;
}

describe('signals', () => {
  test('the first is told and remembered, the second ends the process', () => {
    const send = caught('after-step');
    expect(send('SIGHUP')).toMatchObject({ came: true, exits: 0, said: expect.stringContaining('after this step') });
    expect(send('SIGTERM').exits).toBe(1);
  });

  test('taking back does not promise to stop after a step, because it does not', () => {
    const { said } = caught('goes-on')('SIGINT');
    expect(said).not.toMatch(/after this step/);
    expect(said).toMatch(/goes on to its end/);
  });

  test.each(['hangup-goes-on', 'goes-on'] as const)('%s: a terminal that goes away is no reason to stop', (way) => {
    const send = caught(way);
    expect(send('SIGHUP')).toEqual({ came: false, exits: 0, said: '' });
    expect(send('SIGTERM')).toMatchObject({ came: true, exits: 0 });
    expect(send('SIGHUP').exits).toBe(0);
  });
});
