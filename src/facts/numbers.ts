/** How the kernel reads numbers from sysctl values and module parameters. Pure. */

/** 2^27: more buckets or flows than this is a mistake on any host; see CVE-2025-21648 for what it did to kernels. */
const ABSURD = 2 ** 27;

/** A value as the kernel would take it, and what is wrong with it; without `value` the kernel refuses it. */
export type KernelNumber = { readonly value?: number; readonly what?: string };

const INT_MAX = 2 ** 31 - 1;

/** Value of digits in C's base 0: 0x is hexadecimal, a leading 0 octal; undefined when it is no number. */
function baseZero(digits: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(digits)) return Number(digits);
  if (/^0[0-7]*$/.test(digits)) return Number.parseInt(digits, 8);
  return /^[1-9]\d*$/.test(digits) ? Number(digits) : undefined;
}

/**
 * A sysctl value for an integer key: a sign, digits in base 0, and whatever follows after white space is ignored.
 * @param text the value as the file has it, trimmed
 * @param zero what 0 does: `refused` (buckets), `unlimited` (max) or `fine`
 * Source: proc_dointvec and proc_get_long in kernel/sysctl.c; the upper bound is INT_MAX there.
 */
export function sysctlNumber(text: string, zero: 'refused' | 'unlimited' | 'fine'): KernelNumber {
  const [, sign = '', digits = '', rest = ''] = /^(-?)(\w+)(\s.*)?$/s.exec(text) ?? [];
  const value = baseZero(digits);
  if (value === undefined) return { what: `${quote(text)} is not a number: the kernel refuses it` };
  if (sign === '-' && value > 0) return { what: `${text} is negative: the kernel refuses it` };
  if (value > INT_MAX) return { what: `${digits} is more than 2147483647: the kernel refuses it` };
  if (value === 0 && zero === 'refused') return { what: '0 buckets: the kernel refuses it' };
  if (rest.trim() !== '') return { value, what: `text after the number ${digits}: the kernel takes the number alone` };
  if (value === 0 && zero === 'unlimited')
    return { value, what: '0 means no limit before Linux 6.19 and is refused since' };
  if (value > ABSURD && zero !== 'fine') return { value, what: `${value} is more than 134217728 (2^27)` };
  return { value };
}

/**
 * A hashsize at module load: one number in base 0 and nothing else.
 * @param text the value of the parameter, quotes already taken off
 * Source: param_set_uint → kstrtouint(val, 0, …); 0 lets the kernel choose; the table is limited to UINT_MAX/8 slots
 * (INT_MAX/8 from 6.13) in nf_ct_alloc_hashtable, and a module that cannot allocate it is not loaded.
 */
export function moduleNumber(text: string): KernelNumber {
  const fails = 'the module cannot be loaded with it';
  const value = baseZero(text.replace(/^\+/, ''));
  if (value === undefined) return { what: `hashsize ${quote(text)} is not a number: ${fails}` };
  if (value > 2 ** 32 - 1) return { what: `hashsize ${text} is more than 32 bits hold: ${fails}` };
  if (value > 2 ** 29 - 1) return { what: `hashsize ${text} is more than any kernel allows: ${fails}` };
  if (value > ABSURD) return { value, what: `hashsize ${text} is more than 134217728 (2^27)` };
  return value === 0 ? { value, what: 'hashsize 0 leaves the choice to the kernel' } : { value };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
