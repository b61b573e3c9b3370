/** The name of the environment variable by which a job gets the target's API key. */
export const API_KEY_ENV = 'QDRANT_BENCH_TARGET_API_KEY';

/** What one process knows of a sweep besides the record. */
export interface SweepContext {
  experiment: string;
  /** Folder of the prepared dataset. */
  datasetDir: string;
  /** Failed attempts of this process, by run. */
  failures: Map<string, number>;
}
