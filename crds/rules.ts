import { z } from 'zod';

/** A CEL rule as it stands in the CustomResourceDefinition, beside the same test in TypeScript. */
export interface CelRule {
  /** The CEL expression, over `self`. */
  rule: string;
  /** What is wrong and what to do, in one sentence. */
  message: string;
}

/** The CEL rules attached to a schema node; the CRD generator reads them from here. */
export const celRules = z.registry<{ rules: CelRule[] }>();

/**
 * Attaches a cross-field rule to a schema: the CEL text for the API server and the same predicate for the CLI,
 * so that both refuse the same input with the same message.
 */
export function withRule<S extends z.ZodType>(
  schema: S,
  rule: CelRule & { holds: (value: z.output<S>) => boolean },
): S {
  const checked = schema.check((context) => {
    if (!rule.holds(context.value as z.output<S>)) {
      context.issues.push({ code: 'custom', message: rule.message, input: context.value });
    }
  });
  const inherited = celRules.get(schema)?.rules ?? [];
  celRules.add(checked, { rules: [...inherited, { rule: rule.rule, message: rule.message }] });
  return checked;
}

/**
 * Exactly one of the named keys must be present: a Kubernetes union without a discriminator.
 * The message names every branch, since two server-side-apply managers may own one each.
 */
export function exactlyOneOf<S extends z.ZodObject>(schema: S, keys: readonly string[]): S {
  return withRule(schema, {
    rule: `[${keys.map((key) => `has(self.${key})`).join(', ')}].filter(present, present).size() == 1`,
    message: `exactly one of ${keys.join(', ')} must be set; remove the others or add the one you mean`,
    holds: (value) => keys.filter((key) => (value as Record<string, unknown>)[key] !== undefined).length === 1,
  });
}
