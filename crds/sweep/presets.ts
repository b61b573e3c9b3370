import { closest } from '../closest.ts';
import type { FieldError } from '../field-error.ts';
import type { SweepSpec } from './sweep-spec.ts';

type Json = Record<string, unknown>;

/** A workload as it is measured, every default filled in. */
export interface ResolvedWorkload {
  limit: number;
  withPayload: boolean;
  payloadIndexes: readonly PayloadIndexOf[];
  queries: readonly { name: string; weight: number; filter?: Json | undefined }[];
  writes?: { upserts?: { rate: number; batch: number }; deletes?: { rate: number } };
}

interface PayloadIndexOf {
  field: string;
  type: PayloadFieldOf['type'];
  isTenant?: boolean | undefined;
  isPrincipal?: boolean | undefined;
  onDisk?: boolean | undefined;
}

interface PayloadFieldOf {
  field: string;
  type: 'keyword' | 'integer' | 'float' | 'bool' | 'text' | 'datetime' | 'uuid' | 'geo';
  cardinality?: number | undefined;
}

/** A preset: what it is for, the workload it stands for, and the payload fields that needs. */
export interface Preset {
  purpose: string;
  workload: ResolvedWorkload;
  fields: readonly PayloadFieldOf[];
}

const PLAIN = { name: 'plain', weight: 1 };
const CATEGORY = { field: 'category', type: 'keyword', cardinality: 100 } as const;
const SCORE = { field: 'score', type: 'float', cardinality: 100 } as const;
const TENANT = { field: 'tenant', type: 'keyword', cardinality: 100 } as const;
const below = (bound: number): Json => ({ must: [{ key: SCORE.field, range: { lt: bound } }] });
const same = ({ field }: PayloadFieldOf): Json => ({ must: [{ key: field, match: { value: `$${field}` } }] });

/**
 * What presets stand for, as of this version; docs/presets.md explains the choice. Load is not part of it: by default the
 * highest rate is searched for. Selectivities are those of a synthetic dataset, where categories and tenants are drawn
 * with a skew: of 100, the most frequent has 10 % of the points, and a query's own has 2.1 % in the mean.
 */
export const PRESETS: Readonly<Record<string, Preset>> = {
  ReadHeavy: {
    purpose: 'Searches without a filter; now and then a few points change.',
    workload: {
      limit: 10,
      withPayload: false,
      payloadIndexes: [],
      queries: [PLAIN],
      writes: { upserts: { rate: 1, batch: 16 }, deletes: { rate: 1 } },
    },
    fields: [],
  },
  WriteHeavy: {
    purpose: 'Searches without a filter while much is written: 800 points a second come, 20 go.',
    workload: {
      limit: 10,
      withPayload: false,
      payloadIndexes: [],
      queries: [PLAIN],
      writes: { upserts: { rate: 50, batch: 16 }, deletes: { rate: 20 } },
    },
    fields: [],
  },
  Filtered: {
    purpose: 'A quarter each without a filter and with filters that leave half, a tenth and a category of the points.',
    workload: {
      limit: 10,
      withPayload: false,
      payloadIndexes: [
        { field: SCORE.field, type: SCORE.type },
        { field: CATEGORY.field, type: CATEGORY.type },
      ],
      queries: [
        PLAIN,
        { name: 'half', weight: 1, filter: below(0.5) },
        { name: 'tenth', weight: 1, filter: below(0.1) },
        { name: 'category', weight: 1, filter: same(CATEGORY) },
      ],
    },
    fields: [SCORE, CATEGORY],
  },
  MultiTenant: {
    purpose: 'Every search is within one of 100 tenants; answers carry payloads.',
    workload: {
      limit: 10,
      withPayload: true,
      payloadIndexes: [{ field: TENANT.field, type: TENANT.type, isTenant: true }],
      queries: [{ name: 'one-tenant', weight: 1, filter: same(TENANT) }],
    },
    fields: [TENANT],
  },
  LowMemory: {
    purpose:
      'Little memory is to do: the payload index stays on disk, and answers carry payloads, which are read from there.',
    workload: {
      limit: 10,
      withPayload: true,
      payloadIndexes: [{ field: CATEGORY.field, type: CATEGORY.type, onDisk: true }],
      queries: [
        { name: 'plain', weight: 4 },
        { name: 'category', weight: 1, filter: same(CATEGORY) },
      ],
    },
    fields: [CATEGORY],
  },
};

/** Presets whose name is known and that cannot be carried out yet. */
export const LATER_PRESETS = ['Hybrid'] as const;

/** The workload a spec asks for: its preset's, overridden by what is set beside it, each field as a whole. */
export function resolveWorkload({ workload = {} }: Pick<SweepSpec, 'workload'>): ResolvedWorkload {
  const preset = presetOf(workload.preset)?.workload;
  const queries = workload.queries?.map(({ name, weight = 1, filter }) => ({
    name,
    weight,
    ...(filter ? { filter } : {}),
  }));
  const writes = workload.writes
    ? {
        ...(workload.writes.upserts
          ? { upserts: { rate: workload.writes.upserts.rate, batch: workload.writes.upserts.batch ?? 1 } }
          : {}),
        ...(workload.writes.deletes ? { deletes: workload.writes.deletes } : {}),
      }
    : preset?.writes;
  return {
    limit: workload.limit ?? preset?.limit ?? 10,
    withPayload: workload.withPayload ?? preset?.withPayload ?? false,
    payloadIndexes: workload.payloadIndexes ?? preset?.payloadIndexes ?? [],
    queries: queries ?? preset?.queries ?? [{ name: 'default', weight: 1 }],
    ...(writes ? { writes } : {}),
  };
}

function presetOf(name: string | undefined): Preset | undefined {
  return name !== undefined && Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
}

/** The dataset a spec asks for: a synthetic one with the payload fields its preset needs, those it has kept as they are. */
export function resolveDataset({ dataset, workload }: Pick<SweepSpec, 'dataset' | 'workload'>): SweepSpec['dataset'] {
  const fields = presetOf(workload?.preset)?.fields ?? [];
  const { synthetic } = dataset;
  if (!synthetic || fields.length === 0) return dataset;
  const given = syntheticFields(dataset);
  const missing = fields.filter(({ field }) => !given.some((other) => other.field === field));
  return { synthetic: { ...synthetic, payload: [...given, ...missing] } };
}

function syntheticFields({ synthetic }: SweepSpec['dataset']): readonly PayloadFieldOf[] {
  return synthetic?.payload ?? [];
}

/** What is wrong with a workload that its schema cannot know, with what to do. Pure. */
export function workloadProblems(spec: Pick<SweepSpec, 'dataset' | 'workload'>): FieldError[] {
  const { writes, queries } = resolveWorkload(spec);
  // What is written are copies: with other ids than theirs, the right answers to such a filter would change.
  const byId = writes ? queries.filter(({ filter }) => JSON.stringify(filter ?? {}).includes('"has_id":')) : [];
  return [
    ...presetProblems(spec),
    ...byId.map(({ name }) => ({
      field: 'spec.workload.writes',
      message: `cannot be together with has_id in the filter of query ${name}; remove one of them`,
    })),
  ];
}

/** What is wrong with a preset, its name or what it needs of the dataset. */
function presetProblems({ dataset, workload }: Pick<SweepSpec, 'dataset' | 'workload'>): FieldError[] {
  const name = workload?.preset;
  if (name === undefined || LATER_PRESETS.some((later) => later === name)) return [];
  const preset = presetOf(name);
  if (!preset) {
    const names = Object.keys(PRESETS);
    const near = closest(name, names);
    const hint = near ? `; did you mean "${near}"?` : '';
    const message = `Unsupported value: ${JSON.stringify(name)}: there are ${names.join(', ')}${hint}`;
    return [{ field: 'spec.workload.preset', message }];
  }
  const { vectors } = dataset;
  const fields = preset.fields.map(({ field, type }) => `${field} (${type})`).join(', ');
  if (vectors && preset.fields.length > 0) {
    const { payload, queryVariables } = vectors;
    // Only what is not overridden is needed.
    const asks = workload?.queries === undefined || workload.payloadIndexes === undefined;
    const text = workload?.queries === undefined ? JSON.stringify(preset.workload.queries) : '';
    const problem = (part: string, why: string): FieldError => ({
      field: `spec.dataset.vectors.${part}`,
      message: `Required value: preset ${name} ${why}; give it, or set workload.queries and workload.payloadIndexes yourself`,
    });
    return [
      ...(asks && payload === undefined ? [problem('payload', `needs the payload fields ${fields}`)] : []),
      ...(text.includes('"$') && queryVariables === undefined
        ? [problem('queryVariables', `asks each query with variables of the same names as its fields: ${fields}`)]
        : []),
    ];
  }
  return syntheticFields(dataset).flatMap(({ field, type }, index) => {
    const needed = preset.fields.find((other) => other.field === field);
    if (!needed || needed.type === type) return [];
    return [
      {
        field: `spec.dataset.synthetic.payload[${index}].type`,
        message: `Invalid value: ${JSON.stringify(type)}: preset ${name} needs ${field} to be ${needed.type}; change it, or rename the field`,
      },
    ];
  });
}
