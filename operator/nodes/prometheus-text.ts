/** One sample of Prometheus' text format. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
  /** When it was taken, ms since 1970, where the text says so. */
  timestampMs?: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(-?[0-9]+))?$/;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"\s*(?:,|$)/y;

/**
 * The samples of a text whose names are wanted, line by line: a node's metrics are megabytes, of which a pod's are a few
 * lines. Lines that are no sample are passed over, as the format asks of readers.
 */
export function* samples(text: string, wanted: ReadonlySet<string>): Generator<Sample> {
  let start = 0;
  while (start < text.length) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end);
    start = end + 1;
    const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0];
    if (!name || !wanted.has(name)) continue;
    const match = LINE.exec(line.trimEnd());
    const labels = match && labelsOf(match[2] ?? '');
    if (!match || !labels) continue;
    const timestamp = match[4] === undefined ? {} : { timestampMs: Number(match[4]) };
    yield { name, labels, value: numberOf(match[3] as string), ...timestamp };
  }
}

function labelsOf(text: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    if (!match) return undefined;
    labels[match[1] as string] = (match[2] as string).replaceAll(/\\(.)/g, (_, escaped: string) =>
      escaped === 'n' ? '\n' : escaped,
    );
  }
  return labels;
}

const numberOf = (text: string): number =>
  text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
