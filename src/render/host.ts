/** The host in one line, at the head of a report. Pure. */
import { bytes } from './numbers.ts';

/** `Debian GNU/Linux 12 (bookworm), kernel 6.1.0-56-cloud-amd64, 1.9 GiB of memory`; what is not known is called so. */
export function hostWords(host: {
  readonly os: string;
  readonly kernel: string;
  /** 0 is unknown */
  readonly memTotalKiB: number;
  readonly container?: string | undefined;
}): string {
  const kernel = host.kernel === '' ? 'kernel unknown' : `kernel ${host.kernel}`;
  const memory = host.memTotalKiB === 0 ? 'memory unknown' : `${bytes(host.memTotalKiB * 1024)} of memory`;
  const where = host.container === undefined ? '' : `, in a container (${host.container})`;
  return `${host.os || 'system unknown'}, ${kernel}, ${memory}${where}`;
}
