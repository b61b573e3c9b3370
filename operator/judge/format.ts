/**
 * A number for people: up to four significant digits, whole numbers up to a million in full.
 * Values above 1,000 lose their fraction. Never exponents below 1e15.
 */
export function showNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  if (Math.abs(value) >= 1000)
    return String(Math.abs(value) < 1e6 ? Math.round(value) : Number(value.toPrecision(digits)));
  return plain(Number(value.toPrecision(digits)));
}

/** A value with as many digits, three at least, as it takes to see on which side of its bound it lies: 0.9499 against 0.95. */
export function showBeside(value: number, bound: number): string {
  for (let digits = 3; digits < 15; digits += 1) {
    const text = showNumber(value, digits);
    if (Math.sign(Number(text) - bound) === Math.sign(value - bound)) return text;
  }
  return String(value);
}

/** A metric's name in a sentence: `p95` for `latencyP95`, else the contract's name. */
export function metricLabel(name: string): string {
  const percentile = /^latencyP(\d+)$/.exec(name)?.[1];
  if (percentile === undefined) return name === 'errorRate' ? 'error rate' : name;
  return percentile === '999' ? 'p99.9' : `p${percentile}`;
}

/** The unit a metric has by its name, as printed after a number; '' for shares. */
export function metricUnit(name: string): string {
  if (/^(latency|service|lateness)P|Max$/.test(name)) return ' ms';
  if (name === 'throughput') return '/s';
  if (name.endsWith('CpuPerQuery')) return ' µs';
  if (name.endsWith('Seconds')) return ' s';
  return name === 'memory' || name === 'disk' ? ' bytes' : '';
}

function plain(value: number): string {
  const text = String(value);
  return text.includes('e-') ? value.toFixed(12).replace(/0+$/, '') : text;
}
