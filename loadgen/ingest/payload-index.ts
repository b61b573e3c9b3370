import { JobError } from '../job-error.ts';
import { collectionPath, RestError, type Rest } from '../rest.ts';
import type { PayloadIndex } from '../workload.ts';
import type { CollectionInfo } from './collection-info.ts';
import { DEFAULT_RETRY, withRetry } from './retry.ts';

/**
 * Qdrant's `field_schema` of an index. A text index has the default tokenizer, words in lower case, by which also a field
 * without an index is searched: so a filter means the same with it.
 */
export function fieldSchema({ type, isTenant, isPrincipal, onDisk }: PayloadIndex): Record<string, unknown> {
  return {
    type,
    ...(type === 'text' ? { tokenizer: 'word', lowercase: true } : {}),
    ...(isTenant === undefined ? {} : { is_tenant: isTenant }),
    ...(isPrincipal === undefined ? {} : { is_principal: isPrincipal }),
    ...(onDisk === undefined ? {} : { on_disk: onDisk }),
  };
}

/**
 * Makes a collection's payload indexes, one after the other. Before the upload: links of a graph that serve filters are
 * laid when the graph is built.
 * @throws {JobError} BuildFailed, naming the index and the server's words.
 */
export async function createPayloadIndexes(
  rest: Rest,
  collection: string,
  indexes: readonly PayloadIndex[],
  signal?: AbortSignal,
): Promise<void> {
  const more = signal ? { signal } : {};
  for (const index of indexes) {
    const body = JSON.stringify({ field_name: index.field, field_schema: fieldSchema(index) });
    try {
      await withRetry(() => rest.call('PUT', `${collectionPath(collection)}/index?wait=true`, { body, ...more }), {
        ...DEFAULT_RETRY,
        ...more,
      });
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
      throw new JobError('BuildFailed', `payload index on ${index.field} (${index.type}): ${error.message}`, {
        cause: error,
      });
    }
  }
}

/** Settings of payload indexes that were asked for and are not in effect, as `ignoredSettings` words them, sorted. */
export function ignoredIndexes(
  indexes: readonly PayloadIndex[],
  applied: NonNullable<CollectionInfo['payload_schema']>,
): string[] {
  return indexes
    .flatMap((index) => {
      const name = `payload index ${index.field}`;
      const found = Object.hasOwn(applied, index.field) ? applied[index.field] : undefined;
      if (!found) return [`${name}: asked ${index.type}, applied nothing`];
      if (found.data_type !== index.type) return [`${name}: asked ${index.type}, applied ${found.data_type}`];
      return Object.entries(fieldSchema(index)).flatMap(([setting, asked]) => {
        if (setting === 'type') return [];
        // A server leaves out what is at its default.
        const has = found.params?.[setting] ?? (asked === false ? false : undefined);
        return has === asked
          ? []
          : [
              `${name}: ${setting}: asked ${String(asked)}, applied ${has === undefined ? 'nothing' : JSON.stringify(has)}`,
            ];
      });
    })
    .map((text) => text.slice(0, 256))
    .sort();
}
