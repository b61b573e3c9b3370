import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  fmtCreds,
  fromSeed,
  type Account,
  type Export,
  type KeyPair,
  type User,
} from '@nats-io/jwt';
import { BusError } from './bus.ts';
import {
  inboxPrefix,
  MAX_MESSAGE_BYTES,
  peerSubject,
  STREAM_SUBJECTS,
  subjectOf,
  type JobAddress,
} from './subjects.ts';

/**
 * Who may do what on NATS, by its decentralised JWT authentication: the server trusts one operator key, which signed
 * three accounts; users are made offline by whoever holds an account's signing key.
 *
 * - `SYS`: the server's own; nobody has its key.
 * - `BENCH`: holds the streams. Its one user is our operator process.
 * - `JOBS`: the load generator's pods. It reaches two services of BENCH and nothing else: publishing on the streams'
 *   subjects. Within it, the pods of one job speak with one another, and with nobody else. An account of its own, because JetStream answers to whatever reply subject a publisher names: in the
 *   streams' account a pod could so speak for another job, or call the JetStream API with our rights.
 */
export interface BusKeys {
  /** What nats.conf includes: operator, accounts, resolver. Public keys and signatures only. */
  authConf: string;
  /** Signs the credentials of jobs. Secret. */
  accountSeed: string;
  /** Public key of the account JOBS. */
  accountPub: string;
  /** The operator process's credentials. Secret. */
  operatorCreds: string;
}

/** What the streams may take; an installation's nats.conf must allow JetStream at least as much. */
export const STORAGE = { fileBytes: 1_073_741_824, memoryBytes: 67_108_864 } as const;

/** The prefix of the operator process's own inboxes. */
export const OPERATOR_INBOX = '_INBOX.operator';

const SERVICES = Object.entries(STREAM_SUBJECTS).map(([name, subject]) => ({
  name,
  subject,
  type: 'service' as const,
}));

/** No limit. Zero would mean none at all. */
const ANY = -1;
const CONNECTIONS = {
  subs: ANY,
  data: ANY,
  payload: ANY,
  conn: ANY,
  imports: ANY,
  exports: ANY,
  wildcards: true,
  leaf: 0,
};

/** Makes an installation's keys. Done once; what was made before is worth nothing to a server with other keys. */
export async function generateBusKeys(): Promise<BusKeys> {
  const [operator, system, bench, jobs, jobsSigner] = [
    createOperator(),
    createAccount(),
    createAccount(),
    createAccount(),
    createAccount(),
  ];
  const account = (name: string, keys: KeyPair, claims: Partial<Account>): Promise<string> =>
    encodeAccount(name, keys, claims, { signer: operator });
  const operatorJwt = await encodeOperator('qdrant-bench', operator, { system_account: system.getPublicKey() });
  const systemJwt = await account('SYS', system, { limits: CONNECTIONS });
  const benchJwt = await account('BENCH', bench, {
    exports: SERVICES as Export[],
    limits: {
      ...CONNECTIONS,
      disk_storage: STORAGE.fileBytes,
      mem_storage: STORAGE.memoryBytes,
      streams: SERVICES.length,
      consumer: ANY,
    },
  });
  const jobsJwt = await account('JOBS', jobs, {
    imports: SERVICES.map((service) => ({ ...service, account: bench.getPublicKey() })),
    signing_keys: [jobsSigner.getPublicKey()],
    limits: CONNECTIONS,
  });
  const user = createUser();
  const operatorUser = await encodeUser('operator', user, bench, {
    pub: { allow: ['$JS.API.>', '$JS.ACK.>'] },
    sub: { allow: [`${OPERATOR_INBOX}.>`] },
  });
  const accounts = [
    [system, systemJwt],
    [bench, benchJwt],
    [jobs, jobsJwt],
  ] as const;
  return {
    authConf: `operator: ${operatorJwt}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
${accounts.map(([keys, jwt]) => `  ${keys.getPublicKey()}: ${jwt}\n`).join('')}}
`,
    accountSeed: text(jobsSigner.getSeed()),
    accountPub: jobs.getPublicKey(),
    operatorCreds: text(fmtCreds(operatorUser, user)),
  };
}

/** Longest life of credentials: a job is never given more, whatever its deadline. */
const MAX_LIFE_SECONDS = 30 * 86_400;

/**
 * Credentials of one job's pods: the text of a creds file.
 * @throws {RangeError} for names that are no DNS labels, or a date that is none or has passed.
 */
export async function jobCredentials(
  keys: Pick<BusKeys, 'accountSeed' | 'accountPub'>,
  { namespace, job, expiresAt }: JobAddress & { expiresAt: Date },
): Promise<string> {
  const address = { namespace, job };
  const now = Math.floor(Date.now() / 1000);
  const expires = Math.ceil(expiresAt.getTime() / 1000);
  if (!(expires > now)) {
    throw new RangeError(`expiresAt ${String(expiresAt)} has passed: expected a time to come`);
  }
  const permissions: Partial<User> = {
    pub: { allow: [subjectOf('results', address), subjectOf('series', address), peerSubject(address)] },
    sub: { allow: [`${inboxPrefix(address)}.>`, peerSubject(address)] },
    subs: 8,
    payload: MAX_MESSAGE_BYTES,
    allowed_connection_types: ['STANDARD'],
  };
  const user = createUser();
  const jwt = await encodeUser(`${namespace}.${job}`, user, keys.accountPub, permissions, {
    signer: fromSeed(new TextEncoder().encode(keys.accountSeed)),
    exp: Math.min(expires, now + MAX_LIFE_SECONDS),
  });
  return text(fmtCreds(jwt, user));
}

/** Where each part is kept in the Secret. NATS mounts `auth.conf` alone. */
const SECRET_KEYS = {
  authConf: 'auth.conf',
  accountSeed: 'account.seed',
  accountPub: 'account.pub',
  operatorCreds: 'operator.creds',
} as const satisfies Record<keyof BusKeys, string>;

/** The Secret's `stringData`: `auth.conf`, `account.seed`, `account.pub`, `operator.creds`. */
export function busKeysToSecret(keys: BusKeys): Record<string, string> {
  return Object.fromEntries(Object.entries(SECRET_KEYS).map(([part, key]) => [key, keys[part as keyof BusKeys]]));
}

/**
 * Reads what {@link busKeysToSecret} wrote, from the Secret's decoded values.
 * @throws {BusError} BusMisconfigured when something is missing or damaged; no key's value is in its message.
 */
export function busKeysFromSecret(data: Readonly<Record<string, string | undefined>>): BusKeys {
  const part = (name: keyof BusKeys, looksRight: (value: string) => boolean): string => {
    const value = data[SECRET_KEYS[name]];
    if (value !== undefined && looksRight(value)) return value;
    const what = value === undefined ? 'is missing' : 'is damaged';
    throw new BusError(
      'BusMisconfigured',
      `the NATS Secret's key ${SECRET_KEYS[name]} ${what}; delete the Secret and restart operator and NATS: new keys are made`,
    );
  };
  const accountPub = part('accountPub', (value) => /^A[A-Z2-7]{55}$/.test(value));
  return {
    authConf: part('authConf', (value) => value.includes(accountPub)),
    accountSeed: part('accountSeed', isAccountSeed),
    accountPub,
    operatorCreds: part('operatorCreds', (value) => /BEGIN NATS USER JWT[^]*BEGIN USER NKEY SEED/.test(value)),
  };
}

function isAccountSeed(value: string): boolean {
  try {
    return fromSeed(new TextEncoder().encode(value)).getPublicKey().startsWith('A');
  } catch {
    return false;
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
