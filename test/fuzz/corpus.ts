// Valid texts to begin with: what the recorded hosts have, and the files in corpus/, whose names say for which parser.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Recording, readRecording } from '../../src/host/recorded.ts';

/** @param root of the project */
export function corpusOf(root: string): Corpus {
  const hosts = readdirSync(join(root, 'test/hosts')).map((name) => readRecording(join(root, 'test/hosts', name)));
  const folder = join(root, 'test/fuzz/corpus');
  const files = new Map(readdirSync(folder).map((name) => [name.replace(/\.\w+$/, ''), read(join(folder, name))]));
  const plans = readdirSync(join(root, 'test/golden')).filter((name) => /\.plan.*\.json$/.test(name));
  return {
    hosts,
    plans: plans.map((name) => read(join(root, 'test/golden', name))),
    of: (name) => parts(files.get(name) ?? ''),
    recorded: (path) =>
      hosts.flatMap(({ files = {}, commands = {} }) => [
        ...Object.entries(files).flatMap(([at, text]) => (path.test(at) ? [text] : [])),
        ...Object.entries(commands).flatMap(([words, { stdout }]) => (path.test(words) ? [stdout] : [])),
      ]),
  };
}

export type Corpus = {
  readonly hosts: readonly Recording[];
  readonly plans: readonly string[];
  /** the texts of a file in corpus/, which are separated by lines of `====` */
  of(name: string): readonly string[];
  /** texts of files, and outputs of commands, whose path or words match */
  recorded(path: RegExp): readonly string[];
};

const read = (path: string) => readFileSync(path, 'utf8');

function parts(text: string): readonly string[] {
  return text.split(/^====\n/m);
}
