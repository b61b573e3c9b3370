import type { Dispatcher } from 'undici';
import { KubeError } from './kube.ts';

type Body = Dispatcher.ResponseData['body'];

const MAX_ERROR_BYTES = 256 * 1024;
const MAX_SAID = 1000;

/** The body as text. @throws {KubeError} `TooLarge` when it is longer than `maxBytes`; the rest is not read. */
export async function text(body: Body, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new KubeError(0, 'TooLarge', `the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What a refusal says, in the server's own words. */
export async function refused(response: Dispatcher.ResponseData, subject: string): Promise<KubeError> {
  const { statusCode, headers } = response;
  const said = await text(response.body, MAX_ERROR_BYTES).catch(() => '');
  const { reason, message } = statusOf(said);
  const retryAfter = Number(headers['retry-after'] ?? NaN);
  return new KubeError(
    statusCode,
    reason ?? (statusCode === 404 ? 'NoSuchPath' : `HTTP ${statusCode}`),
    `${subject}: ${(message ?? said).slice(0, MAX_SAID)}`,
    {
      retryAfter: Number.isFinite(retryAfter) ? retryAfter : undefined,
    },
  );
}

/** Makes every failure a {@link KubeError}, but for the caller's own abort, whose reason is kept. */
export function failed(error: unknown, subject: string, signal?: AbortSignal): Error {
  if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
  if (error instanceof KubeError) return error;
  const { name, code, message } = error as { name?: string; code?: string; message?: string };
  const timeout = name === 'TimeoutError' || (code ?? '').endsWith('TIMEOUT');
  return new KubeError(
    0,
    timeout ? 'Timeout' : 'Unreachable',
    `${subject}: ${timeout ? 'no answer in time' : 'the API server cannot be reached'}: ${message || code || name || String(error)}`,
    { cause: error },
  );
}

function statusOf(said: string): { reason?: string; message?: string } {
  try {
    const { reason, message } = JSON.parse(said) as { reason?: unknown; message?: unknown };
    return {
      ...(typeof reason === 'string' && reason !== '' ? { reason } : {}),
      ...(typeof message === 'string' ? { message } : {}),
    };
  } catch {
    return {};
  }
}
