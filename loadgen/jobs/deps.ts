import type { Access } from '../net/access.ts';
import type { Leader } from '../peers/barrier.ts';
import type { PeerLink } from '../peers/link.ts';
import type { Publish } from '../protocol.ts';

/** What every job is given besides itself. */
export interface JobContext {
  publish: Publish;
  /** A line for the log: something that went differently than asked, and goes on. */
  note: (text: string) => void;
  signal: AbortSignal;
  /** What may be reached of what the job names. */
  access: Access;
  /** The other load generators of this job, where there are any. */
  peers?: PeerLink;
  /** Of the one among them that leads. */
  leader?: Leader;
}
