import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from './arguments.ts';
import { temporaryFolder } from './cli.test-support.ts';
import { collectionBody } from './collection-body.ts';
import { INGEST_HELP } from './help.ts';
import { INGEST_FLAGS, parseIngest } from './ingest-arguments.ts';
import { InvalidInput } from './input.ts';
import { apiKey } from './server-flags.ts';

const { path: folder, remove } = temporaryFolder();
afterAll(remove);

const HERE = '--url http://localhost:6333 --collection c --base b.fvecs';
const parse = (line: string) => parseIngest(line.split(' ').filter(Boolean));

describe('arguments of ingest', () => {
  it('reads the least, with the defaults that help names', () => {
    expect(parse(`${HERE} --distance Cosine`)).toEqual({
      url: 'http://localhost:6333',
      collection: 'c',
      output: 'text',
      base: 'b.fvecs',
      distance: 'Cosine',
      set: [],
      existing: 'Refuse',
      wait: false,
      patienceSeconds: 300,
      readyTimeoutSeconds: 3600,
    });
    for (const { name } of INGEST_FLAGS) expect(INGEST_HELP).toContain(`--${name}`);
  });

  it('reads everything', () => {
    expect(
      parse(
        `${HERE} --payload p.jsonl --config {"vectors":{"distance":"Dot"}} --set a=1 --set b.c=x --hnsw-m 8 --batch 100 ` +
          '--parallel 3 --resume --wait --patience 10s --ready-timeout 2h --output json',
      ),
    ).toMatchObject({
      payload: 'p.jsonl',
      config: '{"vectors":{"distance":"Dot"}}',
      set: ['hnsw_config.m=8', 'a=1', 'b.c=x'],
      batchRows: 100,
      parallel: 3,
      existing: 'Resume',
      wait: true,
      patienceSeconds: 10,
      readyTimeoutSeconds: 7200,
      output: 'json',
    });
    expect(parse(`${HERE} --set vectors.distance=Dot --recreate`)).toMatchObject({ existing: 'Recreate' });
    expect(parse('--help')).toBe('help');
  });

  it.each([
    [HERE, '--distance NAME is missing'],
    [`${HERE} --distance cosine`, 'write it Cosine'],
    [`${HERE} --distance Hamming`, 'is none of Cosine, Dot, Euclid, Manhattan'],
    [`${HERE} --distance Dot --resume --recreate`, 'give one of them'],
    [`${HERE} --distance Dot --batch 0`, '--batch: "0" is not a whole number from 1'],
    [`${HERE} --distance Dot --parallel 99`, '--parallel: "99"'],
    [`${HERE} --distance Dot --resume=yes`, '--resume'],
    ['--url http://h --collection c --distance Dot', '--base FILE is missing'],
  ])('refuses %j: %s', (line, message) => {
    expect(() => parse(line)).toThrow(UsageError);
    expect(() => parse(line)).toThrow(message);
  });
});

describe('collectionBody', () => {
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  it('takes JSON, or a file of it, and what is set upon it', async () => {
    const body = { hnsw_config: { m: 4 } };
    const set = ['hnsw_config.ef_construct=50'];
    const wanted = { hnsw_config: { m: 4, ef_construct: 50 } };
    expect(await collectionBody(JSON.stringify(body), set)).toEqual(wanted);
    expect(await collectionBody(file('body.json', JSON.stringify(body)), set)).toEqual(wanted);
    expect(await collectionBody(undefined, [])).toEqual({});
  });

  it.each([
    ['{nonsense', /--config: is not JSON/],
    [() => file('list.json', '[1]'), /list\.json: is no object/],
    [() => file('large.json', ' '.repeat(2 ** 20 + 1)), /is larger than/],
    [() => join(folder, 'nowhere.json'), /cannot be read \(ENOENT\)/],
  ])('refuses %s', async (config, message) => {
    const given = typeof config === 'string' ? config : config();
    await expect(collectionBody(given, [])).rejects.toThrow(InvalidInput);
    await expect(collectionBody(given, [])).rejects.toThrow(message);
  });
});

describe('apiKey', () => {
  const args = { url: 'http://h', collection: 'c', output: 'text' as const };

  it('comes from the file, else from the environment', async () => {
    const path = join(folder, 'key');
    writeFileSync(path, 'abc\n');
    expect(await apiKey({ ...args, apiKeyFile: path }, { QDRANT_API_KEY: 'other' })).toBe('abc');
    expect(await apiKey(args, { QDRANT_API_KEY: ' other\n' })).toBe('other');
    expect(await apiKey(args, {})).toBeUndefined();
  });

  it('is refused where the file is none', async () => {
    const path = join(folder, 'no-key');
    writeFileSync(path, 'two words');
    await expect(apiKey({ ...args, apiKeyFile: path }, {})).rejects.toThrow('holds no API key');
    await expect(apiKey({ ...args, apiKeyFile: folder }, {})).rejects.toThrow('cannot be read (EISDIR)');
  });
});
