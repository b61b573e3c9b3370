import type { Msg, NatsConnection } from 'nats';
import { effects } from '../runtime/effects.ts';
import { unless } from './nats-link.ts';
import { consumerName, STREAMS, type JobAddress, type StreamKind } from './subjects.ts';

/** A request for a message waits this long (ms) on the server. */
const PULL_MS = 3000;
const NANOSECONDS = 1_000_000;

/** The next message, or undefined when there was none for a while. @throws when stream or consumer are not there. */
export async function pull(
  connection: NatsConnection,
  kind: StreamKind,
  job: JobAddress,
  ...signals: [signal: AbortSignal, lost: AbortSignal]
): Promise<Msg | undefined> {
  const asked = connection.request(
    `$JS.API.CONSUMER.MSG.NEXT.${STREAMS[kind]}.${consumerName(job)}`,
    JSON.stringify({ batch: 1, expires: PULL_MS * NANOSECONDS }),
    // An inbox of its own: the answer is a stream's message under the stream's subject.
    { timeout: PULL_MS * 2, noMux: true },
  );
  let found: Msg;
  try {
    found = await unless(asked, ...signals);
  } catch (error) {
    // What comes when nobody waits for it any more goes back at once.
    asked.then(
      (late) => void (isMessage(late) && respond(late, 'nak', '-NAK')),
      () => undefined,
    );
    throw error;
  }
  if (isMessage(found)) return found;
  const { code, description } = found.headers ?? {};
  // 404, 408: nothing for now.
  if (code === 404 || code === 408) return undefined;
  throw new Error(`NATS answered a request for a message with ${String(code)} ${String(description)}`);
}

/** Messages bring a subject to acknowledge them on; JetStream's own words do not. */
function isMessage(found: Msg): boolean {
  return found.reply?.startsWith('$JS.ACK.') === true;
}

/** Says something about a message; when the connection is gone, it is delivered again instead. */
export function respond(found: Msg, what: 'drop' | 'nak' | 'in progress', word: string): void {
  effects.perform(`bus ${what}`, () => found.respond(word)).catch(() => undefined);
}

/** How often a message has been delivered, from `$JS.ACK.<stream>.<consumer>.<delivered>.…` or the longer form with domain and account. */
export function deliveries(found: Msg): number {
  const tokens = (found.reply ?? '').split('.');
  return Number(tokens[tokens.length >= 11 ? 6 : 4] ?? 1);
}
