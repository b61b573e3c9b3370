/** A number written with a fraction or an exponent whose value is an integer, such as 1.0: no integer to Qdrant. */
export class WrittenAsFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A text without a match has no such number. A match may also be inside a string: then it is only looked at closely. */
const SUSPECT = /[:[,\s](?:-?\d+\.0+(?!\d)|-?\d+(?:\.\d+)?[eE]|-0(?![.\d]))/;

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

const mark: Reviver = (_key, value, { source = '' }) =>
  Number.isInteger(value) && /[.eE]|^-0$/.test(source) ? new WrittenAsFloat(value as number) : value;

/** The payload in a JSON text, with integers told from floats as Qdrant tells them. @throws {SyntaxError} */
export function parsePayload(text: string): Record<string, unknown> {
  const parsed: unknown = SUSPECT.test(text) ? JSON.parse(text, mark as never) : JSON.parse(text);
  if (!isJsonObject(parsed)) throw new SyntaxError('it is no JSON object');
  return parsed;
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof WrittenAsFloat);
}
