import { z } from 'zod';
import { errorText, JobError } from '../job-error.ts';
import {
  windowOrderSchema,
  type PlayedWindow,
  type Share,
  type StartSkew,
  type WindowOrder,
} from '../load/window-order.ts';
import { PeerLost, type ClockOffset, type PeerLink } from './link.ts';
import { mergeWindows } from './merge.ts';
import { encodePart, encodeTally, partSchema, tallySchema } from './part.ts';

/** What is asked: which of the job's collections, with which parameters. */
const subjectSchema = z.strictObject({
  arm: z.int().min(0).max(63),
  params: z.record(z.string().max(63), z.unknown()),
});
export type Subject = z.output<typeof subjectSchema>;

const number = z.int().min(1);
const fromLeaderSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('window'), number, subject: subjectSchema, order: windowOrderSchema }),
  /** `at`: the listener's own monotonic clock, ms. */
  z.strictObject({ type: z.literal('start'), number, at: z.number() }),
  z.strictObject({ type: z.literal('end') }),
]);
const toLeaderSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), number }),
  z.strictObject({ type: z.literal('part'), number, measured: partSchema, tally: tallySchema }),
  z.strictObject({ type: z.literal('failed'), message: z.string().max(4096) }),
]);

type Answer = Exclude<z.output<typeof toLeaderSchema>, { type: 'failed' }>;

/** Offers this generator's share of a window that was prepared. */
export type PlayPrepared = (order: WindowOrder, share: Share) => Promise<PlayedWindow>;

/** From the word that all are ready to the start, ms: word has reached everybody by then. */
const HEAD_START = 200;
/** Pods of one job do not begin together: images are pulled, nodes made. Building goes on meanwhile. */
const JOIN_SECONDS = 900;
/** The leader's last word is waited for so long, ms. */
const FAREWELL = 3000;

/**
 * The generator that leads: it alone builds, asks for recall and steers. Each window it has all of them offer together: when
 * everybody is ready it names a moment, each by its own monotonic clock, and adds up what they bring.
 */
export class Leader {
  readonly #link: PeerLink;
  readonly #signal: AbortSignal;
  #number = 0;
  /** Whose answer is waited for. */
  readonly #waiting = new Map<number, (message: Answer) => void>();
  readonly #failed = Promise.withResolvers<never>();

  constructor(link: PeerLink, signal: AbortSignal) {
    this.#link = link;
    this.#signal = signal;
    this.#failed.promise.catch(() => undefined);
    link.onMessage((from, value) => this.#heard(from, value));
  }

  /** One window of all together. @throws {JobError} Disrupted when one of them is lost or fails. */
  async play(subject: Subject, order: WindowOrder, own: PlayPrepared): Promise<PlayedWindow> {
    const link = this.#link;
    try {
      await this.#together(this.#joined());
      this.#number += 1;
      const asked = this.#number;
      const ready = this.#from('ready', asked);
      for (const pod of link.others) link.send(pod, { type: 'window', number: asked, subject, order });
      await this.#together(ready);
      const clocks = new Map<number, ClockOffset>();
      for (const pod of link.others) clocks.set(pod, await this.#together(link.clockOffset(pod)));
      const at = performance.now() + HEAD_START;
      const brought = this.#from('part', asked);
      for (const [pod, { offset }] of clocks) link.send(pod, { type: 'start', number: asked, at: at + offset });
      await until(at);
      const mine = await this.#together(own(order, { pod: 0, pods: link.pods }));
      const theirs = await this.#together(brought);
      const pods = [mine.measured, ...theirs.map(({ measured }) => measured)];
      for (const { tally } of theirs) mine.tally.absorb(tally.asked);
      return {
        measured: mergeWindows(pods),
        tally: mine.tally,
        pods,
        skew: startSkew(
          pods.map(({ startedAt }) => startedAt),
          [{ offset: 0, uncertainty: 0 }, ...clocks.values()],
        ),
      };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof PeerLost) throw new JobError('Disrupted', error.message, { cause: error });
      throw error;
    }
  }

  /** The others may go. */
  async end(): Promise<void> {
    for (const pod of this.#link.others) this.#link.send(pod, { type: 'end' });
    await this.#link.flush(FAREWELL);
  }

  async #joined(): Promise<void> {
    const late = AbortSignal.timeout(JOIN_SECONDS * 1000);
    await this.#link.joined(AbortSignal.any([this.#signal, late])).catch((error: unknown) => {
      if (this.#signal.aborted || !late.aborted) throw error;
      throw new JobError(
        'Disrupted',
        `not all of the ${this.#link.pods} load generators came within ${JOIN_SECONDS} s`,
      );
    });
  }

  #together<T>(work: Promise<T>): Promise<T> {
    return this.#link.whileAllLive(Promise.race([work, this.#failed.promise]));
  }

  /** One message of each of the others, in their order. */
  #from<Type extends Answer['type']>(type: Type, about: number): Promise<Extract<Answer, { type: Type }>[]> {
    return Promise.all(
      this.#link.others.map(async (pod) => {
        const { promise, resolve } = Promise.withResolvers<Answer>();
        this.#waiting.set(pod, resolve);
        const message = await promise;
        if (message.type === type && message.number === about) return message as Extract<Answer, { type: Type }>;
        throw new JobError('Disrupted', `load generator ${pod} spoke out of turn`);
      }),
    );
  }

  #heard(from: number, value: unknown): void {
    const message = toLeaderSchema.safeParse(value).data;
    const answer = this.#waiting.get(from);
    this.#waiting.delete(from);
    if (message && message.type !== 'failed' && answer) answer(message);
    else {
      const what = message?.type === 'failed' ? message.message : 'it said something that is not understood';
      this.#failed.reject(new JobError('Disrupted', `load generator ${from}: ${what}`));
    }
  }
}

/** Spread of starts on the leader's clock, and how wrong that may be. */
export function startSkew(startedAt: readonly number[], clocks: readonly ClockOffset[]): StartSkew {
  const starts = startedAt.map((start, pod) => start - (clocks[pod] as ClockOffset).offset);
  return {
    milliseconds: Math.max(...starts) - Math.min(...starts),
    uncertainty: Math.max(...clocks.map(({ uncertainty }) => uncertainty)),
  };
}

/**
 * What a generator that does not lead does: it prepares and offers its share of each window, until told that it may go.
 * @throws {PeerLost} when the leader is gone.
 */
export async function follow(
  link: PeerLink,
  prepare: (subject: Subject) => Promise<PlayPrepared>,
  signal: AbortSignal,
): Promise<void> {
  const inbox: unknown[] = [];
  let wake = Promise.withResolvers<void>();
  link.onMessage((_, message) => {
    inbox.push(message);
    wake.resolve();
  });
  signal.addEventListener('abort', () => wake.resolve(), { once: true });
  let prepared: { number: number; order: WindowOrder; play: PlayPrepared } | undefined;
  for (;;) {
    await link.whileAllLive(wake.promise);
    signal.throwIfAborted();
    wake = Promise.withResolvers<void>();
    for (let message = inbox.shift(); message !== undefined; message = inbox.shift()) {
      const told = fromLeaderSchema.parse(message);
      if (told.type === 'end') {
        await link.flush(FAREWELL);
        return;
      }
      try {
        if (told.type === 'window') {
          prepared = { number: told.number, order: told.order, play: await prepare(told.subject) };
          link.send(0, { type: 'ready', number: told.number });
        } else if (prepared?.number === told.number) {
          await until(told.at);
          const { measured, tally } = await prepared.play(prepared.order, { pod: link.pod, pods: link.pods });
          link.send(0, {
            type: 'part',
            number: told.number,
            measured: encodePart(measured),
            tally: encodeTally(tally),
          });
        }
      } catch (error) {
        signal.throwIfAborted();
        link.send(0, { type: 'failed', message: errorText(error).slice(0, 4096) });
        await link.flush(FAREWELL);
        throw error;
      }
    }
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
/** Timers are as coarse as this, ms. */
const COARSE = 4;

/** Until a moment on this process's monotonic clock; at once when that has passed. */
async function until(at: number): Promise<void> {
  const coarse = at - performance.now() - COARSE;
  if (coarse > 0) await new Promise((resolve) => setTimeout(resolve, coarse));
  const rest = at - performance.now();
  if (rest > 0) Atomics.wait(sleeper, 0, 0, rest);
}
