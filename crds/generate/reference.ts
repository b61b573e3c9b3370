import type { z } from 'zod';
import { API_VERSION, type Kind } from '../common/resource.ts';
import { MUTABILITY, mutabilities, type Mutability } from '../mutability.ts';
import { celRules } from '../rules.ts';
import { unsupported } from '../support.ts';
import { structural, type StructuralSchema } from './structural.ts';

type Def = z.core.$ZodTypes['_zod']['def'];
const defOf = (schema: z.core.$ZodType): Def => (schema as z.core.$ZodTypes)._zod.def;

/** One field of a kind, as its reference page has it. */
export interface FieldRow {
  path: string;
  /** Type and bounds: `integer, 1 to 1000`. */
  type: string;
  required: boolean;
  /** From the description's last words. */
  default: string;
  description: string;
  mutability: Mutability | undefined;
  /** What to do about what this version cannot do with it. */
  unsupported: string;
  /** That is so because of the field around it. */
  inherits: boolean;
  /** What must hold besides, in words. */
  rules: readonly string[];
}

/** Every field below a schema, in its order. What a field says of itself holds for all inside it, unless they say otherwise. */
export function* fieldRows(
  schema: z.core.$ZodType,
  path: string,
  inherited: { mutability?: Mutability; required?: boolean; unsupported?: string } = {},
): Generator<FieldRow> {
  const layers = layersOf(schema);
  const inner = layers.at(-1) as z.core.$ZodType;
  const mutability =
    layers.map((layer) => mutabilities.get(layer as z.ZodType)?.mutability).find(Boolean) ?? inherited.mutability;
  const marks = layers.flatMap((layer) => unsupported.get(layer as z.ZodType) ?? []);
  const unable = inherited.unsupported ?? marks.map(({ instead }) => instead).join('; ');
  const node = structural(schema, path);
  const { text, value } = splitDefault(node.description ?? '');
  yield {
    path,
    type: typeText(node),
    required: inherited.required ?? true,
    default: value,
    description: text,
    mutability,
    unsupported: unable,
    inherits: inherited.unsupported !== undefined,
    rules: layers.flatMap((layer) => celRules.get(layer as z.ZodType)?.rules ?? []).map(({ message }) => message),
  };
  const def = defOf(inner);
  const below = {
    ...(mutability ? { mutability } : {}),
    ...(inherited.unsupported !== undefined || marks.some(({ whole }) => whole) ? { unsupported: unable } : {}),
  };
  if (def.type === 'object') {
    for (const [name, field] of Object.entries(def.shape)) {
      yield* fieldRows(field, `${path}.${name}`, { ...below, required: field._zod.optin !== 'optional' });
    }
  }
  // A list of plain values is told whole.
  if (def.type === 'array' && defOf(layersOf(def.element).at(-1) as z.core.$ZodType).type === 'object') {
    const [, ...items] = fieldRows(def.element, `${path}[]`, below);
    yield* items;
  }
}

/** A schema and what optional and the like wrap, outermost first. */
function layersOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  const def = defOf(schema);
  return def.type === 'optional' || def.type === 'nullable' ? [schema, ...layersOf(def.innerType)] : [schema];
}

/** Descriptions end with their default, as `Default 10.`; in a table it has a column of its own. */
export function splitDefault(description: string): { text: string; value: string } {
  const match = /^(.*?)\s*Default:? (.+?)\.(?=\s|$)\s*(.*)$/s.exec(description);
  if (!match) return { text: description, value: '' };
  const [, before = '', value = '', after = ''] = match;
  return { text: [before, after].filter(Boolean).join(' '), value };
}

/** Type and bounds in words. */
export function typeText(node: StructuralSchema): string {
  const range = rangeText(node);
  if (node.enum) return `one of ${node.enum.map(code).join(', ')}`;
  if (node.type === 'array' && node.items) {
    const { items } = node;
    const each = items.type === 'object' ? 'objects' : typeText(items);
    const keys = node['x-kubernetes-list-map-keys'] as string[] | undefined;
    const sort = keys ? `, told apart by ${keys.map(code).join(', ')}` : '';
    return `list of ${each}, ${node.minItems ?? 0} to ${node.maxItems}${sort}`;
  }
  if (node.type === 'object') {
    if (node['x-kubernetes-preserve-unknown-fields']) return `verbatim, up to ${node.maxProperties} fields`;
    if (node.additionalProperties)
      return `map of ${typeText(node.additionalProperties)}, up to ${node.maxProperties} entries`;
    return 'object';
  }
  if (node.type === 'string') {
    if (node.format) return node.format;
    const bound = node.maxLength === undefined ? '' : `, up to ${node.maxLength} characters`;
    const form = node['x-kubernetes-validations']?.find(({ rule }) => rule.startsWith('self.matches('))?.message;
    return `string${bound}${form ? `: ${form.replace(/^must (be )?/, '')}` : ''}`;
  }
  return [node.type, range].filter(Boolean).join(', ');
}

function rangeText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: StructuralSchema): string {
  const low = minimum === undefined ? '' : exclusiveMinimum ? `above ${minimum}` : `${minimum}`;
  const high = maximum === undefined ? '' : exclusiveMaximum ? `below ${maximum}` : `${maximum}`;
  if (low && high) return `${low} to ${high}`;
  return low ? `at least ${low}` : high && `at most ${high}`;
}

/** Only the outermost field says what to do: what is inside goes with it. */
const notYetText = ({ unsupported, inherits }: FieldRow): string =>
  unsupported === '' ? '' : inherits ? ' **Not yet**.' : ` **Not yet**: ${cell(unsupported)}.`;

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  // Unpadded: with padding these pages would be ten times as long.
  `<!-- prettier-ignore -->\n${[head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')}`;

/** The reference page of a kind, as Markdown. Generated, so that it cannot say anything the API server does not do. */
export function referencePage(kind: Kind): string {
  const spec = [...fieldRows(kind.schema.shape.spec, 'spec')].slice(1);
  const status = [...fieldRows(kind.status, 'status')].slice(1);
  const rules = [...fieldRows(kind.schema.shape.spec, 'spec')].flatMap(({ path, rules }) =>
    rules.map((rule) => `- ${code(path)}: ${cell(rule)}`),
  );
  const used = Object.keys(MUTABILITY).filter((name) => spec.some(({ mutability }) => mutability === name));
  return [
    `# ${kind.kind}`,
    '<!-- Generated by `node crds/generate/main.ts` from the schemas in crds/. Edit those. -->',
    kind.description,
    `\`apiVersion: ${API_VERSION}\`, \`kind: ${kind.kind}\`; for kubectl also \`${kind.shortName}\`, and with all kinds \`qdrantbench\`. \`kubectl explain ${kind.shortName}.spec\` says the same as this page.`,
    ...(kind.carriedOut
      ? [
          'What is marked **not yet** is part of the API and cannot be carried out by this version. A resource that asks for it is refused at once: condition `Accepted` is False with reason `NotSupported` and names every such field; `qdrant-bench run` says the same and exits with 2.',
        ]
      : [
          `**This version does not carry out any ${kind.kind}.** The API server checks it; the operator then says so: condition \`Accepted\` is False with reason \`NotSupported\`, and nothing is spent.`,
        ]),
    '## spec',
    table(
      ['field', 'type', 'default', 'what', 'a change'],
      spec.map((row) => [
        code(row.path.slice('spec.'.length)) + (row.required ? ' (required)' : ''),
        cell(row.type),
        cell(row.default),
        cell(row.description) + (kind.carriedOut ? notYetText(row) : ''),
        row.mutability ?? '',
      ]),
    ),
    '### What a change does',
    ...kind.transitions.map(
      ({ fieldPath, message }) => `- ${code(fieldPath.slice(1))}: ${cell(message)}. The API server refuses the change.`,
    ),
    table(
      ['a change', 'while the resource exists'],
      used.map((name) => [name, MUTABILITY[name as Mutability]]),
    ),
    '### Rules',
    'What must hold besides types and bounds. The API server and `qdrant-bench` refuse with the same words.',
    rules.join('\n'),
    '## status',
    'Written by the operator. Lists are cut at their bounds; all of it is in the record.',
    table(
      ['field', 'type', 'what'],
      status.map((row) => [code(row.path.slice('status.'.length)), cell(row.type), cell(row.description)]),
    ),
    '## kubectl get',
    table(
      ['column', 'what'],
      kind.columns.map(({ name, description = 'Since when it exists.', priority }) => [
        name + (priority ? ' (`-o wide`)' : ''),
        cell(description),
      ]),
    ),
  ].join('\n\n');
}
