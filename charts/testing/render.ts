import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ensureGoTools } from '../../dev/go/tools.ts';
import { run, type Finished } from './run.ts';

export const CHART = join(import.meta.dirname, '../qdrant-bench');

export interface Container {
  name: string;
  image: string;
  imagePullPolicy: string;
  env?: { name: string; value?: string; valueFrom?: Record<string, unknown> }[];
  securityContext: Record<string, unknown>;
  resources: Record<string, unknown>;
}

export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** A rendered object, as far as the tests look into it. */
export interface Rendered {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; labels: Record<string, string> };
  spec: { template: { spec: { containers: Container[]; automountServiceAccountToken?: boolean } } };
  rules: PolicyRule[];
  data: Record<string, string>;
}

/** Runs helm; a failure is a result. */
export async function helm(args: readonly string[], values: Record<string, unknown> = {}): Promise<Finished> {
  const tools = await ensureGoTools(['helm'], { onProgress: (line) => process.stderr.write(`  ${line}\n`) });
  return run(tools.helm, [...args, '--values', '-'], JSON.stringify(values));
}

/** The objects the chart makes of some values, installed as `qb` into namespace `bench`. */
export async function render(values: Record<string, unknown> = {}): Promise<Rendered[]> {
  const { code, stdout, stderr } = await helm(['template', 'qb', CHART, '--namespace', 'bench'], values);
  if (code !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}
