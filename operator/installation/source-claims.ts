import type { DatasetSpec } from '../../crds/sweep/sweep-spec.ts';
import { SOURCE_ROLES } from '../../loadgen/dataset-sources.ts';
import { KINDS } from '../runtime/kinds.ts';
import type { Kube } from '../runtime/kube.ts';
import { SweepStopped } from '../sweep/ports.ts';

/** A volume has to say that sweeps may read it: who may create a sweep gets no volume by naming it. */
const LABEL = 'qdrantbench.io/dataset';

/**
 * Checks that the volumes a dataset's files are on are there and may be used, before a pod waits for them.
 * @throws {SweepStopped} InvalidSpec naming the claim and what to do.
 */
export async function checkSourceClaims(
  kube: Pick<Kube, 'get'>,
  namespace: string,
  { vectors }: DatasetSpec,
  signal: AbortSignal,
): Promise<void> {
  for (const role of SOURCE_ROLES) {
    const name = vectors?.[role]?.persistentVolumeClaim?.claimName;
    if (name === undefined) continue;
    const claim = await kube.get({ ...KINDS.PersistentVolumeClaim, namespace, name }, signal);
    const labelled = claim?.metadata.labels?.[LABEL] === 'true';
    if (labelled && !claim.metadata.deletionTimestamp) continue;
    const why = !claim ? 'does not exist' : labelled ? 'is being deleted' : `may not be used: label it ${LABEL}=true`;
    throw new SweepStopped(
      'InvalidSpec',
      `spec.dataset.vectors.${role}.persistentVolumeClaim: PersistentVolumeClaim ${namespace}/${name} ${why}`,
      { mendable: true },
    );
  }
}
