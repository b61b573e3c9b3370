import { z } from 'zod';
import { dnsLabel } from './texts.ts';

export const GROUP = 'qdrantbench.io';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Object metadata as far as we read it; everything else Kubernetes allows there is kept out of the way. */
const metadata = z.looseObject({
  name: dnsLabel('Name of the resource, unique in its namespace.'),
  namespace: dnsLabel('Namespace. Default: default.').optional(),
});

/** A whole resource of one kind, as a user writes it. */
export const resource = <const Kind extends string, Spec extends z.ZodType>(kind: Kind, spec: Spec) =>
  z.strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal(kind),
    metadata,
    spec,
    status: z.unknown().optional(),
  });

/** A column of `kubectl get`. Priority 1 shows with `-o wide` only. */
export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'date';
  jsonPath: string;
  description?: string;
  priority?: 1;
}

/**
 * What may not change on a resource that exists. Only the API server can check these: they compare with the object
 * before, which a YAML file alone does not show.
 */
export interface TransitionRule {
  rule: string;
  message: string;
  fieldPath: string;
}

/** One kind of the API: its schemas, and how kubectl shows it. */
export interface Kind {
  kind: string;
  plural: string;
  singular: string;
  shortName: string;
  description: string;
  schema: ReturnType<typeof resource>;
  status: z.ZodType;
  columns: readonly PrinterColumn[];
  transitions: readonly TransitionRule[];
  /** Whether this version carries out resources of this kind at all. */
  carriedOut: boolean;
}

/** The column with a condition's reason: found by its type, for the order of conditions means nothing. */
export const conditionColumn = (name: string, type: string, description: string): PrinterColumn => ({
  name,
  type: 'string',
  priority: 1,
  jsonPath: `.status.conditions[?(@.type=="${type}")].reason`,
  description,
});

export const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** The kind of target stays, whatever else of it changes. */
export const sameTarget = (targets: readonly string[], kind: string): TransitionRule => ({
  rule: targets.map((name) => `has(self.spec.target.${name}) == has(oldSelf.spec.target.${name})`).join(' && '),
  message: `the kind of target is immutable; make a new ${kind} instead`,
  fieldPath: '.spec.target',
});

/** A field that stays once a digest in `status.environment` says that it was prepared. */
export const untilPrepared = (field: string, digest: string, kind: string): TransitionRule => ({
  rule: [
    `!has(oldSelf.status) || !has(oldSelf.status.environment) || !has(oldSelf.status.environment.${digest})`,
    `self.spec.${field} == oldSelf.spec.${field}`,
  ].join(' || '),
  message: `immutable once prepared: what was measured is true for these data only; make a new ${kind} instead`,
  fieldPath: `.spec.${field}`,
});
