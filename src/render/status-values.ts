/** The values of the table, now and after the next boot, each with what gives it. Pure. */
import { isKnown, known, type Maybe } from '../model.ts';
import { changesAtBoot, type Given, type Origin } from '../origin.ts';
import { placeOf } from '../own.ts';
import type { Status } from '../status.ts';
import { plural } from './numbers.ts';

/** Name, moment, value and origin of max, buckets and whatever is not the kernel's own or does not stay. */
export function valueRows({ origins, module }: Status): string[][] {
  return origins.filter(isShown).flatMap((origin) => {
    const { name, now, boot, lost } = origin;
    const same = changesAtBoot(origin) === false && sameSource(now, boot);
    const rows = [
      ...(now === undefined
        ? [['now', '-', module.state === 'absent' ? 'the module is not loaded' : 'this kernel has no such key']]
        : [row('now', name, now)]),
      same ? ['next boot', 'same', 'same'] : row('next boot', name, boot),
      ...lost.map((line) => ['asked', digits(line.value), `${placeOf(line)} ${line.why}`]),
    ];
    return rows.map(([moment = '', value = '', how = ''], at) => [at === 0 ? name : '', moment, value, how]);
  });
}

/** How many values are not shown because nothing is special about them; [] where all are. */
export function otherValues({ origins }: Status): string[] {
  const hidden = origins.filter((origin) => !isShown(origin)).length;
  return hidden === 0
    ? []
    : [
        `  ${plural(hidden, 'other value')}: nothing sets ${hidden === 1 ? 'it' : 'them'} (-o json lists ${hidden === 1 ? 'it' : 'them'})`,
      ];
}

function isShown(origin: Origin): boolean {
  const { name, now, boot, lost, asked } = origin;
  if (name === 'max' || name === 'buckets') return true;
  if (asked !== undefined || lost.length > 0 || changesAtBoot(origin) === true) return true;
  const by = now === undefined ? known(boot)?.by : known(now)?.by;
  return by !== 'kernel' && by !== 'unknown' && by !== undefined;
}

function sameSource(now: Maybe<Given> | undefined, boot: Maybe<Given>): boolean {
  return now !== undefined && isKnown(now) && isKnown(boot) && now.by === boot.by && now.file === boot.file;
}

function row(moment: string, name: string, given: Maybe<Given>): string[] {
  if (!isKnown(given)) return [moment, 'unknown', given.unknown];
  const none = name === 'max' && given.value === '0';
  return [moment, none ? 'no limit' : digits(given.value), given.how];
}

function digits(text: string): string {
  return /^[0-9]+$/.test(text) ? text.replace(/\B(?=([0-9]{3})+$)/g, ',') : text;
}
