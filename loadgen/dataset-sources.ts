import type { DatasetSpec } from '../crds/sweep/sweep-spec.ts';

/**
 * What the files of a dataset need besides their URLs, by the names that a Prepare job and whoever starts it agree on.
 */

/** The files of a vectors dataset. */
export const SOURCE_ROLES = ['base', 'queries', 'groundTruth', 'payload', 'queryVariables'] as const;
export type SourceRole = (typeof SOURCE_ROLES)[number];

/** The Secrets a source may name, and how their environment variables are named. */
const SECRET_FIELDS = { headersSecretRef: 'HEADERS', s3SecretRef: 'S3', caSecretRef: 'CA' } as const;
export type SecretField = keyof typeof SECRET_FIELDS;

/** The environment variable by which a Prepare job gets what is in a Secret of a source. */
export function secretVariable(field: SecretField, role: SourceRole): string {
  return `QDRANT_BENCH_${SECRET_FIELDS[field]}_${role.toUpperCase()}`;
}

/** The Secrets that a dataset's sources name, each with the URL it is for. */
export function sourceSecrets({ vectors }: DatasetSpec): {
  role: SourceRole;
  field: SecretField;
  reference: { name: string; key: string };
  url: string;
  variable: string;
}[] {
  return SOURCE_ROLES.flatMap((role) =>
    (Object.keys(SECRET_FIELDS) as SecretField[]).flatMap((field) => {
      const { [field]: reference, url = '' } = vectors?.[role] ?? {};
      return reference ? [{ role, field, reference, url, variable: secretVariable(field, role) }] : [];
    }),
  );
}

/** Where a Prepare job's pod has the volumes of its sources, each in a folder of its claim's name. */
export const CLAIMS_DIR = '/var/lib/qdrant-bench/claims';

/** The volumes that a dataset's sources are on, by their claims' names, each once. */
export function sourceClaims({ vectors }: DatasetSpec): string[] {
  const claims = SOURCE_ROLES.map((role) => vectors?.[role]?.persistentVolumeClaim?.claimName);
  return [...new Set(claims.filter((name) => name !== undefined))];
}
