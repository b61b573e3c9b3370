import { sweepStatusSchema } from '../../crds/sweep/sweep-status.ts';
import type { Started } from './cluster/scene.ts';
import { difference, type NormalForm } from './normal-form.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * `lost`: something is missing that was promised. `doubled`: something was done twice. `orphaned`: something is there that
 * nobody will ever take away. `wrong`: anything else that may not be.
 */
export interface Violation {
  kind: 'lost' | 'doubled' | 'orphaned' | 'wrong';
  what: string;
}

/** What a scenario may do to a sweep without breaking a promise. */
export interface Allowed {
  /** A Job, a collection or a volume was taken away: what was not in the record is measured again. */
  remeasuring?: boolean;
  /** A Job was taken away, and is made again under its own name. */
  remadeJobs?: boolean;
  /** Of the operators' own: a deposed leader ends itself, for one. */
  exitCodes?: readonly number[];
}

const MAX_STATUS_BYTES = 64 * 1024;
/** Present until the sweep is deleted: what was prepared is not prepared again when the sweep goes on. */
const KEPT = 'PersistentVolumeClaim';

/** What is wrong with a sweep that has come to its end, and is still there. Pure. */
export function endViolations(
  snapshot: Snapshot,
  wanted: NormalForm,
  got: NormalForm,
  allowed: Allowed = {},
): Violation[] {
  return [
    ...statusViolations(snapshot),
    ...lostViolations(wanted, got),
    ...doubledViolations(snapshot, allowed),
    ...snapshot.objects
      .filter(({ kind }) => kind !== KEPT)
      .map(({ kind, metadata }) => orphan(`${kind} ${metadata.name} is there after the end`)),
    ...collectionViolations(snapshot),
    ...busViolations(snapshot),
    ...exitViolations(snapshot, allowed),
  ];
}

/** What is wrong when the sweep was deleted and is gone. Pure. */
export function goneViolations(snapshot: Snapshot, allowed: Allowed = {}): Violation[] {
  return [
    ...doubledViolations(snapshot, allowed),
    ...snapshot.objects.map(({ kind, metadata }) => orphan(`${kind} ${metadata.name} is there after the sweep`)),
    ...snapshot.collections.map((name) => orphan(`collection ${name} is there after the sweep`)),
    ...busViolations(snapshot),
    ...exitViolations(snapshot, allowed),
  ];
}

function statusViolations({ sweep }: Snapshot): Violation[] {
  if (!sweep) return [{ kind: 'lost', what: 'the sweep is gone' }];
  const { status, metadata } = sweep as typeof sweep & { status?: { observedGeneration?: number } };
  if (status === undefined) return [{ kind: 'lost', what: 'the sweep has no status' }];
  const violations: Violation[] = [];
  const bytes = Buffer.byteLength(JSON.stringify(status));
  if (bytes >= MAX_STATUS_BYTES) {
    violations.push({ kind: 'wrong', what: `status has ${bytes} bytes, fewer than ${MAX_STATUS_BYTES} expected` });
  }
  const parsed = sweepStatusSchema.safeParse(status);
  if (!parsed.success) violations.push({ kind: 'wrong', what: `status is not of its schema: ${parsed.error.message}` });
  if (status.observedGeneration !== metadata.generation) {
    const { observedGeneration } = status;
    violations.push({
      kind: 'wrong',
      what: `status is of generation ${observedGeneration}, not ${metadata.generation}`,
    });
  }
  return violations;
}

function lostViolations(wanted: NormalForm, got: NormalForm): Violation[] {
  const violations: Violation[] = [];
  for (const part of ['runs', 'searches'] as const) {
    const left = [...got[part]];
    for (const line of wanted[part]) {
      const at = left.indexOf(line);
      if (at === -1) violations.push({ kind: 'lost', what: `${part}: ${line} is not in the record` });
      else left.splice(at, 1);
    }
    for (const line of left) violations.push({ kind: 'wrong', what: `${part}: ${line} is in the record unasked` });
  }
  const other = difference(got.status, wanted.status);
  if (other !== undefined) violations.push({ kind: 'lost', what: `the final status differs: ${other}` });
  return violations;
}

function doubledViolations({ record, started, said, collectionsMade }: Snapshot, allowed: Allowed): Violation[] {
  const violations: Violation[] = [];
  const doubled = (what: string, items: readonly string[]): void => {
    for (const item of repeated(items)) violations.push({ kind: 'doubled', what: `${what} ${item}` });
  };
  doubled(
    'two rows of search',
    record.searches.map(({ id }) => id),
  );
  doubled('made twice: collection', collectionsMade);
  if (!allowed.remadeJobs) {
    // A Job's name says what it is for, attempt included.
    const jobs = new Map(started.map(({ jobUid, job }) => [jobUid, job]));
    doubled('two Jobs of the name', [...jobs.values()]);
  }
  for (const [one, other] of overlapping(started)) {
    violations.push({ kind: 'doubled', what: `load generators at the same time: ${one.pod} and ${other.pod}` });
  }
  doubled(
    'two pods of Job',
    started.map(({ job, jobUid }) => `${job} (${jobUid})`),
  );
  if (!allowed.remeasuring) {
    const measured = said.flatMap(({ message }) =>
      message.type === 'search' ? [`${message.id} (${message.stage}, repeat ${message.repeat})`] : [],
    );
    doubled('measured twice: search', measured);
  }
  return violations;
}

/** Load generators that ran at the same time: each measured the other's load. */
function overlapping(started: readonly Started[]): [Started, Started][] {
  return started.flatMap((one, index) =>
    started.slice(index + 1).flatMap((other): [Started, Started][] => {
      const [first, second] = one.at <= other.at ? [one, other] : [other, one];
      return (first.endedAt ?? Infinity) > second.at ? [[first, second]] : [];
    }),
  );
}

function collectionViolations({ collections, record }: Snapshot): Violation[] {
  const known = new Set(record.undeleted.map(({ collection }) => collection));
  return [
    ...collections.map((name) =>
      orphan(`collection ${name} is there after the end${known.has(name) ? '' : ', and the record does not know'}`),
    ),
    ...record.undeleted.map(({ collection }) => orphan(`the record still takes collection ${collection} to be there`)),
  ];
}

function busViolations({ bus }: Snapshot): Violation[] {
  return [
    ...bus.consumers.map((name) => orphan(`NATS consumer ${name} is there after the end`)),
    ...Object.entries(bus.messages).map(([subject, count]) => orphan(`NATS keeps ${count} messages of ${subject}`)),
  ];
}

function exitViolations({ exits }: Snapshot, { exitCodes = [] }: Allowed): Violation[] {
  return exits
    .filter(({ code, wanted }) => (wanted ? code !== null && code !== 0 : !exitCodes.includes(code ?? -1)))
    .map(({ code, signal }) => ({ kind: 'wrong', what: `an operator ended by ${signal ?? `exit code ${code}`}` }));
}

const orphan = (what: string): Violation => ({ kind: 'orphaned', what });

function repeated(items: readonly string[]): string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const item of items) (seen.has(item) ? twice : seen).add(item);
  return [...twice];
}
