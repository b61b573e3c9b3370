import { recallEstimate, RecallTally, type RecallEstimate } from './recall.ts';

/** Recall of several named queries asked with the same query vectors: of each, and of all by their weights. */
export class MixedRecall {
  readonly #tallies: readonly RecallTally[];
  readonly #weights: readonly number[];
  readonly #rows: number;

  /** `rows`: query vectors, the same for each named query. */
  constructor(weights: readonly number[], rows: number) {
    this.#weights = weights;
    this.#rows = rows;
    this.#tallies = weights.map(() => new RecallTally(rows));
  }

  /** Question name · rows + row was answered with this recall; NaN: nothing could have been found. */
  add(question: number, recall: number): void {
    if (Number.isNaN(recall)) return;
    const name = Math.floor(question / this.#rows);
    (this.#tallies[name] as RecallTally).add(question - name * this.#rows, recall);
  }

  /** Questions that were answered: number, how often, summed recall. */
  entries(): [question: number, times: number, recall: number][] {
    return this.#tallies.flatMap((tally, name) =>
      tally.entries().map(([row, times, recall]): [number, number, number] => [name * this.#rows + row, times, recall]),
    );
  }

  /** Takes in what another has counted, of the same questions. @throws {RangeError} of a question there is not. */
  absorb(entries: readonly (readonly [question: number, times: number, recall: number])[]): void {
    for (const [question, times, recall] of entries) {
      const name = Math.floor(question / this.#rows);
      const tally = this.#tallies[name];
      if (!tally) throw new RangeError(`question ${question} is none of ${this.#tallies.length * this.#rows}`);
      tally.add(question - name * this.#rows, recall, times);
    }
  }

  of(name: number): RecallEstimate | undefined {
    return this.#tallies[name]?.estimate();
  }

  /**
   * The mean of the named queries' recalls by weight (of those that were asked), which is what a user of this mix sees.
   * The query vector is the unit of its standard error, as one vector's answers to several named queries hang together:
   * with x_nr the mean recall of named query n with vector r, m_n its mean over R_n vectors and w_n its weight, the
   * variance is R / (R − 1) · Σ_r (Σ_n w_n (x_nr − m_n) / R_n)² (the linearised variance of a weighted mean of clusters,
   * Särndal, Swensson, Wretman 1992, 5.6). With one named query that is `RecallTally`'s.
   */
  estimate(): RecallEstimate | undefined {
    if (this.#tallies.length === 1) return this.#tallies[0]?.estimate();
    const asked = this.#tallies.flatMap((tally, name) => {
      const estimate = tally.estimate();
      return estimate ? [{ means: tally.means(), estimate, weight: this.#weights[name] as number }] : [];
    });
    const weights = asked.reduce((sum, { weight }) => sum + weight, 0);
    if (weights === 0) return undefined;
    const value = asked.reduce((sum, { weight, estimate }) => sum + (weight / weights) * estimate.value, 0);
    let squares = 0;
    let rows = 0;
    for (let row = 0; row < this.#rows; row += 1) {
      let deviation = 0;
      let seen = false;
      for (const { means, estimate, weight } of asked) {
        const mean = means[row] as number;
        if (Number.isNaN(mean)) continue;
        seen = true;
        deviation += ((weight / weights) * (mean - estimate.value)) / estimate.queries;
      }
      if (!seen) continue;
      rows += 1;
      squares += deviation * deviation;
    }
    return recallEstimate(value, rows < 2 ? 0 : Math.sqrt((rows / (rows - 1)) * squares), rows);
  }
}
