/** What an upload may do at most, and where it begins. */
export interface UploadLimits {
  /** Rows a request: the first ones, and never more than `maxRows`. Equal: they are only lowered when the server must have fewer. */
  rows: number;
  maxRows: number;
  /** Requests at once, likewise. Equal: never changed. */
  parallel: number;
  maxParallel: number;
}

/** What happened to a request. Times in seconds on one clock. */
export type UploadEvent =
  | { kind: 'Done'; rows: number; startedAt: number; at: number }
  /** The server asked to be left alone for a while (429, 503, 507). */
  | { kind: 'Busy'; startedAt: number; at: number }
  /** The server takes no request of so many rows (413, or 429 that no waiting helps). */
  | { kind: 'TooLarge'; rows: number; at: number };

type Knob = 'parallel' | 'rows';

/** How much is sent at once, and what is known about that. */
export interface UploadControl {
  readonly limits: UploadLimits;
  readonly rows: number;
  readonly parallel: number;
  /** What has been heard since `from` of requests that began after it. */
  readonly epoch: { readonly from: number; readonly rows: number; readonly requests: number; readonly waited: number };
  /** Rows a second before the trial under way. */
  readonly base: number | undefined;
  readonly trial: { readonly knob: Knob; readonly before: number } | undefined;
  /** The knob to try next. */
  readonly next: Knob;
  /** Trials in a row that did not pay. */
  readonly failures: number;
  /** Epochs left before anything is tried again. */
  readonly resting: number;
  /** The server has once had enough: from then on by small steps. */
  readonly careful: boolean;
  readonly lastDecrease: number;
}

/** A step up must bring this much more, or it is taken back. */
const GAIN = 1.05;
const EPOCH_SECONDS = 0.2;
/** Mean seconds of a request above which it gets fewer rows: far from any timeout. */
const SLOW_SECONDS = 15;
const REST_AFTER_FAILURES = 20;
const REST_AFTER_BUSY = 4;
/** A busy server is helped by fewer requests; smaller ones than this would only cost more. */
const BUSY_MIN_ROWS = 32;

/** The beginning of an upload at second `at`. */
export function startControl(limits: UploadLimits, at: number): UploadControl {
  return {
    limits,
    rows: Math.min(limits.rows, limits.maxRows),
    parallel: Math.min(limits.parallel, limits.maxParallel),
    epoch: epochFrom(at),
    base: undefined,
    trial: undefined,
    next: 'parallel',
    failures: 0,
    resting: 0,
    careful: false,
    lastDecrease: -Infinity,
  };
}

/**
 * How an upload's batch size and parallelism follow what the server does: climbed in turn as long as the rows a second
 * grow by 5 %, halved when the server pushes back, after which requests at once grow by one at a time (additive increase,
 * multiplicative decrease: Chiu, Jain 1989). Pure: the same events give the same steps.
 */
export function hear(control: UploadControl, event: UploadEvent): UploadControl {
  if (event.kind === 'TooLarge') return tooLarge(control, event.rows, event.at);
  if (event.kind === 'Busy') return busy(control, event.startedAt, event.at);
  const { epoch } = control;
  if (event.startedAt < epoch.from) return control;
  const seen = {
    from: epoch.from,
    rows: epoch.rows + event.rows,
    requests: epoch.requests + 1,
    waited: epoch.waited + event.at - event.startedAt,
  };
  const seconds = event.at - epoch.from;
  const enough = seen.requests >= Math.max(8, 3 * control.parallel) && seconds >= EPOCH_SECONDS;
  // One request that takes this long is enough to know.
  const slow = seen.waited / seen.requests > SLOW_SECONDS && seen.requests >= control.parallel;
  if (slow && control.rows > 1) return tooLarge({ ...control, epoch: seen }, control.rows, event.at);
  if (!enough) return { ...control, epoch: seen };
  return decide({ ...control, epoch: epochFrom(event.at) }, seen.rows / seconds);
}

function epochFrom(from: number): UploadControl['epoch'] {
  return { from, rows: 0, requests: 0, waited: 0 };
}

function decide(control: UploadControl, rate: number): UploadControl {
  const { trial, base } = control;
  if (trial !== undefined && base !== undefined) {
    if (rate >= base * GAIN) return step({ ...control, base: rate, trial: undefined, failures: 0 }, trial.knob);
    const failures = control.failures + 1;
    const back = { ...control, [trial.knob]: trial.before, trial: undefined, failures, next: other(trial.knob) };
    return failures >= 2
      ? { ...back, base: undefined, failures: 0, resting: REST_AFTER_FAILURES }
      : step({ ...back, base }, back.next);
  }
  if (control.resting > 0) return { ...control, resting: control.resting - 1, base: rate };
  return step({ ...control, base: rate }, control.next);
}

/** Begins a trial of a knob, or of the other one where this one is at its end, or none. */
function step(control: UploadControl, knob: Knob): UploadControl {
  for (const which of [knob, other(knob)]) {
    const before = control[which];
    const wanted = which === 'rows' ? before * 2 : before + (control.careful ? 1 : Math.ceil(before / 2));
    const after = Math.min(wanted, which === 'rows' ? control.limits.maxRows : control.limits.maxParallel);
    if (after > before) return { ...control, [which]: after, trial: { knob: which, before } };
  }
  return { ...control, trial: undefined };
}

function other(knob: Knob): Knob {
  return knob === 'rows' ? 'parallel' : 'rows';
}

function busy(control: UploadControl, startedAt: number, at: number): UploadControl {
  // What was under way when the last step down was made says nothing about it.
  if (startedAt < control.lastDecrease) return control;
  const { limits, parallel, rows, trial } = control;
  const pause = {
    epoch: epochFrom(at),
    base: undefined,
    trial: undefined,
    next: 'parallel',
    failures: 0,
    careful: true,
    lastDecrease: at,
  } as const;
  // A step up that the server answers so is the one to take back: what was before it was borne.
  if (trial !== undefined) return { ...control, ...pause, [trial.knob]: trial.before, resting: REST_AFTER_FAILURES };
  const fixed = limits.parallel === limits.maxParallel;
  const fewer = fixed ? parallel : Math.max(1, Math.floor(parallel / 2));
  const smaller = fewer < parallel || limits.rows === limits.maxRows;
  return {
    ...control,
    parallel: fewer,
    rows: smaller ? rows : Math.max(Math.min(rows, BUSY_MIN_ROWS), Math.floor(rows / 2)),
    ...pause,
    resting: REST_AFTER_BUSY,
  };
}

function tooLarge(control: UploadControl, rows: number, at: number): UploadControl {
  const maxRows = Math.max(1, Math.min(control.limits.maxRows, Math.floor(rows / 2)));
  return {
    ...control,
    limits: { ...control.limits, rows: Math.min(control.limits.rows, maxRows), maxRows },
    rows: Math.min(control.rows, maxRows),
    epoch: epochFrom(at),
    base: undefined,
    trial: undefined,
  };
}
