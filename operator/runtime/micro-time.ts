/**
 * A Kubernetes MicroTime: six digits of a second, always. Other lengths, such as JavaScript's three, are refused in some
 * places and rounded in others.
 */
export function microTime(ms: number): string {
  const whole = Math.floor(ms / 1000);
  const micros = Math.min(999_999, Math.round((ms - whole * 1000) * 1000));
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
}
