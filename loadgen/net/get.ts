import { Agent, request, type Dispatcher } from 'undici';
import { checkedConnector, type Resolve } from './connect.ts';
import type { AddressRules } from './address-rules.ts';
import { NetError, networkFault } from './net-error.ts';
import { webUrl } from './url.ts';

export interface GetOptions {
  rules: AddressRules;
  /** Largest body accepted, declared or counted, in bytes. */
  maxBytes: number;
  /** Longest time in all, redirects and body included. */
  totalMilliseconds: number;
  /** Longest wait for a connection. Default 10 s. */
  connectMilliseconds?: number;
  /** Longest wait for headers, and between two pieces of the body. Default 30 s. */
  idleMilliseconds?: number;
  /** Sent to the URL's own origin and to no other a redirect leads to. */
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** For tests. */
  resolve?: Resolve;
}

/** Told of each piece of the body as it comes; the next one waits for it. */
export type OnData = (chunk: Buffer, soFar: number, declared: number) => void | Promise<void>;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Gets a URL that a user named: the only way such are fetched. Every hop is checked as the first is ({@link
 * checkedConnector}); from https no redirect leads to http. The body is handed on as it comes, never unpacked, and is
 * bounded in size and time.
 * @returns the number of bytes.
 * @throws {NetError} and, as they are, what the signal was aborted with and what `onData` throws.
 */
export async function get(text: string, options: GetOptions, onData: OnData): Promise<number> {
  const { rules, resolve, connectMilliseconds = 10_000, idleMilliseconds = 30_000, totalMilliseconds } = options;
  const first = webUrl(text);
  const timeout = AbortSignal.timeout(totalMilliseconds);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const agent = new Agent({
    connect: checkedConnector({
      rules,
      timeoutMilliseconds: connectMilliseconds,
      http2: false,
      ...(resolve ? { resolve } : {}),
    }),
    headersTimeout: idleMilliseconds,
    bodyTimeout: idleMilliseconds,
  });
  const explain = (error: unknown): unknown => {
    if (error instanceof NetError) return error;
    if (options.signal?.aborted) return options.signal.reason;
    if (timeout.aborted) return new NetError('TooSlow', `took longer than allowed (${totalMilliseconds} ms)`);
    const reason = /Timeout/.test((error as Error).name) ? 'TooSlow' : 'Unreachable';
    return new NetError(reason, `could not be fetched (${networkFault(error)}); check the URL and network`);
  };
  try {
    const body = await follow(first, agent, options, signal).catch((error: unknown) => {
      throw explain(error);
    });
    return await receive(body, options.maxBytes, onData, explain);
  } finally {
    await agent.destroy();
  }
}

interface Body {
  pieces: Dispatcher.ResponseData['body'];
  /** Bytes; undefined when the server does not say. */
  declared: number | undefined;
}

async function follow(first: URL, agent: Agent, { headers = {} }: GetOptions, signal: AbortSignal): Promise<Body> {
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const reply = await request(url, {
      dispatcher: agent,
      signal,
      // Not unpacked by us, a packed body would be taken for the file; and a small one may unpack to any size.
      headers: {
        'user-agent': 'qdrant-bench',
        ...(url.origin === first.origin ? headers : {}),
        'accept-encoding': 'identity',
      },
    });
    // What breaks after it has been given up is nobody's error.
    reply.body.on('error', () => undefined);
    const { location } = reply.headers;
    if (REDIRECTS.has(reply.statusCode) && typeof location === 'string') {
      reply.body.destroy();
      url = redirected(url, location);
      continue;
    }
    return { pieces: reply.body, declared: declaredLength(reply) };
  }
  throw new NetError('BadRedirect', `needs more than ${MAX_REDIRECTS} redirects`);
}

function redirected(from: URL, location: string): URL {
  let to: URL;
  try {
    to = webUrl(location, from);
  } catch (error) {
    throw new NetError('BadRedirect', `redirects to what ${(error as Error).message}`);
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw new NetError('BadRedirect', 'redirects from https to http, which anybody on the way could change');
  }
  return to;
}

function declaredLength({ statusCode, headers, body }: Dispatcher.ResponseData): number | undefined {
  const refuse = (what: string): never => {
    body.destroy();
    throw new NetError('BadAnswer', what);
  };
  if (statusCode !== 200) return refuse(`answered HTTP ${statusCode}, expected 200; check the URL`);
  const encoding = String(headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding !== 'identity') return refuse('is sent packed (content-encoding), expected the file as it is');
  const length = headers['content-length'];
  return typeof length === 'string' && /^[0-9]{1,15}$/.test(length) ? Number(length) : undefined;
}

async function receive(
  { pieces, declared }: Body,
  maxBytes: number,
  onData: OnData,
  explain: (error: unknown) => unknown,
): Promise<number> {
  const tooBig = () => new NetError('TooBig', `is larger than the allowed ${maxBytes} bytes; use a smaller file`);
  let bytes = 0;
  let handing = false;
  try {
    if (declared !== undefined && declared > maxBytes) throw tooBig();
    for await (const chunk of pieces as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooBig();
      handing = true;
      await onData(chunk, bytes, declared ?? 0);
      handing = false;
    }
  } catch (error) {
    throw handing ? error : explain(error);
  } finally {
    pieces.destroy();
  }
  // undici has compared it with what was declared.
  return bytes;
}
