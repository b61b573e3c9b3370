import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
let copy: string;

/** Lints one planted file in an otherwise empty copy of the house and returns what the linter says. */
function lint(file: string, source: string): { code: number | null; output: string } {
  const path = join(copy, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, source);
  const run = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['-c', '.oxlintrc.json', file], {
    cwd: copy,
    encoding: 'utf8',
  });
  rmSync(path);
  return { code: run.status, output: run.stdout + run.stderr };
}

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'layering-'));
  cpSync(join(root, '.oxlintrc.json'), join(copy, '.oxlintrc.json'));
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('the layering rule', () => {
  it.each([
    ['operator/judge/planted.ts', '../runs/open-store.ts', 'The core knows nothing'],
    ['operator/judge/planted.ts', 'node:fs', 'Decisions are pure functions'],
    ['operator/judge/deeper/planted.ts', '../../../loadgen/ingest/upload.ts', 'The core knows nothing'],
    ['operator/sweep/decide.ts', './act.ts', 'The core knows nothing'],
    ['operator/sweep/decide.ts', 'undici', 'Decisions are pure functions'],
    ['operator/sweep/act.ts', '../../loadgen/load/open-loop.ts', 'by protocol only'],
    ['operator/runs/planted.ts', '../../cli/run.ts', 'composition root'],
    ['loadgen/planted.ts', '../operator/runs/run-store.ts', 'The load generator knows'],
    ['loadgen/planted.ts', 'pg', 'no database'],
    ['loadgen/net/planted.ts', '../protocol.ts', 'imports nothing of ours'],
    ['loadgen/net/planted.ts', '../../operator/judge/verdict.ts', 'imports nothing of ours'],
    ['operator/runtime/planted.ts', '../sweep/controller.ts', 'knows Kubernetes and no Qdrant'],
    ['operator/runtime/planted.ts', '../../cli/run.ts', 'composition root'],
    ['operator/sweep/controller.ts', '../targets/kubernetes/kubernetes-target.ts', 'speaks to ports'],
    ['operator/sweep/act.ts', 'nats', 'speaks to ports'],
    ['crds/planted.ts', '../operator/judge/space.ts', 'bottom layer'],
    ['crds/planted.ts', 'node:fs', 'crds is pure'],
    ['cli/planted.ts', '../loadgen/load/open-loop.ts', 'process of its own'],
  ])('refuses %s importing %s', (file, specifier, reason) => {
    const { code, output } = lint(file, `import * as planted from '${specifier}';\nexport { planted };\n`);
    expect(output).toContain(reason);
    expect(code).not.toBe(0);
  });

  it.each([
    ['operator/judge/planted.ts', './space.ts'],
    ['operator/judge/planted.ts', '../../crds/duration.ts'],
    ['operator/sweep/act.ts', '../../loadgen/protocol.ts'],
    ['operator/sweep/act.ts', '../runs/run-store.ts'],
    ['operator/targets/planted.ts', '../../loadgen/net/connect.ts'],
    ['cli/planted.ts', '../loadgen/net/address-rules.ts'],
    ['cli/planted.ts', '../loadgen/tool/run-load.ts'],
    ['loadgen/net/planted.ts', './connect.ts'],
    ['operator/operate.ts', './targets/kubernetes/kubernetes-target.ts'],
    ['operator/runtime/planted.ts', '@kubernetes/client-node'],
    ['loadgen/planted.ts', '../operator/judge/verdict.ts'],
    ['loadgen/pod/planted.ts', '../../operator/bus/subjects.ts'],
    ['operator/judge/planted.test.ts', 'node:fs'],
  ])('allows %s importing %s', (file, specifier) => {
    const { code, output } = lint(file, `import * as planted from '${specifier}';\nexport { planted };\n`);
    expect(output).not.toContain('no-restricted-imports');
    expect(code).toBe(0);
  });
});
