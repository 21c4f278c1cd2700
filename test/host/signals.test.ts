import { describe, expect, test } from 'vitest';
import { catchSignals, type SignalWay } from '../../src/host/signals.ts';

function caught(way: SignalWay, hasBegun = () => true) {
  const hearers = new Map<string, () => void>();
  const notes: string[] = [];
  const ways: boolean[] = [];
  const came = catchSignals(way, hasBegun, {
    on: (signal, heard) => hearers.set(signal, heard),
    note: (text) => notes.push(text),
    exit: (begun) => ways.push(begun),
  });
  const send = (signal: string) => {
    hearers.get(signal)?.();
    return { came: came(), exits: ways.length, ways, said: notes.join('') };
  };
  return send;
}

describe('signals', () => {
  test('the first is told and remembered, the second ends the process', () => {
    const send = caught('after-step');
    expect(send('SIGHUP')).toMatchObject({ came: true, exits: 0, said: expect.stringContaining('after this step') });
    expect(send('SIGTERM').exits).toBe(1);
  });

  test('before anything has begun nothing is promised about clearing up, and nothing has to be', () => {
    const send = caught('after-step', () => false);
    expect(send('SIGINT').said).toBe('ctfix: stopping before anything is changed; a second signal stops at once\n');
    const second = send('SIGINT');
    expect(second.ways).toEqual([false]);
    expect(second.said).toMatch(/nothing was changed\n$/);
    expect(second.said).not.toMatch(/rollback/);
  });

  test('begun between the two: there is something to clear up', () => {
    let begun = false;
    const send = caught('after-step', () => begun);
    send('SIGINT');
    begun = true;
    expect(send('SIGINT')).toMatchObject({ ways: [true], said: expect.not.stringContaining('nothing was changed') });
  });

  test('the one who waits for a service leaves the end of it to the service', () => {
    expect(caught('hangup-goes-on')('SIGINT').said).not.toMatch(/rollback/);
  });

  test('taking back does not promise to stop after a step, because it does not', () => {
    const { said } = caught('goes-on')('SIGINT');
    expect(said).not.toMatch(/after this step/);
    expect(said).toMatch(/goes on to its end/);
  });

  test.each(['hangup-goes-on', 'goes-on'] as const)('%s: a terminal that goes away is no reason to stop', (way) => {
    const send = caught(way);
    expect(send('SIGHUP')).toMatchObject({ came: false, exits: 0, said: '' });
    expect(send('SIGTERM')).toMatchObject({ came: true, exits: 0 });
    expect(send('SIGHUP').exits).toBe(0);
  });
});
