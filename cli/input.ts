import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { formatFieldErrors } from '../crds/field-error.ts';
import { MAX_RESOURCE_BYTES, parseSweep } from '../crds/parse.ts';
import { sweepSchema, type QdrantSweep } from '../crds/sweep/sweep.ts';
import { unsupportedFields } from '../crds/unsupported-fields.ts';

/** The file cannot be run; the message names what is wrong with it. */
export class InvalidInput extends Error {
  override readonly name = 'InvalidInput';
}

/**
 * The sweep in a YAML file, ready to run here: validated, its `file:` URLs absolute, `--qdrant` and `--namespace` applied.
 * @throws {InvalidInput}
 */
export async function readSweep(
  file: string,
  overrides: { qdrant?: string; namespace?: string },
): Promise<QdrantSweep> {
  const text = await readBounded(file);
  const { sweep, errors } = parseSweep(text);
  if (errors) throw new InvalidInput(`${file} is not a valid QdrantSweep:\n${formatFieldErrors(errors)}`);
  const price = sweep.spec.target.kubernetes?.pricePerHour ?? sweep.spec.target.external?.pricePerHour;
  const target = overrides.qdrant
    ? { external: { url: new URL(overrides.qdrant).origin, ...(price ? { pricePerHour: price } : {}) } }
    : sweep.spec.target;
  const unable = unsupportedFields(sweepSchema, { ...sweep, spec: { ...sweep.spec, target } }, []);
  if (unable.length > 0)
    throw new InvalidInput(`${file} asks for more than this version can do:\n${formatFieldErrors(unable)}`);
  const { dataset } = sweep.spec;
  const { vectors } = dataset;
  const absolute = <S extends { url: string } | undefined>(source: S): S =>
    source?.url.startsWith('file:')
      ? { ...source, url: new URL(source.url, pathToFileURL(`${dirname(resolve(file))}/`)).href }
      : source;
  const changed: QdrantSweep = {
    ...sweep,
    metadata: { ...sweep.metadata, namespace: overrides.namespace ?? sweep.metadata.namespace ?? 'default' },
    spec: {
      ...sweep.spec,
      target,
      ...(vectors
        ? {
            dataset: {
              vectors: {
                ...vectors,
                base: absolute(vectors.base),
                queries: absolute(vectors.queries),
                ...(vectors.groundTruth ? { groundTruth: absolute(vectors.groundTruth) } : {}),
                ...(vectors.payload ? { payload: absolute(vectors.payload) } : {}),
                ...(vectors.queryVariables ? { queryVariables: absolute(vectors.queryVariables) } : {}),
              },
            },
          }
        : {}),
    },
  };
  // The overrides come from the command line: they pass the same gate.
  const again = parseSweep(JSON.stringify(changed));
  if (again.errors) throw new InvalidInput(formatFieldErrors(again.errors));
  return changed;
}

async function readBounded(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAX_RESOURCE_BYTES)
      throw new InvalidInput(
        `${file} is larger than ${MAX_RESOURCE_BYTES} bytes; a QdrantSweep is a few lines of YAML`,
      );
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof InvalidInput) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EISDIR'
          ? 'is a folder'
          : code === 'EACCES'
            ? 'may not be read'
            : String(error);
    throw new InvalidInput(`${file} ${why}; give the path of a QdrantSweep YAML file`, { cause: error });
  }
}
