/** The lines of a listing as flows; those that are none are counted, and the first of them named. Pure. */
import { type Blocks, blocks } from './blocks.ts';
import { LF } from './bytes.ts';
import { emptyFlow, type Flow, turnTo } from './flow.ts';
import { readLine } from './line.ts';
import { readSave } from './save.ts';
import { readXml } from './xml.ts';

/** Bad lines that are told with their text; the others are counted. */
const SHOWN = 5;
const EXCERPT = 120;

/** `line` counts from 1; `text` is the beginning of the line, as it is. */
export type BadLine = { readonly line: number; readonly why: string; readonly text: string };

/** `text`: the lines of conntrack -L and of /proc; the others as `-o` calls them. */
export type Form = 'text' | 'save' | 'xml';

export type Listing = Blocks & {
  /** lines that should be a flow and are none */
  bad(): { readonly count: number; readonly first: readonly BadLine[] };
  /** the forms that the flows had */
  forms(): readonly Form[];
};

const READERS: Readonly<Record<Form, (flow: Flow) => string | undefined>> = {
  text: readLine,
  save: readSave,
  xml: readXml,
};

/** @param take is given every flow, the same object each time */
export function listing(take: (flow: Flow) => void): Listing {
  const flow = emptyFlow();
  const first: BadLine[] = [];
  const forms: Form[] = [];
  let line = 0;
  let bad = 0;
  const fail = (why: string, bytes: Uint8Array): void => {
    bad += 1;
    if (first.length < SHOWN) first.push({ line, why, text: new TextDecoder().decode(bytes.subarray(0, EXCERPT)) });
  };
  const lines = (bytes: Uint8Array, start: number, end: number): void => {
    turnTo(flow, bytes);
    flow.at = start;
    while (flow.at < end) {
      line += 1;
      const begin = flow.at;
      const form = formOf(flow.bytes[begin]);
      const why = form === 'text' ? readLine(flow) : READERS[form](flow);
      if (why === undefined) {
        if (forms[0] !== form && !forms.includes(form)) forms.push(form);
        take(flow);
        continue;
      }
      flow.at = flow.bytes.indexOf(LF, begin) + 1;
      const text = flow.bytes.subarray(begin, flow.at - 1);
      if (!isBeside(text)) fail(why, text);
    }
  };
  const tooLong = (beginning: Uint8Array): void => {
    line += 1;
    fail('it is longer than any line of a listing', beginning);
  };
  return { ...blocks({ lines, tooLong }), bad: () => ({ count: bad, first }), forms: () => forms };
}

function formOf(first: number | undefined): Form {
  return first === 45 ? 'save' : first === 60 ? 'xml' : 'text';
}

/**
 * What stands beside the flows: empty lines, conntrack's own count and its complaint where no labels are named, the frame
 * of an XML listing.
 */
const BESIDE =
  /^\s*$|^nfct_labelmap_new: |^conntrack v\S+ \(conntrack-tools\): \d+ flow entries have been shown\.\s*$|^<\?xml |^<\/?conntrack>\s*$/;

function isBeside(text: Uint8Array): boolean {
  return text.length < 200 && BESIDE.test(new TextDecoder().decode(text));
}
