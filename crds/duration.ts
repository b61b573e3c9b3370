/** Go durations of hours, minutes, seconds and milliseconds: `168h`, `1h30m`, `1.5s`, `250ms`. RE2-safe, so the API server can use it. */
export const DURATION_PATTERN = /^([0-9]{1,6}(\.[0-9]{1,9})?(ms|h|m|s)){1,4}$/;

const SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };

/**
 * Seconds of a Go duration.
 * @throws {RangeError} when the text is not a duration; schemas refuse it before.
 */
export function durationSeconds(text: string): number {
  if (!DURATION_PATTERN.test(text)) throw new RangeError(`"${text}" is not a duration such as 30s, 5m or 1h30m`);
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)/g)) {
    seconds += Number(amount) * (SECONDS[unit as string] as number);
  }
  return seconds;
}

/** A duration for people: `850 ms`, `12.3 s`, `2 min 05 s`, `1 h 10 min`. */
export function humanDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
