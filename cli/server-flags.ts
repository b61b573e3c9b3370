import { readFile } from 'node:fs/promises';
import { UsageError } from './arguments.ts';
import type { Flag, Given } from './flags.ts';
import { InvalidInput } from './input.ts';

/** What both commands are told of the server, and of how to answer. */
export const SERVER_FLAGS: readonly Flag[] = [
  { name: 'url', value: 'URL', help: 'the Qdrant server, such as http://localhost:6333' },
  { name: 'collection', value: 'NAME', help: 'the collection' },
];

export const COMMON_FLAGS: readonly Flag[] = [
  {
    name: 'api-key-file',
    value: 'FILE',
    help: 'file with the API key; without, it is read from QDRANT_API_KEY.\nNever on the command line, where others see it',
  },
  { name: 'output', value: 'FORMAT', default: 'text', help: 'text, or json: one object on standard output' },
  { name: 'help', help: 'this text' },
];

export interface ServerArguments {
  url: string;
  collection: string;
  apiKeyFile?: string;
  output: 'text' | 'json';
}

export function serverArguments(given: Given): ServerArguments {
  const collection = given.required('collection');
  // Qdrant's own rule.
  if (collection.length > 255 || /[<>:"/\\|?*\p{Cc}]/u.test(collection)) {
    throw new UsageError(
      `--collection: "${collection.slice(0, 60)}" is no name of a collection; expected at most 255 characters without < > : " / \\ | ? *`,
    );
  }
  const file = given.text('api-key-file');
  return {
    url: given.server('url'),
    collection,
    output: given.oneOf('output', ['text', 'json']),
    ...(file === undefined ? {} : { apiKeyFile: file }),
  };
}

/** The API key of the file, else of the environment; undefined without either. */
export async function apiKey({ apiKeyFile }: ServerArguments, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (apiKeyFile === undefined) return env['QDRANT_API_KEY']?.trim() || undefined;
  let key: string;
  try {
    key = (await readFile(apiKeyFile, 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InvalidInput(
      `--api-key-file ${apiKeyFile}: cannot be read (${code}); give a file with the key and nothing else`,
      {
        cause: error,
      },
    );
  }
  if (key === '' || key.length > 8192 || !/^[\x21-\x7e]+$/.test(key)) {
    throw new InvalidInput(`--api-key-file ${apiKeyFile}: holds no API key; expected one line of printable characters`);
  }
  return key;
}
