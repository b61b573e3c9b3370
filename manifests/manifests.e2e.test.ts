import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { render, type Rendered } from '../charts/testing/render.ts';
import { crdText } from '../crds/generate/main.ts';
import { crdName } from '../crds/kinds.ts';
import { parseSweep } from '../crds/parse.ts';
import { SWEEP } from '../crds/sweep/sweep.ts';
import { ensureGoTools } from '../dev/go/tools.ts';
import { main } from './main.ts';
import { imageValues, mergeValues, quickstart } from './quickstart.ts';

let helm: string;
let folder: string;
beforeAll(async () => {
  ({ helm } = await ensureGoTools(['helm']));
  folder = mkdtempSync(join(tmpdir(), 'manifests-test-'));
}, 900_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const objectsOf = (text: string): Rendered[] => parseAllDocuments(text).map((document) => document.toJS() as Rendered);

describe('the quickstart', () => {
  it('is a namespace, the chart as helm renders it, and the example', async () => {
    const values = { postgres: { password: 'a-good.password' } };
    const { install, sweep } = quickstart({ helm, namespace: 'bench', sweepNamespace: 'team-a', values });
    const [namespace, ...chart] = objectsOf(install);
    expect(namespace).toMatchObject({ kind: 'Namespace', metadata: { name: 'bench' } });
    const byName = (objects: Rendered[]) =>
      objects
        .map(({ kind, metadata }) => `${kind}/${metadata.name.replace('qb-qdrant-bench', 'qdrant-bench')}`)
        .toSorted();
    expect(byName(chart)).toEqual(byName(await render(values)));
    const crd = chart.find(({ metadata }) => metadata.name === crdName(SWEEP));
    expect(crd?.spec).toEqual((parse(await crdText(SWEEP)) as Rendered).spec);
    const example = parseSweep(readFileSync(join(import.meta.dirname, '../examples/quickstart.yaml'), 'utf8')).sweep;
    expect(parseSweep(sweep).sweep).toEqual({ ...example, metadata: { ...example?.metadata, namespace: 'team-a' } });
  });

  it('never asks for an image that is there already', () => {
    const policies = quickstart({ helm }).install.match(/imagePullPolicy: .*/g) ?? [];
    expect(policies).toHaveLength(3);
    expect(new Set(policies)).toEqual(new Set(['imagePullPolicy: IfNotPresent']));
  });

  it('takes images by reference', () => {
    const images = {
      bench: 'host:5000/bench:1',
      qdrant: 'local/qdrant:2',
      nats: 'local/nats:3',
      postgres: 'local/postgres:4',
    };
    const { install } = quickstart({ helm, images });
    const found = [...install.matchAll(/ image: (.*)/g)].map(([, image]) => image).toSorted();
    expect(found).toEqual(['host:5000/bench:1', 'local/nats:3', 'local/postgres:4']);
    expect(install).toContain('value: local/qdrant:2');
  });

  it('leaves nothing behind: there is a password in it', () => {
    const before = readdirSync(tmpdir()).filter((name) => /^(cdk8s|qdrant-bench-manifests)/.test(name));
    quickstart({ helm });
    expect(readdirSync(tmpdir()).filter((name) => /^(cdk8s|qdrant-bench-manifests)/.test(name))).toEqual(before);
  });

  it('says what helm said', () => {
    expect(() => quickstart({ helm, values: { watchNamespace: [] } })).toThrow('watchNamespace');
    expect(() => quickstart({ helm: join(folder, 'none') })).toThrow('Is it installed');
  });
});

describe('values', () => {
  it('of images know a port from a tag', () => {
    expect(imageValues({ bench: 'host:5000/bench' })).toEqual({ image: { repository: 'host:5000/bench' } });
    expect(imageValues({ bench: 'bench:1' })).toEqual({ image: { repository: 'bench', tag: '1' } });
    expect(imageValues({})).toEqual({});
  });

  it('are merged as helm merges them', () => {
    const below = { a: { b: 1, c: [1, 2] }, d: 1 };
    expect(mergeValues(below, { a: { c: [3] }, e: null })).toEqual({ a: { b: 1, c: [3] }, d: 1, e: null });
    expect(mergeValues(below, { a: 1 })).toEqual({ a: 1, d: 1 });
    expect(below).toEqual({ a: { b: 1, c: [1, 2] }, d: 1 });
  });
});

describe('manifests/main.ts', () => {
  let text: string;
  let said: string[];
  const run = (...args: string[]) =>
    main(args, { out: (more) => (text += more), say: (line) => said.push(line), env: { HELM: helm } });
  beforeEach(() => {
    [text, said] = ['', []];
  });

  it('writes both files, or all to standard output', () => {
    const values = join(folder, 'values.yaml');
    writeFileSync(values, 'logLevel: debug\n');
    expect(run('quickstart', '--out', folder, '--values', values, '--image', 'nats=local/nats:3')).toBe(0);
    expect(said).toEqual([`wrote ${join(folder, 'install.yaml')}`, `wrote ${join(folder, 'sweep.yaml')}`]);
    const install = readFileSync(join(folder, 'install.yaml'), 'utf8');
    expect(install).toContain('image: local/nats:3');
    expect(install).toContain('value: debug');
    expect(run('quickstart', '--namespace', 'here', '--sweep-namespace', 'there')).toBe(0);
    const objects = objectsOf(text);
    expect(objects[0]).toMatchObject({ kind: 'Namespace', metadata: { name: 'here' } });
    expect(objects.at(-1)).toMatchObject({ kind: 'QdrantSweep', metadata: { namespace: 'there' } });
  });

  it.each<[string, string[], number, string]>([
    ['no environment', [], 2, 'expected quickstart'],
    ['an unknown environment', ['production'], 2, '`production` is no environment'],
    ['an unknown option', ['quickstart', '--vlaues', 'x'], 2, '--vlaues'],
    ['an unknown part', ['quickstart', '--image', 'redis=x'], 2, 'PART one of bench, qdrant, nats, postgres'],
    ['an image without a reference', ['quickstart', '--image', 'nats'], 2, '--image is `nats`'],
    ['a file that is not there', ['quickstart', '--values', '/nowhere.yaml'], 2, '/nowhere.yaml'],
    ['values that are a list', ['quickstart', '--values', 'LIST'], 2, 'holds no map'],
    ['values the chart does not have', ['quickstart', '--values', 'TYPO'], 1, 'watchNamespace'],
  ])('refuses %s', (_, args, code, message) => {
    writeFileSync(join(folder, 'LIST'), '[1]');
    writeFileSync(join(folder, 'TYPO'), 'watchNamespace: []');
    expect(run(...args.map((arg) => (/^[A-Z]+$/.test(arg) ? join(folder, arg) : arg)))).toBe(code);
    expect(said.join('\n')).toContain(message);
    expect(text).toBe('');
  });

  it('explains itself', () => {
    expect(run('--help')).toBe(0);
    expect(text).toContain('--sweep-namespace');
  });
});
