import { join } from 'node:path';
import type { JsonSource, VectorSource } from '../../crds/sweep/sweep-spec.ts';
import type { Access } from '../net/access.ts';
import { shownUrl } from '../net/url.ts';
import type { SourceRole } from '../protocol.ts';
import { openClaimFile } from './claim-file.ts';
import { checkSha256, fetchFile, type Fetched } from './fetch.ts';
import { DataFile } from './formats/data-file.ts';
import { formatOf, openRows, type Format, type RowsRole } from './formats/format.ts';
import type { RowReader } from './formats/row-reader.ts';
import { sourceCredentials } from './source-credentials.ts';

/** A file of the dataset, checked and open. */
export interface Source {
  /** For messages: role and where it is from. */
  name: string;
  file: DataFile;
  /** Of the file's bytes. */
  sha256: string;
  format: Format;
  /** What in the file was asked for, where a file may hold several things. */
  part: string | undefined;
  reader: RowReader;
}

/** Where a file of any sort is from. */
type Origin = JsonSource | VectorSource;

export interface SourceHooks {
  progress: (phase: 'Fetching', done: number, total: number, detail: string) => void;
  access: Access;
  signal?: AbortSignal;
}

/** The files of one dataset, fetched into a folder of their own. What several roles name is fetched once. */
export class Sources implements AsyncDisposable {
  readonly #scratch: string;
  readonly #hooks: SourceHooks;
  readonly #open: DataFile[] = [];
  readonly #fetched = new Map<string, Fetched>();

  constructor(scratch: string, hooks: SourceHooks) {
    this.#scratch = scratch;
    this.#hooks = hooks;
  }

  /**
   * Brings a file within reach and opens its rows.
   * @throws {JobError} DatasetUnreachable, or DatasetInvalid: wrong checksum, too large, not of its format.
   */
  async open(source: VectorSource, role: RowsRole): Promise<Source> {
    const name = nameOf(source, role);
    const format = formatOf(name, source.format);
    const { file, sha256 } = await this.#bring(source, name, role);
    const reader = await openRows(file, { format, key: source.key, column: source.column }, role);
    return { name, file, sha256, format, part: source.key ?? source.column, reader };
  }

  /** Brings a file of lines within reach. @throws {JobError} as `open`. */
  async text(source: JsonSource, role: SourceRole): Promise<Pick<Source, 'name' | 'file' | 'sha256'>> {
    const name = nameOf(source, role);
    return { name, ...(await this.#bring(source, name, role)) };
  }

  #bring(source: Origin, name: string, role: SourceRole): Promise<Pick<Source, 'file' | 'sha256'>> {
    return source.persistentVolumeClaim ? this.#onClaim(source, name, role) : this.#byUrl(source, name, role);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open.splice(0)) await file.close();
  }

  async #onClaim(
    { persistentVolumeClaim: claim, sha256: expected }: Origin,
    name: string,
    role: SourceRole,
  ): Promise<Pick<Source, 'file' | 'sha256'>> {
    const { access, progress, signal } = this.#hooks;
    const file = await openClaimFile(claim!, name, access);
    this.#open.push(file);
    const sha256 = await file.sha256((done) => progress('Fetching', done, file.size, role), signal);
    checkSha256(name, { sha256, bytes: file.size }, expected);
    return { file, sha256 };
  }

  async #byUrl(source: Origin, name: string, role: SourceRole): Promise<Pick<Source, 'file' | 'sha256'>> {
    const { access, progress, signal } = this.#hooks;
    const { url = '', headersSecretRef, s3SecretRef, caSecretRef, sha256: expected } = source;
    const same = JSON.stringify([url, headersSecretRef, s3SecretRef, caSecretRef]);
    let fetched = this.#fetched.get(same);
    if (!fetched) {
      fetched = await fetchFile(url, {
        into: join(this.#scratch, `${role}.download`),
        access,
        ...sourceCredentials(source, role, access.env),
        ...(expected === undefined ? {} : { sha256: expected }),
        ...(signal ? { signal } : {}),
        onProgress: (done, total) => progress('Fetching', done, Math.max(done, total), role),
      });
      this.#fetched.set(same, fetched);
    }
    checkSha256(name, fetched, expected);
    const file = await DataFile.open(fetched.path, name);
    this.#open.push(file);
    return { file, sha256: fetched.sha256 };
  }
}

/** For messages: role and where it is from. */
function nameOf({ url = '', persistentVolumeClaim: claim }: Origin, role: SourceRole): string {
  return `${role} ${claim ? `${claim.claimName}:${claim.path}` : shownUrl(url)}`;
}
