import type { ApiOutage } from './api-outage.ts';
import type { FirstStatus } from './first-status.ts';
import type { Hostile } from './hostile.ts';
import type { Idle } from './idle.ts';
import type { ManySweeps } from './many-sweeps.ts';
import type { NewLeader } from './new-leader.ts';

/** All that is measured of an operator. */
export interface Figures {
  firstStatus: FirstStatus;
  newLeader: NewLeader;
  apiOutage: ApiOutage;
  idle: Idle;
  manySweeps: ManySweeps;
  hostile: Hostile;
}

/** The measurements, in the order they are made. */
export const PARTS = [
  'firstStatus',
  'newLeader',
  'apiOutage',
  'idle',
  'manySweeps',
  'hostile',
] as const satisfies readonly (keyof Figures)[];
