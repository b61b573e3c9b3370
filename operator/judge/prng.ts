/** A stream of uniform numbers in [0, 1). */
export type Random = () => number;

/**
 * Seeded uniform numbers by sfc32 (Chris Doty-Humphrey's Small Fast Counting generator, PractRand), 32-bit.
 * The same seeds give the same stream on every platform.
 */
export function seededRandom(seed: number, stream = 0): Random {
  let a = 0x9e3779b9 | 0;
  let b = seed | 0;
  let c = stream | 0;
  let counter = 1;
  const next = () => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + result) | 0;
    return (result >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 15; i += 1) next();
  return next;
}

/** A standard normal number (Box and Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A shuffled copy (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}
