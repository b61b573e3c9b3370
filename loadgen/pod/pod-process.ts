import type { Writable } from 'node:stream';
import { pino, type DestinationStream, type Logger } from 'pino';
import { errorText } from '../job-error.ts';
import { PeerLink } from '../peers/link.ts';
import { EXIT, runJob } from '../run-job.ts';
import { ConfigError, idsOf, readConfig, type PodConfig } from './config.ts';
import { connectPublisher, HandoverError } from './nats-publisher.ts';

/** Exit codes of a pod. 64 and 69 are sysexits.h's EX_USAGE and EX_UNAVAILABLE. */
export const POD_EXIT = {
  ...EXIT,
  /** Wrongly started: arguments, environment, credentials. Starting it again will not help. */
  configuration: 64,
  /** NATS was not reached in time, or did not take a result. */
  unavailable: 69,
} as const;

const HELP = `node loadgen/pod/main.ts JOB.json

Carries out one load generator job in a pod and publishes what it finds on NATS. Started by the operator's Jobs.

Environment:
  QDRANT_BENCH_NATS_URL    nats://host:port
  QDRANT_BENCH_NATS_CREDS  path of the credentials file
  QDRANT_BENCH_NAMESPACE   the Job's namespace
  QDRANT_BENCH_JOB         the Job's name
  QDRANT_BENCH_POD_UID     the pod's UID (metadata.uid)
  QDRANT_BENCH_PODS        how many pods share the job (1 if left out); JOB_COMPLETION_INDEX, which Kubernetes sets, says
                           which this is. Number 0 leads, and alone publishes
  QDRANT_BENCH_SWEEP       the sweep's name, for the log (may be left out)
  QDRANT_BENCH_ADDRESSES_ALLOW, QDRANT_BENCH_ADDRESSES_DENY
                           ranges (and host names, to allow), comma-separated: where a user's URLs may lead besides the
                           public internet, and where they never may (may be left out)

Exit codes:
  0    done; the last message was "done"
  1    failed; the last message was "failed" and says why
  64   wrongly configured; the log says how. Starting it again will not help
  69   NATS was not reached in time, or did not take a result in time
  143  stopped by SIGTERM or SIGINT; nothing was said of it
`;

/** The parts of a process that are used. */
export interface PodPort {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  stdout: Writable;
  on(event: 'SIGTERM' | 'SIGINT', listener: () => void): unknown;
}

export interface PodTimes {
  connectSeconds?: number;
  handoverSeconds?: number;
  /** ms without a word after which another pod is taken for dead. */
  silence?: number;
}

/** ms from the signal until whatever does not heed it is left behind. */
const GRACE_MS = 3000;
/** ms of silence after which another pod is taken for dead: longer than it takes to notice that NATS does not answer. */
const SILENCE_MS = 45_000;

/**
 * The load generator as a pod: one job from a file, its messages to NATS, its log to standard output.
 * @returns the exit code, one of {@link POD_EXIT}.
 */
export async function runPod(port: PodPort, times: PodTimes = {}): Promise<number> {
  if (port.argv[2] === '--help' || port.argv[2] === '-h') {
    port.stdout.write(HELP);
    return POD_EXIT.done;
  }
  let log = pino({ name: 'loadgen' }, port.stdout as DestinationStream);
  const abort = new AbortController();
  const stop = (why: string) => (): void => {
    if (abort.signal.aborted) return;
    log.info({ why }, 'stopping');
    abort.abort(new Error(why));
  };
  port.on('SIGTERM', stop('SIGTERM'));
  port.on('SIGINT', stop('SIGINT'));
  const gone = new Promise<number>((resolve) => {
    abort.signal.addEventListener('abort', () => setTimeout(resolve, GRACE_MS, POD_EXIT.terminated).unref(), {
      once: true,
    });
  });
  try {
    const config = await readConfig(port.argv, port.env);
    const { address, sweep, podUid } = config;
    log = log.child({
      ...address,
      podUid,
      ...(sweep === undefined ? {} : { sweep }),
      ...(config.pods > 1 ? { pod: config.pod } : {}),
      ...idsOf(config.job),
    });
    log.info('starting');
    const code = await Promise.race([carryOut(config, log, abort.signal, times), gone]);
    log.info({ code }, 'ended');
    return code;
  } catch (error) {
    if (abort.signal.aborted) return POD_EXIT.terminated;
    if (error instanceof ConfigError) {
      log.error(error.message);
      return POD_EXIT.configuration;
    }
    if (error instanceof HandoverError) {
      log.error(error.message);
      return POD_EXIT.unavailable;
    }
    log.error({ err: error }, errorText(error));
    return POD_EXIT.failed;
  }
}

async function carryOut(config: PodConfig, log: Logger, signal: AbortSignal, times: PodTimes): Promise<number> {
  const { natsUrl: url, natsCreds: creds, address, podUid } = config;
  const publisher = await connectPublisher({ url, creds, address, podUid, log, signal, ...times });
  const { pod, pods } = config;
  const peers =
    pods > 1 ? new PeerLink({ wire: publisher.wire(pod), pod, pods, silence: times.silence ?? SILENCE_MS }) : undefined;
  try {
    return await runJob(config.job, {
      publish: publisher.publish,
      note: (text) => log.info(text),
      signal,
      access: config.access,
      ...(peers ? { peers } : {}),
    });
  } finally {
    peers?.close();
    await publisher.close();
  }
}
