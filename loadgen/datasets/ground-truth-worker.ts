import { parentPort, workerData } from 'node:worker_threads';
import { searchFilteredRange, type FilteredRange } from './filtered-truth.ts';
import { searchRange, type RangeResult, type TruthRange } from './ground-truth.ts';
import type { WorkerReply } from './row-ranges.ts';

/** Thread entry: searches its range of rows and answers with progress and the result. */
const reply = (message: WorkerReply<RangeResult>): void => parentPort?.postMessage(message, []);
const onRows = (rows: number): void => reply({ rows });
const range = workerData as TruthRange | FilteredRange;
('groups' in range ? searchFilteredRange(range, onRows) : searchRange(range, onRows)).then(
  (result) => reply({ result }),
  (error: unknown) => reply({ error: String(error) }),
);
