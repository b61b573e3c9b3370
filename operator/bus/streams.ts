import type { StreamConfig } from 'nats';
import { STORAGE } from './auth.ts';
import { MAX_MESSAGE_BYTES, STREAM_SUBJECTS, STREAMS } from './subjects.ts';

const NANOSECONDS = 1_000_000_000;
/** How long results are kept that nobody has asked for. */
export const RESULTS_SECONDS = 7 * 86_400;

/** What a stream is made with; the rest are NATS's defaults. */
export type WantedStream = Partial<StreamConfig> & Pick<StreamConfig, 'name'>;

/**
 * The two streams. A pod that is out of its mind fills its own subject (`max_msgs_per_subject`), not everybody's stream.
 *
 * RESULTS refuses what has no room, so that the pod sends it again, and forgets a Msg-Id only after a pod has given up
 * sending. `sync_interval: always` in nats.conf makes an acknowledged result survive a crash of the machine.
 * SERIES lives in memory, gone with the server, and drops what is oldest.
 */
export const WANTED_STREAMS: readonly WantedStream[] = [
  {
    name: STREAMS.results,
    description: 'Results of load generator jobs, kept until their sweep has them',
    subjects: [STREAM_SUBJECTS.results],
    storage: 'file' as StreamConfig['storage'],
    retention: 'limits' as StreamConfig['retention'],
    discard: 'new' as StreamConfig['discard'],
    discard_new_per_subject: true,
    max_msgs_per_subject: 4096,
    max_bytes: STORAGE.fileBytes - 67_108_864,
    max_age: RESULTS_SECONDS * NANOSECONDS,
    max_msg_size: MAX_MESSAGE_BYTES,
    duplicate_window: 1800 * NANOSECONDS,
    num_replicas: 1,
  },
  {
    name: STREAMS.series,
    description: 'Progress and per-second series of load generator jobs; may lose some',
    subjects: [STREAM_SUBJECTS.series],
    storage: 'memory' as StreamConfig['storage'],
    retention: 'limits' as StreamConfig['retention'],
    discard: 'old' as StreamConfig['discard'],
    max_msgs_per_subject: 4096,
    max_bytes: STORAGE.memoryBytes / 2,
    max_age: 3600 * NANOSECONDS,
    max_msg_size: 16_384,
    num_replicas: 1,
  },
];

/** Whether a stream differs from what is wanted of it. */
export function differs(found: Readonly<Partial<StreamConfig>>, wanted: WantedStream): boolean {
  return Object.entries(wanted).some(
    ([name, value]) => JSON.stringify(found[name as keyof StreamConfig]) !== JSON.stringify(value),
  );
}
