import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeJson, escapeLine, escapeText } from '../../src/render/escape.ts';

const anything = fc.string({
  unit: fc.oneof(fc.nat({ max: 0xffff }), fc.nat({ max: 0x10ffff })).map((code) => String.fromCodePoint(code)),
});
/** Written otherwise than the code under test: by code point. */
const unsafe = (text: string) =>
  [...text].filter((character) => {
    const code = character.codePointAt(0) ?? 0;
    return (
      code < 0x20 ||
      (code >= 0x7f && code < 0xa0) ||
      (code >= 0x202a && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069) ||
      (code >= 0xd800 && code < 0xe000)
    );
  });

describe('escapeLine', () => {
  test.each([
    ['plain text, ü and 漢字', 'plain text, ü and 漢字'],
    ['\x1b[2Jgone', '\\e[2Jgone'],
    ['a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['\x00\x07\x7f\x9b', '\\x00\\x07\\x7f\\x9b'],
    ['evil\u202egnp.exe', 'evil\\u202egnp.exe'],
    ['\ud800 and \u{1f600}', '\\ud800 and \u{1f600}'],
    ['\u{e0041}', '\\udb40\\udc41'],
  ])('%j', (text, shown) => expect(escapeLine(text)).toBe(shown));

  test('nothing that a terminal obeys is left, whatever comes', () => {
    fc.assert(fc.property(anything, (text) => unsafe(escapeLine(text)).length === 0));
  });

  test('text of printable ASCII is left alone', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => escapeLine(text) === text));
  });
});

test('escapeText keeps line feeds and nothing else', () => {
  expect(escapeText('a\n\x1bb\r\n')).toBe('a\n\\eb\\r\n');
});

test('escaped JSON means the same', () => {
  fc.assert(
    fc.property(anything, (text) => {
      const written = escapeJson(JSON.stringify({ text }, null, 2));
      expect(unsafe(written.replaceAll('\n', ''))).toEqual([]);
      expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify({ text })));
    }),
  );
});
