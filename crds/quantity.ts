/** The part of Kubernetes quantities that makes sense for memory, storage and CPU: `4Gi`, `500M`, `2`, `250m`. */
export const QUANTITY_PATTERN = /^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/;

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/**
 * The number a Kubernetes quantity stands for: bytes for memory, cores for CPU.
 * @throws {RangeError} when the text is not a quantity; schemas refuse it before.
 */
export function quantityValue(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)$/.exec(text);
  const factor = match ? FACTORS[match[2] as string] : undefined;
  if (!match || factor === undefined) throw new RangeError(`"${text}" is not a quantity such as 4Gi, 500M or 2`);
  return Number(match[1]) * factor;
}

/** Bytes for people, in binary units: `1.5 GiB`. */
export function humanBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}
