import { connect, credsAuthenticator, NatsError, type JetStreamManager } from 'nats';
import { OPERATOR_INBOX } from '../../operator/bus/auth.ts';
import { STREAMS } from '../../operator/bus/subjects.ts';

/** What NATS keeps of a namespace's jobs. */
export interface BusContent {
  /** Names of consumers. */
  consumers: string[];
  /** Messages kept, by subject. */
  messages: Record<string, number>;
}

/** Looks at NATS as its administrator would. */
export async function lookAtBus(url: string, operatorCreds: string, namespace: string): Promise<BusContent> {
  const connection = await connect({
    servers: url,
    name: 'faults',
    authenticator: credsAuthenticator(new TextEncoder().encode(operatorCreds)),
    inboxPrefix: OPERATOR_INBOX,
    reconnect: false,
  });
  try {
    const jsm = await connection.jetstreamManager({ checkAPI: false });
    return { consumers: await consumers(jsm, namespace), messages: await messages(jsm, namespace) };
  } finally {
    await connection.close();
  }
}

async function consumers(jsm: JetStreamManager, namespace: string): Promise<string[]> {
  const names: string[] = [];
  for (const stream of Object.values(STREAMS)) {
    const pages = jsm.consumers.list(stream);
    for (;;) {
      const page = await pages.next().catch(unlessMissing);
      if (!page || page.length === 0) break;
      names.push(...page.map(({ name }) => name).filter((name) => name.startsWith(`${namespace}_`)));
    }
  }
  return names;
}

/** Only results: what is in SERIES may be lost, and goes by itself. */
async function messages(jsm: JetStreamManager, namespace: string): Promise<Record<string, number>> {
  const filter = `qb.results.${namespace}.>`;
  const info = await jsm.streams.info(STREAMS.results, { subjects_filter: filter }).catch(unlessMissing);
  return info?.state.subjects ?? {};
}

/** The streams are the operator's to make: one killed early has made none. */
function unlessMissing(error: unknown): undefined {
  if (error instanceof NatsError && error.api_error?.err_code === 10_059) return undefined;
  throw error;
}
