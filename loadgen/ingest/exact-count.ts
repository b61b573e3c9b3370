import { collectionPath, type Rest } from '../rest.ts';

/** How many points a collection holds, counted and not estimated. @throws {RestError} */
export async function exactCount(rest: Rest, collection: string, signal?: AbortSignal): Promise<number> {
  const path = `${collectionPath(collection)}/points/count`;
  const { count } = await rest.call<{ count: number }>('POST', path, {
    body: '{"exact":true}',
    ...(signal ? { signal } : {}),
  });
  return count;
}
