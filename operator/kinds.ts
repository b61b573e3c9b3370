import { API_VERSION, type Kind } from '../crds/common/resource.ts';
import { SWEEP } from '../crds/sweep/sweep.ts';
import type { KubeKind } from './runtime/kube.ts';

/** A kind of ours as its REST path needs it. */
export const kubeKind = ({ kind, plural }: Pick<Kind, 'kind' | 'plural'>): KubeKind => ({
  apiVersion: API_VERSION,
  kind,
  plural,
});

export const SWEEP_KIND = kubeKind(SWEEP);
