import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Kind } from '../../crds/common/resource.ts';
import { EXPERIMENT } from '../../crds/experiment/experiment.ts';
import { PROMOTION } from '../../crds/promotion/promotion.ts';
import { CrdServer } from '../../crds/testing/crd-server.ts';
import { changedExample } from '../../crds/testing/objects.ts';
import type { KubeClient } from '../runtime/kube-client.ts';
import type { KubeObject } from '../runtime/kube.ts';
import { StatusWriter } from '../runtime/status-writer.ts';
import { testKube } from '../runtime/testing/test-kube.ts';
import { kubeKind } from '../kinds.ts';
import { NotYetController } from './not-yet-controller.ts';

const KINDS = [EXPERIMENT, PROMOTION];

let server: CrdServer;
let kube: KubeClient;
beforeAll(async () => {
  server = await CrdServer.start();
  kube = testKube(server.kubeconfig, { kinds: KINDS.map(kubeKind) });
}, 900_000);
afterAll(async () => {
  await kube?.close();
  await server?.stop();
});

async function stored(kind: Kind): Promise<KubeObject> {
  const { stdout } = await server.kubectl(['get', kind.plural, 'told', '-o', 'json']);
  return JSON.parse(stdout) as KubeObject;
}

describe.each(KINDS)('a $kind on a real API server', (kind) => {
  it('is told that it is not carried out, and its status is written once', async () => {
    await server.kubectl(['create', '-f', '-'], { input: JSON.stringify(changedExample(kind, {}, 'told')) });
    let object = await stored(kind);
    const status = new StatusWriter({ kube, log: pino({ level: 'silent' }), isFinal: () => true });
    const controller = new NotYetController({ kind: kubeKind(kind), cached: () => object, status });
    await controller.reconcile('default/told');
    await status.flush();
    const told = await stored(kind);
    expect(told['status']).toMatchObject({
      observedGeneration: 1,
      phase: 'Failed',
      conditions: [
        { type: 'Accepted', status: 'False', reason: 'NotSupported' },
        { type: 'Stalled', status: 'True', reason: 'NotSupported' },
      ],
    });
    const { stdout } = await server.kubectl(['get', kind.shortName, 'told', '-o', 'wide']);
    expect(stdout).toContain('NotSupported');

    object = told;
    await controller.reconcile('default/told');
    await status.flush();
    expect((await stored(kind)).metadata.resourceVersion).toBe(told.metadata.resourceVersion);
  });
});
