/** Whether a value of the table is the wanted one, as the kernel rounds and prints it. Pure. */
import { BUCKETS_KEY, HASHSIZE_PATH, pathOf } from './own.ts';

/** Both names of one number in the kernel. */
export const isBuckets = (path: string): boolean => path === HASHSIZE_PATH || path === pathOf(BUCKETS_KEY);

/** Pointers in a page, from 4 KiB with 64 bit (512) to 64 KiB (8192); 1024 and more with 32 bit or larger pages. */
const PAGES = [512, 1024, 2048, 4096, 8192, 16384];

/**
 * Whether the kernel's value is the wanted one: buckets are rounded up to whole pages of pointers
 * (nf_ct_alloc_hashtable in net/netfilter/nf_conntrack_core.c), everything else is compared word by word.
 */
export function isValue(path: string, wanted: string, saw: string | undefined): boolean {
  if (saw === undefined) return false;
  if (words(saw) === words(wanted)) return true;
  if (!isBuckets(path) || !/^\d+$/.test(wanted)) return false;
  return PAGES.some((page) => Math.ceil(Number(wanted) / page) * page === Number(saw));
}

const words = (text: string): string => text.trim().split(/\s+/).join(' ');
