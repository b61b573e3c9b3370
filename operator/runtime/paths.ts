import type { KubeKind, ObjectRef } from './kube.ts';

/** Of a kind's objects: in one namespace, in all, or of a kind that has none. */
export function kindPath({ apiVersion, plural }: KubeKind, namespace?: string): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${group}${namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ''}/${plural}`;
}

export const objectPath = (ref: ObjectRef): string => `${kindPath(ref, ref.namespace)}/${encodeURIComponent(ref.name)}`;

/** With its question mark; what is undefined is left out. */
export function queryText(query: Record<string, string | undefined>): string {
  const entries = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return entries.length > 0 ? `?${new URLSearchParams(entries).toString()}` : '';
}
