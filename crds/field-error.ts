import type { z } from 'zod';
import { closest } from './closest.ts';

/** One thing wrong with a resource, worded as the API server words it, with what to do behind. */
export interface FieldError {
  /** Path as kubectl prints it: `spec.parameters[2].name`. */
  field: string;
  message: string;
}

/** `spec.parameters[2].name` of a path of keys and indexes. */
export function fieldPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text ? `.${String(key)}` : String(key);
  }
  return text;
}

/** A value for a message: JSON, cut at 80 characters; an object or list only by its kind, as the API server does. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return '"array"';
  if (value !== null && typeof value === 'object') return '"object"';
  const text = JSON.stringify(value) ?? 'null';
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

const OPENAPI_TYPES: Readonly<Record<string, string>> = { int: 'integer', record: 'object' };

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (value === null || typeof value !== 'object') return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/**
 * The messages for one zod issue. The wording before the semicolon follows the API server's validation
 * (k8s.io/kube-openapi and field.Error), so that the CLI and kubectl refuse alike.
 */
function describeIssue(issue: z.core.$ZodIssue, input: unknown): FieldError[] {
  const field = fieldPath(issue.path);
  const value = at(input, issue.path);
  const invalid = (text: string): FieldError[] => [{ field, message: `Invalid value: ${shown(value)}: ${text}` }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = 'known' in issue && Array.isArray(issue.known) ? (issue.known as string[]) : [];
      return issue.keys.map((key) => {
        const near = closest(key, known);
        return {
          field: fieldPath([...issue.path, key]),
          message: `unknown field${near ? `; did you mean "${near}"?` : '; remove it or check its spelling and place'}`,
        };
      });
    }
    case 'invalid_type': {
      if (value === undefined) return [{ field, message: 'Required value' }];
      const expected = OPENAPI_TYPES[issue.expected] ?? issue.expected;
      return invalid(`${field} in body must be of type ${expected}: "${kindOf(value)}"`);
    }
    case 'invalid_value': {
      const values = issue.values.map((allowed) => JSON.stringify(allowed));
      if (value === undefined) return [{ field, message: `Required value: one of ${values.join(', ')}` }];
      const near = typeof value === 'string' ? closest(value, issue.values.map(String)) : undefined;
      return [
        {
          field,
          message: `Unsupported value: ${shown(value)}: supported values: ${values.join(', ')}${near ? `; did you mean "${near}"?` : ''}`,
        },
      ];
    }
    case 'too_small':
      if (issue.origin === 'string') return invalid(`${field} in body should be at least ${issue.minimum} chars long`);
      if (issue.origin === 'array') return invalid(`${field} in body should have at least ${issue.minimum} items`);
      return invalid(
        `${field} in body should be greater than ${issue.inclusive ? 'or equal to ' : ''}${issue.minimum}`,
      );
    case 'too_big':
      if (issue.origin === 'string')
        return [{ field, message: `Too long: may not be more than ${issue.maximum} bytes` }];
      if (issue.origin === 'array') {
        const length = Array.isArray(value) ? value.length : '?';
        return [{ field, message: `Too many: ${length}: must have at most ${issue.maximum} items` }];
      }
      return invalid(`${field} in body should be less than ${issue.inclusive ? 'or equal to ' : ''}${issue.maximum}`);
    case 'custom':
      // Lists and maps have their own wording, without the value before it.
      return issue.params?.['whole'] === true ? [{ field, message: issue.message }] : invalid(issue.message);
    default:
      return invalid(issue.message);
  }
}

/** The known keys of the object a path leads to, for "did you mean". */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let node: unknown = schema;
  for (const key of [...path, undefined]) {
    // Optional and the like wrap the schema they are about.
    while (node && typeof node === 'object' && 'def' in node && (node.def as { innerType?: unknown }).innerType) {
      node = (node.def as { innerType: unknown }).innerType;
    }
    const def = (node as { def?: { shape?: Record<string, unknown>; element?: unknown } } | undefined)?.def;
    if (key === undefined) return Object.keys(def?.shape ?? {});
    node = typeof key === 'number' ? def?.element : def?.shape?.[String(key)];
  }
  return [];
}

/** Every problem zod found in `input`, in the API server's words. */
export function fieldErrors(schema: z.ZodType, error: z.ZodError, input: unknown): FieldError[] {
  return error.issues.flatMap((issue) =>
    describeIssue(
      issue.code === 'unrecognized_keys'
        ? ({ ...issue, known: knownKeys(schema, issue.path) } as z.core.$ZodIssue)
        : issue,
      input,
    ),
  );
}

/** One line a problem: `spec.budget.builds: Invalid value: 0: …`. */
export function formatFieldErrors(errors: readonly FieldError[]): string {
  return errors.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('\n');
}
