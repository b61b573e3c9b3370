import { z } from 'zod';
import { messageSchema, type Message } from '../../loadgen/protocol.ts';
import { MAX_MESSAGE_BYTES } from './subjects.ts';

/** What a pod sent, or why that is no message of the protocol. Pods are not trusted: everything is bounded. */
export function decodeMessage(data: Uint8Array): { message: Message } | { garbage: string } {
  if (data.length > MAX_MESSAGE_BYTES)
    return { garbage: `${data.length} bytes, at most ${MAX_MESSAGE_BYTES} expected` };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    return { garbage: 'no JSON' };
  }
  const parsed = messageSchema.safeParse(value);
  return parsed.success ? { message: parsed.data } : { garbage: z.prettifyError(parsed.error).slice(0, 500) };
}
