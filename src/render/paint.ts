/** Colour and characters for the reader's terminal, and nothing where there is none. Pure. */

import { isNearlyFull } from '../kernel.ts';

/** How a stream is shown: colour only on a terminal that wants it; check marks only where UTF-8 is sure. */
export type View = { readonly colour: boolean; readonly unicode: boolean };

const SGR = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const;

/**
 * The colour of a share of max, none while it is well. Red from where the kernel takes the table for nearly full (see
 * isNearlyFull), yellow from where monitoring usually warns.
 */
export function alarmOf(share: number): 'red' | 'yellow' | undefined {
  if (isNearlyFull(share, 1)) return 'red';
  return share >= 0.75 ? 'yellow' : undefined;
}

export type Paint = Readonly<Record<keyof typeof SGR, (text: string) => string>>;

/** Functions that colour a piece of text, or leave it as it is (ECMA-48 SGR). */
export function paint(view: View): Paint {
  const with_ = (name: keyof typeof SGR) => (text: string) => {
    const [on, off] = SGR[name];
    return view.colour && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  };
  return {
    bold: with_('bold'),
    dim: with_('dim'),
    red: with_('red'),
    green: with_('green'),
    yellow: with_('yellow'),
    cyan: with_('cyan'),
  };
}
