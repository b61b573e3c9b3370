import type { FailedMessage } from './protocol.ts';

/** Why a job cannot go on: a `reason` of the protocol and a sentence that names the cause and the remedy. */
export class JobError extends Error {
  override readonly name = 'JobError';
  readonly reason: FailedMessage['reason'];
  constructor(reason: FailedMessage['reason'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/** The text of an error for people: message and, where it adds something, the cause's. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message || (error as { code?: string }).code || error.name;
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return cause !== undefined && cause !== '' && !own.includes(cause) ? `${own}: ${cause}` : own;
}
