/** Questions to a person on a terminal; inquirer is loaded when there is one to ask. */

import { escapeLine } from './render/escape.ts';

export type Question<T extends string> = {
  readonly message: string;
  readonly choices: readonly { readonly value: T; readonly name: string }[];
  /** what Enter takes, and what an interrupted question (ctrl-C, end of input) counts as */
  readonly fallback: T;
};

export type Ask = <T extends string>(question: Question<T>) => Promise<T>;

/** An asker on the given streams; the conversation goes to `output`, which should not be the product's stdout. */
export function askOn(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Ask {
  return async <T extends string>(question: Question<T>): Promise<T> => {
    const { default: inquirer } = await import('inquirer');
    const prompt = inquirer.createPromptModule({ input, output });
    const message = escapeLine(question.message);
    const choices = question.choices.map(({ value, name }) => ({ value, name: escapeLine(name) }));
    const { fallback } = question;
    try {
      const answers = await prompt([
        { type: 'select', name: 'answer', message, choices, default: fallback, loop: false },
      ]);
      return choices.find(({ value }) => value === answers.answer)?.value ?? fallback;
    } catch (error) {
      if (error instanceof Error && /^(ExitPrompt|AbortPrompt)Error$/.test(error.name)) return fallback;
      throw error;
    }
  };
}
