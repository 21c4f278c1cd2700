/** Lines of a report: columns that line up, prose that ends before column 100. Pure. */

export const WIDTH = 100;

/**
 * Breaks prose between words, but never within `sudo ctfix confirm`, which is there to be copied; words that are longer
 * (paths) stay whole.
 * @param first what the first line begins with
 * @param rest what the others begin with, usually spaces of the same length
 */
export function wrap(text: string, first: string, rest = ' '.repeat(first.length)): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(/(?<!\b(?:sudo|ctfix)) /)) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = rest;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].map((one) => one.trimEnd());
}

/**
 * Rows with aligned columns, the last one wrapped under itself.
 * @param rows every row with as many cells; right-aligned where the column is named in `right`
 */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const last = Math.max(0, ...rows.map((row) => row.length)) - 1;
  const widths = Array.from({ length: last }, (_, at) => Math.max(0, ...rows.map((row) => (row[at] ?? '').length)));
  return rows.flatMap((row) => {
    const cells = widths.map((width, at) => {
      const cell = row[at] ?? '';
      return right.includes(at) ? cell.padStart(width) : cell.padEnd(width);
    });
    return wrap(row[last] ?? '', `  ${cells.map((cell) => `${cell}  `).join('')}`);
  });
}

/** A heading and its lines, with an empty line before; nothing at all when there are no lines. */
export function section(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', heading, ...lines];
}
