import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { quickstart, type Images } from './quickstart.ts';

const PARTS = ['bench', 'qdrant', 'nats', 'postgres'] as const satisfies (keyof Images)[];

const HELP = `Writes whole environments as YAML, composed around the Helm chart.

  node manifests/main.ts quickstart [options]

  quickstart               a namespace, the chart, and the sweep of examples/quickstart.yaml

  --image PART=REFERENCE   another image for a part: ${PARTS.join(', ')}; may be repeated
  --values FILE.yaml       further values of the chart
  --namespace NAME         where operator, NATS and Postgres live (qdrant-bench)
  --sweep-namespace NAME   where the sweep and its Qdrant live (default)
  --out FOLDER             writes install.yaml and sweep.yaml there, such as manifests/dist;
                           without it both go to standard output
  --help                   this text

The helm binary is $HELM, else helm of the PATH. Apply install.yaml first, and sweep.yaml once the API server knows its
kind. Each time a new Postgres password is made, unless the values name one (postgres.password).
`;

class UsageError extends Error {}

function imagesOf(given: readonly string[]): Images {
  const images: Images = {};
  for (const text of given) {
    const [part = '', ...rest] = text.split('=');
    const known = PARTS.find((name) => name === part);
    const reference = rest.join('=');
    if (!known || !reference) {
      throw new UsageError(`--image is \`${text}\`, expected PART=REFERENCE, PART one of ${PARTS.join(', ')}`);
    }
    images[known] = reference;
  }
  return images;
}

function valuesOf(file: string): Record<string, unknown> {
  let values: unknown;
  try {
    values = parse(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw new UsageError(`--values is \`${file}\`: ${(error as Error).message}`, { cause: error });
  }
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new UsageError(`--values is \`${file}\`, which holds no map of values`);
  }
  return values as Record<string, unknown>;
}

/** Runs the command line; returns the exit code. `out` gets what was asked for, `say` what a person should know. */
export function main(
  args: string[],
  {
    out,
    say,
    env = process.env,
  }: { out: (text: string) => void; say: (line: string) => void; env?: NodeJS.ProcessEnv },
): number {
  try {
    const { values: options, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        image: { type: 'string', multiple: true, default: [] },
        values: { type: 'string' },
        namespace: { type: 'string' },
        'sweep-namespace': { type: 'string' },
        out: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (options.help) {
      out(HELP);
      return 0;
    }
    if (positionals.length !== 1 || positionals[0] !== 'quickstart') {
      throw new UsageError(`\`${positionals.join(' ')}\` is no environment; expected quickstart`);
    }
    const { install, sweep } = quickstart({
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      ...(options['sweep-namespace'] === undefined ? {} : { sweepNamespace: options['sweep-namespace'] }),
      ...(options.values === undefined ? {} : { values: valuesOf(options.values) }),
      ...(env['HELM'] ? { helm: env['HELM'] } : {}),
      images: imagesOf(options.image),
    });
    if (options.out === undefined) {
      out(`${install}---\n${sweep}`);
      return 0;
    }
    mkdirSync(options.out, { recursive: true });
    for (const [name, text] of Object.entries({ install, sweep })) {
      const file = join(options.out, `${name}.yaml`);
      // The password of Postgres is in it.
      writeFileSync(file, text, { mode: 0o600 });
      say(`wrote ${file}`);
    }
    return 0;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    const usage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
    if (usage) say('Try --help.');
    return usage ? 2 : 1;
  }
}

if (import.meta.main) {
  process.exitCode = main(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    say: (line) => process.stderr.write(`${line}\n`),
  });
}
