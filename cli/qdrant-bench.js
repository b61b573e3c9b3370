#!/usr/bin/env node
// Plain JavaScript for any Node: hands over to the TypeScript CLI with a Node that can run it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const entry = join(root, 'cli', 'main.ts');
const bundled = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(entry);
} else if (existsSync(bundled)) {
  const child = spawn(bundled, [entry, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'], // the channel closes when this process dies, even by SIGKILL
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
} else {
  process.stderr.write(
    `qdrant-bench needs Node 24 or newer; this is ${process.version}. Install it, or run "npm ci" in the checkout, which brings one along.\n`,
  );
  process.exit(70);
}
