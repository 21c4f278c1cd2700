import { expect, test } from 'vitest';
import { CtfixError, HostError } from '../../src/errors.ts';
import { errorText } from '../../src/render/error.ts';

const about = 'ctfix 0.1.0, node v20';

test('an explained error is a sentence, what to do, and its exit code', () => {
  expect(errorText(new CtfixError('refused', '/etc/x:3: \x1b[2J', { hint: 'remove it' }), about)).toEqual({
    text: 'ctfix: /etc/x:3: \\e[2J\n  remove it\n',
    code: 3,
  });
});

test('a file that cannot be read is explained too', () => {
  expect(errorText(new HostError('/etc/x', 'EACCES', '/etc/x cannot be read: no permission'), about)).toEqual({
    text: 'ctfix: /etc/x cannot be read: no permission\n',
    code: 1,
  });
});

test.each([
  ['an Error', new TypeError('x is not a function\x07')],
  ['a string', 'x is not a function\x07'],
])('%s of ours keeps what is needed to find the bug', (_, error) => {
  const { text, code } = errorText(error, about);
  expect(code).toBe(1);
  expect(text).toMatch(/^ctfix: this is a bug in ctfix\. Please report it/);
  expect(text).toContain('ctfix facts --record');
  expect(text).toContain('x is not a function\\x07');
  expect(text).toContain(about);
});
