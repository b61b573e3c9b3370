import { readFile, stat } from 'node:fs/promises';
import { InvalidInput } from './input.ts';
import { nestedValues } from './nested-values.ts';

const MAX_BYTES = 2 ** 20;

/**
 * The body a collection is made with: `--config` (JSON, or a file with it), and what `--set` puts upon it.
 * @throws {InvalidInput | UsageError} naming the flag.
 */
export async function collectionBody(
  config: string | undefined,
  set: readonly string[],
): Promise<Record<string, unknown>> {
  return nestedValues('set', set, config === undefined ? {} : await readConfig(config));
}

async function readConfig(config: string): Promise<Record<string, unknown>> {
  const inline = config.trimStart().startsWith('{');
  const name = inline ? '--config' : `--config ${config}`;
  let text = config;
  if (!inline) {
    try {
      if ((await stat(config)).size > MAX_BYTES) throw new InvalidInput(`${name}: is larger than ${MAX_BYTES} bytes`);
      text = await readFile(config, 'utf8');
    } catch (error) {
      if (error instanceof InvalidInput) throw error;
      const { code } = error as NodeJS.ErrnoException;
      throw new InvalidInput(`${name}: cannot be read (${code}); give a JSON object, or a file that holds one`, {
        cause: error,
      });
    }
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidInput(`${name}: is not JSON (${(error as Error).message})`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidInput(`${name}: is no object; expected a collection's body such as {"hnsw_config": {"m": 32}}`);
  }
  return value as Record<string, unknown>;
}
