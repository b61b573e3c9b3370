import { Client } from 'pg';
import type { Attempt } from '../../operator/runs/run-store.ts';
import type { RunRecord, SearchRecord } from '../../operator/judge/history.ts';
import { openRunStore } from '../../operator/runs/open-store.ts';
import { SCHEMA } from '../../operator/runs/schema.ts';
import type { KubeObject } from '../../operator/runtime/kube.ts';
import type { BusContent } from './bus-probe.ts';
import type { Said, Started } from './cluster/scene.ts';
import type { OperatorExit } from './operator-process.ts';

/** All that is left of a sweep, wherever it is. */
export interface Snapshot {
  /** Absent when it is deleted. */
  sweep: KubeObject | undefined;
  /** Every object made for it, Pods and Secrets included. */
  objects: readonly KubeObject[];
  /** On its Qdrant. */
  collections: readonly string[];
  /** Every collection ever made there, in order. */
  collectionsMade: readonly string[];
  record: SweepRecord;
  bus: BusContent;
  /** Load generators, in the order they were started. */
  started: readonly Started[];
  /** What load generators said and NATS took, in order. */
  said: readonly Said[];
  exits: readonly OperatorExit[];
}

/** What Postgres has of a sweep. */
export interface SweepRecord {
  runs: readonly RunRecord[];
  searches: readonly SearchRecord[];
  /** Attempts whose collection may still be there, as the record has it. */
  undeleted: readonly Attempt[];
}

/** Reads a sweep's record; one that no operator has come to begin is empty. */
export async function readRecord(url: string, namespace: string, name: string): Promise<SweepRecord> {
  if (!(await hasTables(url))) return { runs: [], searches: [], undeleted: [] };
  const store = await openRunStore(url);
  try {
    const all = await Promise.all(
      (await store.findExperiments(namespace, name)).map(async ({ id }) => ({
        ...(await store.history(id)),
        undeleted: await store.undeletedCollections(id),
      })),
    );
    return {
      runs: all.flatMap(({ runs }) => runs),
      searches: all.flatMap(({ searches }) => searches),
      undeleted: all.flatMap(({ undeleted }) => undeleted),
    };
  } finally {
    await store.close();
  }
}

/** Opening a store makes its tables, which is the operator's part here. */
async function hasTables(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ found: string | null }>('select to_regclass($1) as found', [
      `${SCHEMA}.searches`,
    ]);
    return rows[0]?.found !== null;
  } finally {
    await client.end();
  }
}
