import { MixedRecall } from '../evaluate/mixed-recall.ts';
import type { RecallCounter, RecallEstimate } from '../evaluate/recall.ts';

/** Counts the recall of answers to questions, by named query and in all. */
export class AnswerCounter {
  readonly #counters: readonly RecallCounter[];
  readonly #weights: readonly number[];
  readonly #rows: Uint32Array;

  /** One counter a named query; `rows`: the query vectors they are asked with, as in `CompiledWorkload`. */
  constructor(counters: readonly RecallCounter[], weights: readonly number[], rows: Uint32Array) {
    this.#counters = counters;
    this.#weights = weights;
    this.#rows = rows;
  }

  /** A fresh tally, for one window. What was counted before is remembered: equal answers are not counted anew. */
  tally(): AnswerTally {
    return new AnswerTally(this.#counters, this.#weights, this.#rows);
  }
}

/** Recall of the answers of one window. */
export class AnswerTally {
  readonly #counters: readonly RecallCounter[];
  readonly #rows: Uint32Array;
  readonly #recall: MixedRecall;

  constructor(counters: readonly RecallCounter[], weights: readonly number[], rows: Uint32Array) {
    this.#counters = counters;
    this.#rows = rows;
    this.#recall = new MixedRecall(weights, rows.length);
  }

  /** A question was answered with these ids; the method may be passed on as it is. */
  readonly add = (question: number, ids: Int32Array): void => {
    const name = Math.floor(question / this.#rows.length);
    const row = this.#rows[question - name * this.#rows.length] as number;
    this.#recall.add(question, (this.#counters[name] as RecallCounter).recall(row, ids));
  };

  /** What was counted, question by question: number, how often, summed recall. */
  entries(): [question: number, times: number, recall: number][] {
    return this.#recall.entries();
  }

  /** Takes in what another load generator has counted, of the same questions. */
  absorb(entries: readonly (readonly [question: number, times: number, recall: number])[]): void {
    this.#recall.absorb(entries);
  }

  /** Of all named queries by their weights. */
  estimate(): RecallEstimate | undefined {
    return this.#recall.estimate();
  }

  /** Of each named query. */
  each(): (RecallEstimate | undefined)[] {
    return this.#counters.map((_, name) => this.#recall.of(name));
  }
}
