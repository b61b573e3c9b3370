import { runProcess } from '../../qdrant/run-process.ts';
import type { ImageConfig } from '../oci.ts';
import type { MakeOptions, Recipe } from '../recipe.ts';
import { NONROOT, Rootfs } from '../rootfs.ts';

export type StaticProgram = {
  /** Absolute path of a program that needs no libraries. */
  path: string;
  version: string;
};

/** An image of one program, `/usr/local/bin/NAME`, which also finds its libraries should it need some. */
export function staticImage(
  name: string,
  summary: string,
  program: (options: MakeOptions) => Promise<StaticProgram>,
  options: { config?: ImageConfig; tagByContent?: boolean } = {},
): Recipe {
  return {
    repository: name,
    summary,
    async make(makeOptions) {
      const { path, version } = await program(makeOptions);
      const inside = `/usr/local/bin/${name}`;
      const rootfs = await new Rootfs().system().program(inside, path, makeOptions.signal);
      return {
        version,
        tagByContent: options.tagByContent ?? false,
        spec: {
          layers: [rootfs.entries()],
          config: {
            Entrypoint: [inside],
            Env: ['PATH=/usr/local/bin:/usr/bin:/bin'],
            WorkingDir: '/',
            User: `${NONROOT}:${NONROOT}`,
            ...options.config,
          },
        },
      };
    },
  };
}

/**
 * The version a program names when asked with `args`: the first x.y.z in what it prints.
 *
 * @throws when it names none
 */
export async function programVersion(path: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  const { stdout, stderr } = await runProcess(path, args, { signal, timeoutMs: 20_000 });
  const version = /\d+\.\d+(?:\.\d+)?/.exec(stdout)?.[0] ?? /\d+\.\d+(?:\.\d+)?/.exec(stderr)?.[0];
  if (version !== undefined) return version;
  throw new Error(`\`${path} ${args.join(' ')}\` printed ${JSON.stringify(stdout.slice(0, 200))}, expected a version`);
}
