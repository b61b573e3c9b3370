import type { Access } from '../net/access.ts';
import type { Publish } from '../protocol.ts';

/** What every job is given besides itself. */
export interface JobContext {
  publish: Publish;
  /** A line for the log: something that went differently than asked, and goes on. */
  note: (text: string) => void;
  signal: AbortSignal;
  /** What may be reached of what the job names. */
  access: Access;
}
