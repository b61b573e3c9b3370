import { ensureEngineBinary } from '../../qdrant/engine-binary.ts';
import type { Recipe } from '../recipe.ts';
import { NONROOT, Rootfs } from '../rootfs.ts';

const STORAGE = '/qdrant/storage';

/** The engine of dev/qdrant, where and how Qdrant's own image has it: port 6333, data in /qdrant/storage. */
export const qdrantDev: Recipe = {
  repository: 'qdrant-dev',
  summary: "the development server around Qdrant's engine",
  async make({ onProgress, signal, env }) {
    const engine = await ensureEngineBinary({ onProgress, signal, env });
    const rootfs = await new Rootfs().system().program('/usr/local/bin/qdrant-dev', engine.path, signal);
    const owner = { uid: NONROOT, gid: NONROOT };
    rootfs.directory('/qdrant', 0o755, owner).directory(STORAGE, 0o755, owner);
    return {
      version: engine.version,
      tagByContent: true,
      spec: {
        layers: [rootfs.entries()],
        config: {
          Entrypoint: ['/usr/local/bin/qdrant-dev'],
          Env: [
            'PATH=/usr/local/bin:/usr/bin:/bin',
            'QDRANT__SERVICE__HOST=0.0.0.0',
            'QDRANT__SERVICE__HTTP_PORT=6333',
            `QDRANT__STORAGE__STORAGE_PATH=${STORAGE}`,
          ],
          WorkingDir: '/qdrant',
          User: `${NONROOT}:${NONROOT}`,
          ExposedPorts: { '6333/tcp': {} },
        },
      },
    };
  },
};
