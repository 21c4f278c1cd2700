/** state.json with one change, as ctfix writes it. */
import { recordedHost } from '../../src/host/recorded.ts';
import type { ChangeRecord } from '../../src/model.ts';
import { folder } from './recorded.ts';

const here = (await recordedHost(folder('debian12-idle-2g')).readFile('/proc/sys/kernel/random/boot_id'))?.trim() ?? '';

type Told = { readonly outcome?: ChangeRecord['outcome']; readonly bootId?: string; readonly until?: number };

/**
 * A live change to 131072 on debian12-idle-2g.
 * @param told `bootId`: the boot in which it was made, that of the recording unless told; `until`: it waits to be
 *   confirmed for so many seconds after the boot
 */
export function stateText({ outcome = 'applied', bootId = here, until }: Told): string {
  const change: ChangeRecord = {
    id: '20261124-050000-1a2b',
    at: '2026-11-24T05:00:00.000Z',
    bootId,
    uptime: 20,
    outcome,
    options: {},
    strategy: 'live',
    targets: { max: 131072, buckets: 131072, values: {} },
    before: { max: 65536, buckets: 65536 },
    ...(until !== undefined && { pendingConfirm: { until, bootId } }),
  };
  return JSON.stringify({ schema: 'ctfix.state/v1', changes: [change] });
}

/** A live change that is in force, with no more than what every record has. */
export const APPLIED = {
  id: 'ID',
  at: '2026-11-24T05:00:00.000Z',
  bootId: 'b0000000-0000-4000-8000-000000000001',
  uptime: 100,
  outcome: 'applied',
  options: {},
  strategy: 'live',
  before: {},
} as const;
