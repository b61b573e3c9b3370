import { corednsVersion, localPathVersion, natsVersion } from '../../go/programs.ts';
import { ensureGoTools, type GoTool } from '../../go/tools.ts';
import type { Recipe } from '../recipe.ts';
import { staticImage } from './static.ts';

/** A program that our Go build makes. */
const goProgram = (tool: GoTool, version: string, summary: string): Recipe =>
  staticImage(tool, summary, async ({ onProgress, signal, env }) => {
    const tools = await ensureGoTools([tool], { onProgress, signal, env });
    return { path: tools[tool], version };
  });

export const nats: Recipe = { ...goProgram('nats-server', natsVersion, 'the NATS server'), repository: 'nats' };
export const coredns = goProgram('coredns', corednsVersion, 'the DNS server of a cluster');
export const localPathProvisioner = goProgram(
  'local-path-provisioner',
  localPathVersion,
  "makes volumes of a node's folders",
);
