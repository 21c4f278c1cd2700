// Which branches of the parsers were reached: the arms of if, ?:, &&, ||, ??, switch, default values and catch in a bundle
// of esbuild, counted as istanbul counts them, against V8's block counts. Asynchronous functions look at hosts and are no
// parsers.
import { readFileSync } from 'node:fs';
import { parseAst } from 'vitest/node';

/**
 * @param bundle path of the file that ran
 * @param runs what Profiler.takePreciseCoverage gave for it, for each worker
 * @param parsers files of src that hold parsers
 * @returns for each file: name, all, reached, missed (line and text of each)
 */
export function branchesOf(bundle, runs, parsers) {
  const code = readFileSync(bundle, 'utf8');
  const counts = runs.map((functions) => countsOf(functions, code.length));
  const sections = [...code.matchAll(/^\/\/ (src\/\S+)$/gm)].map((match) => ({ name: match[1], at: match.index }));
  const files = new Map();
  for (const arm of armsOf(parseAst(code))) {
    const name = sections.findLast(({ at }) => at < arm.at)?.name;
    if (name === undefined || !parsers.includes(name)) continue;
    const file = files.get(name) ?? { name, all: 0, reached: 0, missed: [] };
    file.all += 1;
    if (counts.some((count) => arm.isReached(count))) file.reached += 1;
    else file.missed.push(code.slice(arm.at, arm.at + 90).replace(/\s+/g, ' '));
    files.set(name, file);
  }
  return [...files.values()].sort((a, b) => a.reached / a.all - b.reached / b.all);
}

/** How often each character was run: the innermost range counts, and inner ranges come after outer ones. */
function countsOf(functions, length) {
  const counts = new Float64Array(length);
  const ranges = functions.flatMap((one) => one.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of ranges) counts.fill(count, startOffset, endOffset);
  return counts;
}

/** Every arm with its place, and how to tell from the counts whether it was taken. */
function armsOf(tree) {
  const arms = [];
  const add = (node) => arms.push({ at: node.start, isReached: (counts) => counts[node.start] > 0 });
  const without = (node, taken) =>
    arms.push({ at: node.start, isReached: (counts) => counts[node.start] > counts[taken.start] });
  const kinds = {
    IfStatement(node) {
      add(node.consequent);
      if (node.alternate) add(node.alternate);
      else without(node, node.consequent);
    },
    ConditionalExpression(node) {
      add(node.consequent);
      add(node.alternate);
    },
    LogicalExpression(node) {
      if (node.left.type !== 'LogicalExpression' || node.left.operator !== node.operator) add(node.left);
      add(node.right);
    },
    SwitchCase: add,
    AssignmentPattern: (node) => add(node.right),
    CatchClause: (node) => add(node.body),
  };
  walk(tree, (node) => kinds[node.type]?.(node));
  return arms;
}

function walk(node, visit) {
  if (node.async) return;
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value])
      if (child !== null && typeof child === 'object' && typeof child.type === 'string') walk(child, visit);
  }
}
