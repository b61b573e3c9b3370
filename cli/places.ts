import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { InvalidInput } from './input.ts';

/** Where a local run keeps its things. */
export interface Places {
  /** What `openRunStore` takes: a folder or a Postgres URL. */
  record: string;
  /** The local engines' data, one sub-folder a collection. */
  engines: string;
  /** Prepared datasets. */
  datasets: string;
}

/**
 * The folders that belong to a store location. A folder store holds all three; beside a Postgres the engines and datasets
 * lie under the XDG data directory, keyed by that Postgres.
 * @throws {InvalidInput} for any other URL.
 */
export function placesOf(location: string | undefined, env: NodeJS.ProcessEnv = process.env): Places {
  // The XDG base directory specification has relative paths ignored.
  const xdg = env['XDG_DATA_HOME'];
  const data = join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'share'), 'qdrant-bench');
  const url = location !== undefined && /^postgres(ql)?:\/\//i.test(location);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(location ?? '')?.[1];
  if (scheme !== undefined && !url) {
    throw new InvalidInput(`--store: "${scheme}://…" is not known, expected a folder or postgres://user@host/database`);
  }
  const folder = url
    ? join(data, `postgres-${createHash('sha256').update(location).digest('hex').slice(0, 12)}`)
    : resolve(location ?? join(data, 'store'));
  return {
    record: url ? location : join(folder, 'record'),
    engines: join(folder, 'engines'),
    datasets: join(folder, 'datasets'),
  };
}
