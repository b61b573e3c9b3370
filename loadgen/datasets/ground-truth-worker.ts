import { parentPort, workerData } from 'node:worker_threads';
import { searchRange, type TruthRange, type WorkerReply } from './ground-truth.ts';

/** Thread entry: searches its range of rows and answers with progress and the result. */
const reply = (message: WorkerReply): void => parentPort?.postMessage(message, []);
searchRange(workerData as TruthRange, (rows) => reply({ rows })).then(
  (result) => reply({ result }),
  (error: unknown) => reply({ error: String(error) }),
);
