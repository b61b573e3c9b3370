import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What is read of a package in package-lock.json. */
export type LockedPackage = {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  /** It may fail to install, being for another platform. */
  optional?: boolean;
};

export type Lock = { packages: Record<string, LockedPackage> };

/** Folders of a package that no program imports from. */
const NOT_RUN = new Set(['test', 'tests', '__tests__', 'benchmark', 'benchmarks', 'example', 'examples', 'docs']);

/** Only a compiler reads these. */
const onlyTypes = (name: string): boolean => name === 'typescript' || name.startsWith('@types/');

/**
 * The packages a program in production can import, as keys of the lockfile (`node_modules/a/node_modules/b`), sorted:
 * the root's dependencies and, from there on, dependencies, optional dependencies and peers that are not optional.
 * The root's own optional dependencies are not among them: they are the Node it runs on. An optional dependency that
 * is not in the lockfile is left out.
 *
 * @throws when a dependency is not in the lockfile
 */
export function productionPackages(lock: Lock): string[] {
  const found = new Set<string>();
  const waiting: string[] = [];
  const visit = (from: string, name: string, mayLack: boolean): void => {
    if (onlyTypes(name)) return;
    const key = resolve(lock, from, name);
    if (key === undefined) {
      if (mayLack) return;
      throw new Error(
        `package-lock.json has no ${name}, which ${from === '' ? 'package.json' : from} needs: run npm install`,
      );
    }
    if (found.has(key)) return;
    found.add(key);
    waiting.push(key);
  };

  for (const name of Object.keys(lock.packages['']?.dependencies ?? {})) visit('', name, false);
  for (let from = waiting.pop(); from !== undefined; from = waiting.pop()) {
    const info = lock.packages[from] ?? {};
    const optional = info.optionalDependencies ?? {};
    for (const name of Object.keys(info.dependencies ?? {})) visit(from, name, name in optional);
    for (const name of Object.keys(optional)) visit(from, name, true);
    for (const name of Object.keys(info.peerDependencies ?? {})) {
      if (info.peerDependenciesMeta?.[name]?.optional !== true) visit(from, name, false);
    }
  }
  return [...found].toSorted();
}

/** Node's own rule: the package's node_modules first, then those of every folder above. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ;) {
    const key = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (key in lock.packages) return key;
    if (folder === '') return undefined;
    // One `node_modules/x` less; from `node_modules/x` itself, the root.
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')));
  }
}

/**
 * Those of `packages` that are installed in a checkout.
 *
 * @throws when one is missing that is not for another platform
 */
export function installedPackages(root: string, lock: Lock, packages: readonly string[]): string[] {
  return packages.filter((key) => {
    if (existsSync(join(root, key, 'package.json'))) return true;
    if (lock.packages[key]?.optional === true) return false;
    throw new Error(`${key} is not installed in ${root}: run npm ci`);
  });
}

/**
 * Whether a file or folder of an installed package, named by its path in the package, can matter to a program.
 * TypeScript cannot: Node does not run it from node_modules.
 */
export function runs(path: string): boolean {
  if (NOT_RUN.has(path)) return false;
  const name = basename(path);
  // Packages nested in this one are listed for themselves; `.bin`, `.github` and the like are for developers.
  if (name === 'node_modules' || name.startsWith('.')) return false;
  return !/\.(?:[cm]?ts|map|md|markdown|flow|tsbuildinfo)$/i.test(name) || /^(?:licen[cs]e|notice)/i.test(name);
}

/** Whether a file or folder of our own, named by its path in the checkout, belongs into an image. */
export function shipped(path: string): boolean {
  const name = basename(path);
  if (name === 'testing' || name.startsWith('.')) return false;
  return !/\.(?:test|contract|test-support)\.ts$|\.md$/.test(name);
}
