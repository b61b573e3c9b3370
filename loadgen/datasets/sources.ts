import { join } from 'node:path';
import type { Claim } from '../../crds/common/source.ts';
import type { VectorSource } from '../../crds/sweep/sweep-spec.ts';
import type { Access } from '../net/access.ts';
import { shownUrl } from '../net/url.ts';
import type { SourceRole } from '../dataset-sources.ts';
import { openClaimFile } from './claim-file.ts';
import { checkSha256, fetchFile, type Fetched } from './fetch.ts';
import { DataFile } from './formats/data-file.ts';
import { formatOf, openRows, type Format, type RowsRole } from './formats/format.ts';
import type { RowReader } from './formats/row-reader.ts';
import { sourceCredentials } from './source-credentials.ts';

/** Where a file is, whatever is in it. */
export type FileSource = Pick<
  VectorSource,
  'url' | 'persistentVolumeClaim' | 'sha256' | 'headersSecretRef' | 's3SecretRef' | 'caSecretRef'
>;

/** A file of the dataset, checked and open. */
export interface FetchedSource {
  /** For messages: role and where it is from. */
  name: string;
  file: DataFile;
  /** Of the file's bytes. */
  sha256: string;
}

/** One of rows of numbers. */
export interface Source extends FetchedSource {
  format: Format;
  /** What in the file was asked for, where a file may hold several things. */
  part: string | undefined;
  reader: RowReader;
}

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
   * @throws {JobError} as {@link fetch}, and DatasetInvalid when it is not of its format.
   */
  async open(source: VectorSource, role: RowsRole): Promise<Source> {
    // Before anything is fetched.
    const format = formatOf(nameOf(source, role), source.format);
    const fetched = await this.fetch(source, role);
    const reader = await openRows(fetched.file, { format, key: source.key, column: source.column }, role);
    return { ...fetched, format, part: source.key ?? source.column, reader };
  }

  /**
   * Brings a file within reach.
   * @throws {JobError} DatasetUnreachable, or DatasetInvalid: wrong checksum, too large.
   */
  async fetch(source: FileSource, role: SourceRole): Promise<FetchedSource> {
    const name = nameOf(source, role);
    const fetched = source.persistentVolumeClaim
      ? await this.#onClaim(source.persistentVolumeClaim, name, role)
      : await this.#byUrl(source, name, role);
    checkSha256(name, { sha256: fetched.sha256, bytes: fetched.file.size }, source.sha256);
    return { name, ...fetched };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open.splice(0)) await file.close();
  }

  async #onClaim(claim: Claim, name: string, role: SourceRole): Promise<Omit<FetchedSource, 'name'>> {
    const { access, progress, signal } = this.#hooks;
    const file = await openClaimFile(claim, name, access);
    this.#open.push(file);
    const sha256 = await file.sha256((done) => progress('Fetching', done, file.size, role), signal);
    return { file, sha256 };
  }

  async #byUrl(source: FileSource, name: string, role: SourceRole): Promise<Omit<FetchedSource, 'name'>> {
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
    const file = await DataFile.open(fetched.path, name);
    this.#open.push(file);
    return { file, sha256: fetched.sha256 };
  }
}

function nameOf({ persistentVolumeClaim: claim, url = '' }: FileSource, role: SourceRole): string {
  return `${role} ${claim ? `${claim.claimName}:${claim.path}` : shownUrl(url)}`;
}
