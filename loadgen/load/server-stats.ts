import { readdirSync, readFileSync } from 'node:fs';

/** CPU time and memory of a process of this machine, from /proc (Linux, proc(5)). */
export class ProcessStats {
  readonly #pid: number;
  /** Nanoseconds on CPU by thread, as last seen: a thread that has ended keeps what it used. */
  readonly #threads = new Map<string, number>();
  readonly #root: string;

  constructor(pid: number, root = '/proc') {
    this.#pid = pid;
    this.#root = root;
  }

  /**
   * CPU seconds used so far by all threads, from schedstat (ns) or else from stat (clock ticks of 10 ms); undefined
   * where neither can be read.
   */
  cpuSeconds(): number | undefined {
    try {
      const tasks = `${this.#root}/${this.#pid}/task`;
      for (const tid of readdirSync(tasks)) {
        const used = readOr(`${tasks}/${tid}/schedstat`);
        if (used !== undefined) this.#threads.set(tid, Number(used.split(' ', 1)[0]));
      }
      let sum = 0;
      for (const nanoseconds of this.#threads.values()) sum += nanoseconds;
      if (sum > 0) return sum / 1e9;
      return statSeconds(readFileSync(`${this.#root}/${this.#pid}/stat`, 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** Page faults so far that had to read from disk; undefined where it can't be read. */
  majorFaults(): number | undefined {
    const stat = readOr(`${this.#root}/${this.#pid}/stat`);
    const faults = stat === undefined ? NaN : Number(statFields(stat)[9]);
    return Number.isFinite(faults) ? faults : undefined;
  }

  /** Resident memory in bytes, undefined where it can't be read. */
  residentBytes(): number | undefined {
    const status = readOr(`${this.#root}/${this.#pid}/status`);
    const kilobytes = status === undefined ? undefined : /^VmRSS:\s+([0-9]+) kB$/m.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  }
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Fields of a /proc/PID/stat line from the third (state) on; the command in parentheses may contain anything. */
function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** utime + stime of a /proc/PID/stat line. Ticks are 1/100 s on Linux. */
export function statSeconds(stat: string): number | undefined {
  const fields = statFields(stat);
  const ticks = Number(fields[11]) + Number(fields[12]);
  return Number.isFinite(ticks) ? ticks / 100 : undefined;
}

/** How long this process's main thread has waited for a CPU so far, in seconds; undefined where it can't be read. */
export function cpuWaitSeconds(path = `/proc/self/task/${process.pid}/schedstat`): number | undefined {
  const waited = Number(readOr(path)?.split(' ')[1]);
  return Number.isFinite(waited) ? waited / 1e9 : undefined;
}

/** Keeps the largest resident memory seen while it runs; sampling costs about 20 µs. */
export class PeakMemory {
  readonly #stats: ProcessStats;
  readonly #timer: NodeJS.Timeout;
  #peak: number | undefined;

  constructor(stats: ProcessStats, everyMilliseconds = 200) {
    this.#stats = stats;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), everyMilliseconds);
    this.#timer.unref();
  }

  #sample(): void {
    const bytes = this.#stats.residentBytes();
    if (bytes !== undefined) this.#peak = Math.max(this.#peak ?? 0, bytes);
  }

  /** Largest so far, bytes. */
  get peak(): number | undefined {
    return this.#peak;
  }

  /** Takes a last sample and stops. */
  stop(): number | undefined {
    clearInterval(this.#timer);
    this.#sample();
    return this.#peak;
  }
}
