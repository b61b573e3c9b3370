import { errorText, JobError } from '../job-error.ts';
import type { CollectionInfo } from '../ingest/collection-info.ts';
import { DEFAULT_RETRY, withRetry } from '../ingest/retry.ts';
import { ANYWHERE } from '../net/address-rules.ts';
import type { Endpoint } from '../protocol.ts';
import { collectionPath, Rest, RestError } from '../rest.ts';

/** A Qdrant and a collection on it, as a user of this machine names them. */
export interface ServerAddress {
  url: string;
  collection: string;
  apiKey?: string;
}

/** By which the API key is handed on within this process. */
const KEY = 'QDRANT_API_KEY';

export function endpointOf({ url, collection, apiKey }: ServerAddress): {
  endpoint: Endpoint;
  env: NodeJS.ProcessEnv;
} {
  return {
    endpoint: { url, collection, ...(apiKey === undefined ? {} : { apiKeyEnv: KEY }) },
    env: apiKey === undefined ? {} : { [KEY]: apiKey },
  };
}

export function connect(address: ServerAddress, connections: number): Rest {
  const { endpoint, env } = endpointOf(address);
  // Whatever the user of this machine can reach.
  return new Rest(endpoint, connections, ANYWHERE, env);
}

/** What the server says of the collection, undefined where there is none. @throws {JobError} TargetUnreachable */
export async function collectionInfo(
  rest: Rest,
  { url, collection }: ServerAddress,
  signal: AbortSignal,
): Promise<CollectionInfo | undefined> {
  try {
    const call = () => rest.call<CollectionInfo>('GET', collectionPath(collection), { signal });
    return await withRetry(call, { ...DEFAULT_RETRY, attempts: 3, signal });
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    if (error.status === 404) return undefined;
    throw new JobError('TargetUnreachable', `--url ${url}: ${errorText(error)}`, { cause: error });
  }
}

/** The server's version, null where it does not say. */
export async function serverVersion(rest: Rest, signal: AbortSignal): Promise<string | null> {
  try {
    // Without an envelope, unlike everything else.
    return (await rest.plain<{ version?: string }>('GET', '/', { signal })).version ?? null;
  } catch (error) {
    if (error instanceof RestError) return null;
    throw error;
  }
}
