// Plain JavaScript for any Node from 18 on: finds or installs the Node this project runs on, installs the locked
// dependencies when they are missing or changed, then runs the named task with that Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const REQUIRED_MAJOR = 24;

/** Task name → the TypeScript entry that carries it out. */
const TASKS = {
  demo: 'dev/demo.ts',
  test: 'dev/test.ts',
  check: 'dev/check.ts',
  bench: 'bench/main.ts',
  faults: 'dev/faults/main.ts',
  qdrant: 'dev/qdrant/main.ts',
  cluster: 'dev/cluster/main.ts',
  images: 'dev/images/main.ts',
  format: 'dev/format.ts',
};

const say = (text) => process.stderr.write(`${text}\n`);

function lockDigest() {
  const hash = createHash('sha256');
  for (const file of ['package.json', 'package-lock.json']) hash.update(readFileSync(join(root, file)));
  return hash.update(`${process.platform}-${process.arch}`).digest('hex');
}

/** Installs what the lockfile names, unless the last install was of the same lockfile and finished. */
function installDependencies() {
  const stamp = join(root, 'node_modules', '.qdrant-bench-installed');
  const digest = lockDigest();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  say('Installing dependencies (npm ci) …');
  rmSync(stamp, { force: true });
  // npm_* variables of the outer npm run would leak its settings into the inner one.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    say(
      `npm ci failed (${npm.error ? npm.error.message : `exit ${npm.status}`}). Check the network and the npm registry setting, then run this again.`,
    );
    process.exit(70);
  }
  writeFileSync(stamp, digest);
}

/** The Node to run with: this one if it is new enough, else the one pinned in the lockfile. */
function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= REQUIRED_MAJOR) return process.execPath;
  const bundled = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(bundled)) return bundled;
  say(
    `Node ${process.versions.node} is too old and no Node ${REQUIRED_MAJOR} is bundled for ${process.platform}-${process.arch}. Install Node ${REQUIRED_MAJOR} or newer and run this again.`,
  );
  process.exit(70);
}

const [task, ...args] = process.argv.slice(2);
const entry = Object.hasOwn(TASKS, task ?? '') ? TASKS[task] : undefined;
if (!entry) {
  say(`usage: node dev/bootstrap.js ${Object.keys(TASKS).join('|')} [arguments]`);
  process.exit(2);
}
installDependencies();
const node = findNode();
const child = spawn(node, [join(root, entry), ...args], {
  cwd: root,
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'], // the channel closes when this process dies, even by SIGKILL
  env: {
    ...process.env,
    PATH: [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
