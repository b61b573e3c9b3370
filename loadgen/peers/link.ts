import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { errorText } from '../job-error.ts';
import { Channel } from './channel.ts';
import type { Wire } from './wire.ts';

/** Another load generator of the same job is gone, or was replaced: what was measured together cannot be told apart. */
export class PeerLost extends Error {
  override readonly name = 'PeerLost';
}

/** How far another's clock is ahead of ours (ms), to within `uncertainty`. */
export interface ClockOffset {
  offset: number;
  uncertainty: number;
}

export interface LinkOptions {
  wire: Wire;
  pod: number;
  pods: number;
  /** ms without a word, while the wire stands, after which another is taken for dead. Default 30 s. */
  silence?: number;
  /** ms between two signs of life, and before something is sent again. Default 500. */
  beat?: number;
}

const frameSchema = z.strictObject({
  session: z.string().max(64),
  ack: z.int().min(0),
  piece: z.strictObject({ seq: z.int().min(1), last: z.boolean(), text: z.string() }).optional(),
  /** Our clock as a question was sent; given back with the other's clock. */
  ping: z.number().optional(),
  pong: z.tuple([z.number(), z.number()]).optional(),
});
type Frame = z.output<typeof frameSchema>;

interface Peer {
  channel: Channel;
  session: string | undefined;
  heardAt: number | undefined;
  onPong: ((asked: number, theirs: number) => void) | undefined;
}

/**
 * A load generator's links to the others: messages that arrive, whose clocks are how far apart, and who is still there.
 * While the wire is cut nobody is taken for dead: nothing is lost that is not sent again.
 */
export class PeerLink {
  readonly pod: number;
  readonly pods: number;
  readonly #wire: Wire;
  readonly #silence: number;
  readonly #peers: Peer[];
  readonly #session = randomUUID();
  readonly #lost = Promise.withResolvers<never>();
  readonly #timer: NodeJS.Timeout;
  #onMessage: ((from: number, message: unknown) => void) | undefined;
  #early: [number, unknown][] = [];
  #connectedSince = performance.now();
  #closed = false;

  constructor({ wire, pod, pods, silence = 30_000, beat = 500 }: LinkOptions) {
    this.pod = pod;
    this.pods = pods;
    this.#wire = wire;
    this.#silence = silence;
    this.#peers = Array.from({ length: pods }, () => ({
      channel: new Channel(),
      session: undefined,
      heardAt: undefined,
      onPong: undefined,
    }));
    this.#lost.promise.catch(() => undefined);
    wire.listen((from, text) => this.#heard(from, text));
    this.#timer = setInterval(() => this.#beat(), beat);
    this.#beat();
  }

  /** The others' numbers: of the leader all, of any other the leader. */
  get others(): number[] {
    return this.pod === 0 ? this.#peers.map((_, pod) => pod).slice(1) : [0];
  }

  send(to: number, message: unknown): void {
    const { channel } = this.#peers[to] as Peer;
    channel.send(JSON.stringify(message));
    this.#transmit(to);
  }

  /** Takes every message from now on; what came before comes first. */
  onMessage(handler: (from: number, message: unknown) => void): void {
    this.#onMessage = handler;
    for (const [from, message] of this.#early.splice(0)) handler(from, message);
  }

  /** What `work` comes to, unless another is lost before. @throws {PeerLost} */
  whileAllLive<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lost.promise]);
  }

  /** Resolves once all others were heard. */
  async joined(signal: AbortSignal): Promise<void> {
    const heard = (): boolean => this.others.every((pod) => this.#peers[pod]?.heardAt !== undefined);
    while (!heard()) {
      signal.throwIfAborted();
      await this.whileAllLive(sleep(20));
    }
  }

  /** By the quickest of several answers (Cristian 1989): what took long on its way says little. */
  async clockOffset(to: number, tries = 8): Promise<ClockOffset> {
    const peer = this.#peers[to] as Peer;
    let best: ClockOffset = { offset: 0, uncertainty: Infinity };
    for (let i = 0; i < tries || best.uncertainty === Infinity; i += 1) {
      const answer = Promise.withResolvers<void>();
      peer.onPong = (asked, theirs) => {
        const now = performance.now();
        const uncertainty = (now - asked) / 2;
        if (uncertainty < best.uncertainty) best = { offset: theirs - (asked + now) / 2, uncertainty };
        answer.resolve();
      };
      this.#put(to, { ping: performance.now() });
      await this.whileAllLive(Promise.race([answer.promise, sleep(200)]));
    }
    peer.onPong = undefined;
    return best;
  }

  /** Until the others have all that was said to them, for at most so many ms. */
  async flush(milliseconds: number): Promise<void> {
    const until = performance.now() + milliseconds;
    while (performance.now() < until && !this.others.every((pod) => this.#peers[pod]?.channel.idle)) await sleep(20);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }

  #heard(from: number, text: string): void {
    const peer = this.others.includes(from) ? this.#peers[from] : undefined;
    const frame = peer && !this.#closed ? readFrame(text) : undefined;
    if (!peer || !frame) return;
    if (peer.session !== undefined && peer.session !== frame.session) {
      this.#lost.reject(new PeerLost(`load generator ${from} was replaced by another process while it was needed`));
      return;
    }
    peer.session = frame.session;
    peer.heardAt = performance.now();
    if (frame.ping !== undefined) this.#put(from, { pong: [frame.ping, performance.now()] });
    if (frame.pong) peer.onPong?.(...frame.pong);
    // Of many pieces only the first ones go at once.
    if (peer.channel.acknowledged(frame.ack) && !peer.channel.idle) this.#transmit(from);
    if (!frame.piece) return;
    let message: unknown;
    try {
      const whole = peer.channel.receive(frame.piece);
      this.#put(from, {});
      if (whole === undefined) return;
      message = JSON.parse(whole);
    } catch (error) {
      const why = `load generator ${from} sends what is no message: ${errorText(error)}`;
      this.#lost.reject(new PeerLost(why, { cause: error }));
      return;
    }
    if (this.#onMessage) this.#onMessage(from, message);
    else this.#early.push([from, message]);
  }

  #beat(): void {
    const now = performance.now();
    if (!this.#wire.connected()) this.#connectedSince = now;
    for (const to of this.others) {
      const peer = this.#peers[to] as Peer;
      if (peer.channel.idle) this.#put(to, {});
      else this.#transmit(to);
      if (peer.heardAt === undefined) continue;
      const silent = now - Math.max(peer.heardAt, this.#connectedSince);
      if (silent > this.#silence) {
        const seconds = (silent / 1000).toFixed(0);
        this.#lost.reject(new PeerLost(`load generator ${to} has been silent for ${seconds} s: killed, or cut off`));
      }
    }
  }

  #transmit(to: number): void {
    for (const piece of (this.#peers[to] as Peer).channel.outgoing()) this.#put(to, { piece });
  }

  #put(to: number, frame: Partial<Frame>): void {
    if (this.#closed) return;
    const { channel } = this.#peers[to] as Peer;
    this.#wire.send(to, JSON.stringify({ session: this.#session, ack: channel.acknowledgement, ...frame }));
  }
}

function readFrame(text: string): Frame | undefined {
  try {
    return frameSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
