import { pino } from 'pino';
import { busKeysFromSecret, busKeysToSecret, generateBusKeys, type BusKeys } from '../../../operator/bus/auth.ts';
import { NatsBus } from '../../../operator/bus/nats-bus.ts';
import type { JobAddress } from '../../../operator/bus/subjects.ts';
import { connectPublisher, type Publisher, type PublisherOptions } from '../../../loadgen/pod/nats-publisher.ts';
import { startNats, type NatsServer } from '../server.ts';

export const quiet = pino({ level: 'silent' });

/** A real server with an installation's authentication, and both sides to talk through it. */
export interface BusServer {
  server: NatsServer;
  keys: BusKeys;
  /** An operator process's bus, not yet connected; closed with the server. */
  bus(): NatsBus;
  /** What a job's pod publishes with; closed with the server. */
  publisher(address: JobAddress, options?: Partial<PublisherOptions>): Promise<Publisher>;
  stop(): Promise<void>;
}

export async function startBusServer(): Promise<BusServer> {
  // By way of the Secret, as in an installation.
  const keys = busKeysFromSecret(busKeysToSecret(await generateBusKeys()));
  const server = await startNats({ config: keys.authConf });
  const open: { close(): Promise<void> }[] = [];
  const bus = (): NatsBus => {
    const made = new NatsBus({ url: server.url, keys, log: quiet, ackWaitSeconds: 1.5 });
    open.push(made);
    return made;
  };
  return {
    server,
    keys,
    bus,
    async publisher(address, options = {}) {
      const made = await connectPublisher({
        url: server.url,
        creds: await bus().credentials(address, new Date(Date.now() + 3_600_000)),
        address,
        podUid: 'a-pod',
        log: quiet,
        signal: new AbortController().signal,
        ...options,
      });
      open.push(made);
      return made;
    },
    async stop() {
      await Promise.all(open.map((each) => each.close()));
      await server.stop();
    },
  };
}
