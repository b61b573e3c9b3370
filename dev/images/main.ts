import { parseArgs } from 'node:util';
import { buildImages, IMAGE_NAMES, RECIPES, type ImageName } from './images.ts';

const help = `Makes container images from this checkout and this machine, and prints each one's name and file.

  node dev/images/main.ts [NAME…]

  ${IMAGE_NAMES.map((name) => `${name.padEnd(24)}${RECIPES[name].summary}`).join('\n  ')}

Without names: all of them. The files are OCI image layouts; load one with
  ctr --namespace k8s.io images import FILE
They stay in the user's cache folder, and are made again only when their content has changed.

  --help  this text
`;

const isImage = (name: string): name is ImageName => (IMAGE_NAMES as string[]).includes(name);

/** Runs the command line; resolves with the exit code. Results go to `out`, everything else to `note`. */
export async function main(
  args: string[],
  out: (line: string) => void,
  note: (line: string) => void,
  stop?: AbortSignal,
): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args, allowPositionals: true, options: { help: { type: 'boolean', default: false } } });
  } catch (error) {
    note(error instanceof Error ? error.message : String(error));
    note('Try --help.');
    return 2;
  }
  if (parsed.values.help) {
    out(help);
    return 0;
  }
  const names: ImageName[] = [];
  for (const name of parsed.positionals) {
    if (!isImage(name)) {
      note(`There is no image \`${name}\`, expected one of ${IMAGE_NAMES.join(', ')}.`);
      return 2;
    }
    names.push(name);
  }
  try {
    const built = await buildImages(names.length === 0 ? IMAGE_NAMES : names, { onProgress: note, signal: stop });
    for (const { ref, tar } of Object.values(built)) out(`${ref}\t${tar}`);
    return 0;
  } catch (error) {
    if (stop?.aborted === true) return 130;
    note(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

if (import.meta.main) {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  process.exitCode = await main(
    process.argv.slice(2),
    (line) => console.log(line),
    (line) => console.error(line),
    stop.signal,
  );
}
