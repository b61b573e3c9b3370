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
  /** Certificates (PEM) of the authorities to trust instead of the public ones. */
  ca?: string;
  /** To get the rest only, of a file that is still the one the validator was of; else it comes as a whole. */
  resume?: { from: number; validator: string };
  /** Told before the first piece of the body. */
  onAnswer?: (answer: Answer) => void | Promise<void>;
  signal?: AbortSignal;
  /** For tests. */
  resolve?: Resolve;
}

/** What is about to come. */
export interface Answer {
  /** The byte of the file it begins with: 0, or that of `resume`. */
  from: number;
  /** A strong ETag, or the date of the last change, if the server gives one: what a later `resume` names. */
  validator: string | undefined;
}

/** Told of each piece of the body as it comes, bytes of the file so far and in all; the next one waits for it. */
export type OnData = (chunk: Buffer, soFar: number, declared: number) => void | Promise<void>;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Gets a URL that a user named: the only way such are fetched. Every hop is checked as the first is ({@link
 * checkedConnector}); from https no redirect leads to http. The body is handed on as it comes, never unpacked, and is
 * bounded in size and time.
 * @returns the number of bytes of the file, those before `resume` included.
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
      ...(options.ca === undefined ? {} : { ca: options.ca }),
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
    return await receive(body, options, onData, explain);
  } finally {
    await agent.destroy();
  }
}

interface Body extends Answer {
  pieces: Dispatcher.ResponseData['body'];
  /** Bytes of the whole file; undefined when the server does not say. */
  declared: number | undefined;
}

async function follow(first: URL, agent: Agent, options: GetOptions, signal: AbortSignal): Promise<Body> {
  const { headers = {}, resume } = options;
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
        ...(resume ? { range: `bytes=${resume.from}-`, 'if-range': resume.validator } : {}),
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
    return { pieces: reply.body, ...announced(reply, resume) };
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

/** What the headers of an answer say of its body. */
function announced(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  resume: GetOptions['resume'],
): Answer & Pick<Body, 'declared'> {
  const refuse = (what: string): never => {
    body.destroy();
    throw new NetError('BadAnswer', what);
  };
  const partial = resume !== undefined && statusCode === 206;
  if (statusCode !== 200 && !partial) return refuse(`answered HTTP ${statusCode}, expected 200; check the URL`);
  const encoding = String(headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding !== 'identity') return refuse('is sent packed (content-encoding), expected the file as it is');
  const validator = strongValidator(headers);
  if (!partial) {
    const length = headers['content-length'];
    const declared = typeof length === 'string' && /^[0-9]{1,15}$/.test(length) ? Number(length) : undefined;
    return { from: 0, declared, validator };
  }
  const [, from, total] =
    /^bytes ([0-9]{1,15})-[0-9]{1,15}\/([0-9]{1,15}|\*)$/.exec(String(headers['content-range'])) ?? [];
  if (Number(from) !== resume.from) return refuse('answered with another part of the file than the one asked for');
  if (validator !== undefined && validator !== resume.validator) return refuse('answered with a part of another file');
  return { from: resume.from, declared: total === '*' ? undefined : Number(total), validator: resume.validator };
}

/** A weak ETag says that files are alike, not that they are the same bytes. */
function strongValidator({ etag, 'last-modified': modified }: Dispatcher.ResponseData['headers']): string | undefined {
  if (typeof etag === 'string' && /^"[\x21\x23-\x7e]{1,1024}"$/.test(etag)) return etag;
  return typeof modified === 'string' && /^[A-Za-z0-9,: +-]{1,64}$/.test(modified) ? modified : undefined;
}

async function receive(
  { pieces, declared, from, validator }: Body,
  { maxBytes, onAnswer }: GetOptions,
  onData: OnData,
  explain: (error: unknown) => unknown,
): Promise<number> {
  const tooBig = () => new NetError('TooBig', `is larger than the allowed ${maxBytes} bytes; use a smaller file`);
  let bytes = from;
  let handing = false;
  try {
    if (declared !== undefined && declared > maxBytes) throw tooBig();
    handing = true;
    await onAnswer?.({ from, validator });
    handing = false;
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
  // undici has compared what came with what was declared to come.
  return bytes;
}
