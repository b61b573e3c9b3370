import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cargoProgress, cargoVersion, checkCargoVersion, EngineBuildError } from './cargo-build.ts';
import { ensureEngineBinary, engineVersion } from './engine-binary.ts';
import { cacheRoot, staleEntries } from './engine-cache.ts';
import { ChecksumError } from './release-download.ts';

let folder: string;
let env: NodeJS.ProcessEnv;
let dir: string;

async function script(name: string, text: string): Promise<string> {
  const path = join(folder, 'bin', name);
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A cargo that "builds" a binary which knows its key, and counts its builds. */
const fakeCargo = (version = '1.95.0'): string => `
if [ "$1" = --version ]; then echo "cargo ${version} (x)"; exit; fi
echo built >> "${folder}/builds"
printf '   Building [==>   ] 3/9: serde, syn\\r' >&2
mkdir -p "$CARGO_TARGET_DIR/release"
printf '#!/bin/sh\\necho "qdrant-dev 0.1.0 (qdrant 1.19.0) build %s"\\n' "$QDRANT_DEV_BUILD_KEY" > "$CARGO_TARGET_DIR/$$"
mv "$CARGO_TARGET_DIR/$$" "$CARGO_TARGET_DIR/release/qdrant-dev"`;

const builds = async (): Promise<number> =>
  (await readFile(join(folder, 'builds'), 'utf8').catch(() => '')).split('\n').length - 1;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'engine-binary-'));
  dir = join(folder, 'crate');
  await mkdir(join(dir, 'src'), { recursive: true });
  await mkdir(join(dir, '.cargo'));
  for (const file of ['Cargo.toml', 'Cargo.lock', '.cargo/config.toml', 'rustc-wrapper.sh', 'src/main.rs']) {
    await writeFile(join(dir, file), file);
  }
  env = { PATH: ['/usr/bin', '/bin'].join(delimiter), XDG_CACHE_HOME: join(folder, 'cache') };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function withRust(version?: string): Promise<void> {
  await script('cargo', fakeCargo(version));
  await script('rustc', 'echo "rustc 1.95.0"');
  env['PATH'] = [join(folder, 'bin'), '/usr/bin', '/bin'].join(delimiter);
}

describe('a built engine', () => {
  it('is built once, with progress, and then taken from the cache', async () => {
    await withRust();
    const lines: string[] = [];
    const first = await ensureEngineBinary({ env, dir, onProgress: (line) => lines.push(line) });
    expect(first).toMatchObject({ source: 'built', version: '1.19.0' });
    expect(lines).toContain('building the engine: crate 3 of 9 (serde)');
    expect(await ensureEngineBinary({ env, dir })).toEqual(first);
    expect(await builds()).toBe(1);
  });

  it('is built again when a source or the compiler changes, and old builds go', async () => {
    await withRust();
    for (const text of ['one', 'two', 'three']) {
      await writeFile(join(dir, 'src/main.rs'), text);
      await ensureEngineBinary({ env, dir });
    }
    await script('rustc', 'echo "rustc 1.96.0"');
    await ensureEngineBinary({ env, dir });
    expect(await builds()).toBe(4);
    expect(await readdir(join(cacheRoot(env), 'engine'))).toHaveLength(2);
  });

  it('is built again when the cached file is damaged', async () => {
    await withRust();
    const { path } = await ensureEngineBinary({ env, dir });
    await writeFile(path, 'torn');
    expect(await ensureEngineBinary({ env, dir })).toMatchObject({ path });
    expect(await builds()).toBe(2);
  });

  it('serves callers that come at the same time', async () => {
    await withRust();
    const found = await Promise.all([1, 2, 3].map(() => ensureEngineBinary({ env, dir })));
    expect(new Set(found.map((binary) => binary.path)).size).toBe(1);
    expect(await ensureEngineBinary({ env, dir })).toMatchObject({ source: 'built' });
  });

  it('is still found when the compiler is gone', async () => {
    await withRust();
    const { path } = await ensureEngineBinary({ env, dir });
    env['PATH'] = '/usr/bin:/bin';
    expect(await ensureEngineBinary({ env, dir })).toMatchObject({ path });
  });

  it('is built again when the sources change meanwhile', async () => {
    await withRust();
    await script(
      'cargo',
      `${fakeCargo()}\n[ -e "${folder}/edited" ] || echo edited | tee "${folder}/edited" > "${dir}/src/main.rs"`,
    );
    await ensureEngineBinary({ env, dir });
    expect(await builds()).toBe(2);
    expect(await readdir(join(cacheRoot(env), 'engine'))).toHaveLength(1);
  });

  it('that is another build is an error, and not kept', async () => {
    await withRust();
    await script('cargo', fakeCargo().replace('$QDRANT_DEV_BUILD_KEY', 'other'));
    await expect(ensureEngineBinary({ env, dir })).rejects.toThrow(/does not name build/);
    expect(await readdir(join(cacheRoot(env), 'engine'))).toEqual([]);
  });
});

describe('without a usable Rust', () => {
  it('says that cargo is missing and what to do', async () => {
    const failed = ensureEngineBinary({ env, dir });
    await expect(failed).rejects.toThrow(EngineBuildError);
    await expect(failed).rejects.toThrow(/cargo is not installed.*QDRANT_BIN.*--qdrant/);
  });

  it('says that cargo is too old', async () => {
    await withRust('1.94.2');
    await expect(ensureEngineBinary({ env, dir })).rejects.toThrow(/cargo is 1\.94, the engine needs 1\.95/);
  });

  it('shows the end of what a failed build printed', async () => {
    await withRust();
    await script(
      'cargo',
      'if [ "$1" = --version ]; then echo "cargo 1.95.0 (x)"; else echo "error: boom" >&2; exit 101; fi',
    );
    await expect(ensureEngineBinary({ env, dir })).rejects.toThrow(/failed \(101\):\nerror: boom/);
  });

  it('passes on that rustc fails', async () => {
    await withRust();
    await script('rustc', 'echo "no toolchain" >&2; exit 1');
    await expect(ensureEngineBinary({ env, dir })).rejects.toThrow(/rustc -vV.*no toolchain/);
  });
});

describe('a binary of the user', () => {
  it('is taken from QDRANT_BIN', async () => {
    const path = await script('mine', 'echo "qdrant 1.18.2"');
    const found = await ensureEngineBinary({ env: { ...env, QDRANT_BIN: path }, dir });
    expect(found).toEqual({ path, source: 'env', version: '1.18.2' });
  });

  it.each([['/no/such/file'], ['/bin/false'], ['/bin/true']])('must answer --version: %s', async (path) => {
    const failed = ensureEngineBinary({ env: { ...env, QDRANT_BIN: path }, dir });
    await expect(failed).rejects.toThrow(/QDRANT_BIN is .*correct it, or unset it/);
  });
});

describe('a release', () => {
  const binary = '#!/bin/sh\necho "qdrant 1.19.3"\n';
  const sha256 = createHash('sha256').update(binary).digest('hex');

  async function serving<T>(body: string | undefined, run: (url: string) => Promise<T>): Promise<T> {
    const server = createServer((_, response) => {
      response.statusCode = body === undefined ? 404 : 200;
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}/qdrant`);
    } finally {
      server.close();
    }
  }
  const asking = (url: string, sum = sha256): NodeJS.ProcessEnv => ({
    ...env,
    QDRANT_RELEASE_URL: url,
    QDRANT_RELEASE_SHA256: sum,
  });

  it('is fetched once, checked, and kept', async () => {
    const found = await serving(binary, (url) => ensureEngineBinary({ env: asking(url), dir }));
    expect(found).toMatchObject({ source: 'release', version: '1.19.3' });
    expect(await ensureEngineBinary({ env: asking('http://127.0.0.1:1/qdrant'), dir })).toEqual(found);
  });

  it('is unpacked from an archive', async () => {
    const { execFileSync } = await import('node:child_process');
    await writeFile(join(folder, 'qdrant'), binary);
    execFileSync('tar', ['-czf', join(folder, 'a.tar.gz'), '-C', folder, 'qdrant']);
    const archive = await readFile(join(folder, 'a.tar.gz'));
    const server = createServer((_, response) => void response.end(archive));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.tar.gz`;
    const sum = createHash('sha256').update(archive).digest('hex');
    expect(await ensureEngineBinary({ env: asking(url, sum), dir })).toMatchObject({ source: 'release' });
    server.close();
  });

  it('with another checksum is refused, not replaced by a build', async () => {
    await withRust();
    const failed = serving(`${binary}#`, (url) => ensureEngineBinary({ env: asking(url), dir }));
    await expect(failed).rejects.toThrow(ChecksumError);
    expect(await builds()).toBe(0);
  });

  it.each([
    ['a closed port', undefined],
    ['a 404', 404],
  ])('behind %s gives way to a build', async (_, status) => {
    await withRust();
    const lines: string[] = [];
    const ask = (url: string) => ensureEngineBinary({ env: asking(url), dir, onProgress: (line) => lines.push(line) });
    const found = status === undefined ? await ask('http://127.0.0.1:1/qdrant') : await serving(undefined, ask);
    expect(found).toMatchObject({ source: 'built' });
    expect(lines[0]).toMatch(/no release from 127\.0\.0\.1/);
  });

  it('needs both its address and its checksum', async () => {
    await expect(ensureEngineBinary({ env: { ...env, QDRANT_RELEASE_URL: 'http://x/' }, dir })).rejects.toThrow(
      /set both, or neither/,
    );
    await expect(ensureEngineBinary({ env: asking('http://x/', 'abc'), dir })).rejects.toThrow(/64 hex digits/);
  });
});

describe('reading what programs print', () => {
  it('finds versions', () => {
    expect(engineVersion('qdrant 1.19.0')).toBe('1.19.0');
    expect(engineVersion('qdrant-dev 0.1.0 (qdrant 1.19.0) build x')).toBe('1.19.0');
    expect(engineVersion('cat 9')).toBeUndefined();
    expect(cargoVersion('cargo 1.95.0 (f2d3ce0bd 2026-03-21)')).toEqual([1, 95]);
    expect(() => checkCargoVersion('cargo 2.0.0')).not.toThrow();
    expect(() => checkCargoVersion('nonsense')).toThrow(/expected a version/);
  });

  it('finds cargo progress', () => {
    expect(cargoProgress('   Building [=====>   ] 12/438: tokio, syn\r')).toEqual({
      done: 12,
      total: 438,
      crate: 'tokio',
    });
    expect(cargoProgress('   Compiling serde v1')).toBeUndefined();
  });

  it('keeps the current build and the newest others', () => {
    const entries = ['a', 'b', 'c', 'd'].map((name, modifiedMs) => ({ name, modifiedMs }));
    expect(staleEntries(entries, 'a', 2)).toEqual(['c', 'b']);
    expect(staleEntries(entries, 'a', 1)).toEqual(['d', 'c', 'b']);
    expect(staleEntries([], 'a', 2)).toEqual([]);
  });
});
