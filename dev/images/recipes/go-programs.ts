import { ensureGoTools, type GoTool } from '../../go/tools.ts';
import type { Recipe } from '../recipe.ts';
import { programVersion, staticImage } from './static.ts';

/** A program that our Go build makes. */
function goProgram(tool: GoTool, summary: string, versionArgs: readonly string[] | undefined): Recipe {
  return staticImage(
    tool,
    summary,
    async ({ onProgress, signal, env }) => {
      const path = (await ensureGoTools([tool], { onProgress, signal, env }))[tool];
      // One that does not know its version is told apart by its content.
      return { path, version: versionArgs === undefined ? '0' : await programVersion(path, versionArgs, signal) };
    },
    { tagByContent: versionArgs === undefined },
  );
}

export const nats: Recipe = { ...goProgram('nats-server', 'the NATS server', ['--version']), repository: 'nats' };
export const coredns: Recipe = goProgram('coredns', 'the DNS server of a cluster', ['-version']);
export const localPathProvisioner: Recipe = goProgram(
  'local-path-provisioner',
  "makes volumes of a node's folders",
  undefined,
);
