import type { Ending } from './client.ts';
import { LatencyHistogram } from './histogram.ts';

/** Which named query each question is of. A question is one body: a named query asked with one query vector. */
export interface NamedQuestions {
  names: readonly string[];
  /** By question: its name's place. */
  of: Uint8Array;
}

/** What the questions of one named query showed. Times in ms, as in `WindowMeasurement`. */
export interface NamedMeasurement {
  /** Requests scheduled within the counted time. */
  scheduled: number;
  /** Answered rightly within the counted time. */
  completed: number;
  response: LatencyHistogram;
  service: LatencyHistogram;
  lateness: LatencyHistogram;
  errors: Record<string, number>;
  errorCount: number;
}

/** Keeps the measurements of named queries apart. */
export class NamedMeasurements {
  readonly #of: Uint8Array;
  readonly #each: NamedMeasurement[];
  readonly #names: readonly string[];
  readonly #sent: Uint32Array;

  constructor({ names, of }: NamedQuestions) {
    this.#names = names;
    this.#of = of;
    this.#sent = new Uint32Array(names.length);
    this.#each = names.map(() => ({
      scheduled: 0,
      completed: 0,
      response: new LatencyHistogram(),
      service: new LatencyHistogram(),
      lateness: new LatencyHistogram(),
      errors: {},
      errorCount: 0,
    }));
  }

  #at(question: number): NamedMeasurement {
    return this.#each[this.#of[question] as number] as NamedMeasurement;
  }

  sent(question: number, lateness: number): void {
    this.#sent[this.#of[question] as number] = (this.#sent[this.#of[question] as number] as number) + 1;
    this.#at(question).lateness.record(lateness);
  }

  completed(question: number): void {
    this.#at(question).completed += 1;
  }

  answered(question: number, response: number, service: number): void {
    const measured = this.#at(question);
    measured.response.record(response);
    measured.service.record(service);
  }

  failed(question: number, ending: Ending): void {
    const measured = this.#at(question);
    measured.errorCount += 1;
    measured.errors[ending] = (measured.errors[ending] ?? 0) + 1;
  }

  scheduled(question: number): void {
    this.#at(question).scheduled += 1;
  }

  /** What was sent and neither answered nor failed is `unanswered`. */
  result(): Map<string, NamedMeasurement> {
    this.#each.forEach((measured, index) => {
      const unanswered = (this.#sent[index] as number) - measured.response.count - measured.errorCount;
      if (unanswered <= 0) return;
      measured.errors.unanswered = unanswered;
      measured.errorCount += unanswered;
    });
    return new Map(this.#names.map((name, index) => [name, this.#each[index] as NamedMeasurement]));
  }
}
