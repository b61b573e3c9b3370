import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Names one process for good: a process id alone is used again once its process has ended. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in clock ticks since boot: field 22 of /proc/PID/stat, proc(5). Null where there is no /proc. */
  startTime: string | null;
  /** The kernel's random id of this boot. */
  boot: string | null;
  /** Process ids mean something only within their namespace: another container has its own. */
  pidNamespace: string | null;
  host: string;
}

/** What can be seen of a running process; `startTime` null where the system does not tell. */
export interface Seen {
  startTime: string | null;
}

export type Liveness = 'Alive' | 'Dead' | 'Unknown';

let self: ProcessIdentity | undefined;

/** This process. */
export function thisProcess(): ProcessIdentity {
  self ??= {
    pid: process.pid,
    startTime: see(process.pid)?.startTime ?? null,
    boot: read('/proc/sys/kernel/random/boot_id'),
    pidNamespace: link('/proc/self/ns/pid'),
    host: hostname(),
  };
  return self;
}

/**
 * Whether the process still runs, as far as the observer can know. `Unknown`: it ran where the observer cannot look (another
 * machine or container).
 */
export function liveness(
  owner: ProcessIdentity,
  observer: ProcessIdentity,
  look: (pid: number) => Seen | undefined = see,
): Liveness {
  if (owner.boot !== observer.boot) return owner.host === observer.host ? 'Dead' : 'Unknown';
  if (owner.pidNamespace !== observer.pidNamespace) return 'Unknown';
  const seen = look(owner.pid);
  if (seen === undefined) return 'Dead';
  const sameStart = seen.startTime === null || owner.startTime === null || seen.startTime === owner.startTime;
  return sameStart ? 'Alive' : 'Dead';
}

/** Looks for a process; undefined when there is none, or only its unreaped remains. */
export function see(pid: number): Seen | undefined {
  const stat = read(`/proc/${String(pid)}/stat`);
  const fields = stat === null ? undefined : parseStat(stat);
  if (fields !== undefined) return fields.state === 'Z' || fields.state === 'X' ? undefined : fields;
  try {
    process.kill(pid, 0);
    return { startTime: null };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? { startTime: null } : undefined;
  }
}

/** State (field 3) and start time (field 22) of a line of /proc/PID/stat; the name, field 2, may hold anything. */
export function parseStat(stat: string): { state: string; startTime: string } | undefined {
  const afterName = stat.slice(stat.lastIndexOf(')') + 1).trim();
  const fields = afterName.split(/\s+/);
  const [state, startTime] = [fields[0], fields[22 - 3]];
  return state === undefined || startTime === undefined || startTime === '' ? undefined : { state, startTime };
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

function link(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
