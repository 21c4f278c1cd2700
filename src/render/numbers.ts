/** Numbers as people read them: thousands separated, bytes with a unit, times in UTC. Pure. */

/** `1048576` → `1,048,576`: for prose; diffs and commands keep plain digits. */
export function grouped(value: number): string {
  const digits = String(value);
  return value >= 0 && value < 1000 ? digits : digits.replace(/\B(?=([0-9]{3})+$)/g, ',');
}

/** The length of an average chain, in as many digits as tell something: `0.0037`, `2`, `61`. */
export function chainDigits(length: number): string {
  return length >= 10 ? grouped(Math.round(length)) : String(Number(length.toPrecision(2)));
}

const STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes with the largest binary unit below 1024 of it: `37748736` → `36.0 MiB`. */
export function bytes(value: number): string {
  let amount = value;
  let step = 0;
  while (Math.abs(amount) >= 1024 && step < STEPS.length - 1) {
    amount /= 1024;
    step += 1;
  }
  return step === 0 ? `${grouped(amount)} B` : `${amount.toFixed(1)} ${STEPS[step]}`;
}

/** A share as a percentage: `0.0092` → `0.92 %`; two digits that count, never `0 %` for something. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return '0 %';
  return value < 0.01 ? 'under 0.01 %' : `${Number(value.toPrecision(2))} %`;
}

/** `2026-11-24 05:33:10Z`: sortable, and the same on every reader's machine. */
export function instant(time: Date): string {
  const [day = '', rest = ''] = time.toISOString().split('T');
  return `${day} ${rest.slice(0, 8)}Z`;
}

/** A length of time in its two largest units: `93784` seconds → `1 d 2 h`. */
export function duration(seconds: number): string {
  const units: readonly [number, string][] = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const whole = Math.max(0, Math.round(seconds));
  const first = units.findIndex(([size]) => whole >= size);
  if (first === -1) return '0 s';
  let rest = whole;
  const parts = units.slice(first, first + 2).map(([size, name]) => {
    const many = Math.floor(rest / size);
    rest -= many * size;
    return many === 0 ? '' : `${many} ${name}`;
  });
  return parts.filter((part) => part !== '').join(' ');
}

/** `1 flow`, `2 flows`. */
export function plural(many: number, one: string, more = `${one}s`): string {
  return `${grouped(many)} ${many === 1 ? one : more}`;
}
