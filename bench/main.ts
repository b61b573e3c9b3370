import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machine } from './machine.ts';
import { benchClient } from './client.ts';

// Figures, not assertions: ratios within one run against a peer or a limit, written with machine and versions.
const BENCHES = { client: benchClient } as const;
const HELP = `npm run bench [-- NAME]

  client   CPU a query of the load generator's client, against a raw dispatch and other clients, on a fixed-reply server

Results are written to bench/results/NAME.json. Without a name, all are run.
`;

const names = process.argv.slice(2);
if (names.includes('--help')) {
  process.stdout.write(HELP);
  process.exit(0);
}
const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
if (unknown !== undefined) {
  process.stderr.write(`no bench "${unknown}"; there is ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(2);
}
const folder = join(import.meta.dirname, 'results');
mkdirSync(folder, { recursive: true });
for (const name of Object.keys(BENCHES) as (keyof typeof BENCHES)[]) {
  if (names.length > 0 && !names.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  const results = await BENCHES[name]((line) => void process.stderr.write(`  ${line}\n`));
  const file = join(folder, `${name}.json`);
  writeFileSync(file, `${JSON.stringify({ ...machine(), results }, null, 2)}\n`);
  process.stderr.write(`written to bench/results/${name}.json\n`);
}
