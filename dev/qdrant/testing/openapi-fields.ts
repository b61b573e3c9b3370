import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The text of Qdrant's OpenAPI types, as its JavaScript client ships them. */
export function openapiTypes(): string {
  const entry = createRequire(import.meta.url).resolve('@qdrant/js-client-rest');
  return readFileSync(join(dirname(entry), '../types/openapi/generated_schema.d.ts'), 'utf8');
}

/** The field names of the component schema `name`. */
export function fieldsOf(types: string, name: string): string[] {
  const start = types.search(new RegExp(`^ {8}${name}: \\{$`, 'm'));
  if (start < 0) throw new Error(`the OpenAPI types have no object schema ${name}`);
  const end = types.indexOf('\n        };', start);
  const body = types.slice(start, end).replaceAll(/\/\*\*.*?\*\//gs, '');
  return [...body.matchAll(/^ {12}(\w+)\??:/gm)].map((match) => match[1] ?? '');
}
