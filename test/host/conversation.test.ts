/** A reader that takes nothing, as a terminal that is stopped: nobody waits for it, and it gets all of it later. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { conversationAt, isSameTerminal, openConversation } from '../../src/host/conversation.ts';
import { errnoOf } from '../../src/host/sentence.ts';

const folder = mkdtempSync(join(tmpdir(), 'ctfix-conversation-'));
const fifo = join(folder, 'fifo');
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  rmSync(fifo, { force: true });
  execFileSync('mkfifo', [fifo]);
});

const reader = () => openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);

/** All that is there now. */
function taken(fd: number): string {
  const bytes = Buffer.alloc(65_536);
  let text = '';
  try {
    for (let size = readSync(fd, bytes); size > 0; size = readSync(fd, bytes)) text += bytes.toString('utf8', 0, size);
  } catch (error) {
    if (errnoOf(error) !== 'EAGAIN') throw error;
  }
  return text;
}

test('what is not taken now comes later, whole and in order, and no write waits', async () => {
  const fd = reader();
  const conversation = openConversation(fifo);
  const lines = Array.from({ length: 3000 }, (_, at) => `line ${at} \u00b7 ${'x'.repeat(60)}\n`);
  for (const line of lines) conversation?.write(line);
  expect(conversation?.isBehind()).toBe(true);
  let text = '';
  await expect
    .poll(() => {
      text += taken(fd);
      return conversation?.isBehind();
    })
    .toBe(false);
  expect(text + taken(fd)).toBe(lines.join(''));
  closeSync(fd);
});

test('what is taken at once is there at once', () => {
  const fd = reader();
  const conversation = openConversation(fifo);
  conversation?.write('now');
  expect([taken(fd), conversation?.isBehind()]).toEqual(['now', false]);
  closeSync(fd);
});

test('a reader that goes away is no error and keeps nothing back', async () => {
  const fd = reader();
  const conversation = openConversation(fifo);
  conversation?.write('x'.repeat(500_000));
  expect(conversation?.isBehind()).toBe(true);
  closeSync(fd);
  await expect.poll(() => conversation?.isBehind()).toBe(false);
  conversation?.write('more');
  expect(conversation?.isBehind()).toBe(false);
});

test('what cannot be opened, and what is no terminal, has none', () => {
  expect(openConversation(join(folder, 'none'))).toBeUndefined();
  const fd = openSync('/dev/null', 'w');
  expect([conversationAt(fd), isSameTerminal(fd, fd)]).toEqual([undefined, false]);
  closeSync(fd);
});
