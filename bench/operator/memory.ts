import { readFile } from 'node:fs/promises';
import { rounded } from './spread.ts';

/** What of a process is in memory, MiB. */
export interface Memory {
  resident: number;
  /** The most since it was started. */
  peak: number;
}

/** Reads `/proc/PID/status`. Pure. @throws {RangeError} where it is not that of a living process. */
export function parseMemory(text: string): Memory {
  const mebibytes = (field: string): number => {
    const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text) ?? [];
    if (kibibytes === undefined) throw new RangeError(`/proc/PID/status has no ${field}: the process has ended`);
    return rounded(Number(kibibytes) / 1024);
  };
  return { resident: mebibytes('VmRSS'), peak: mebibytes('VmHWM') };
}

/** Linux only. */
export async function memoryOf(pid: number): Promise<Memory> {
  return parseMemory(await readFile(`/proc/${pid}/status`, 'utf8'));
}
