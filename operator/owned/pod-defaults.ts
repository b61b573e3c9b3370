import { LABELS, MANAGER, type Component } from './sweep-ref.ts';

/** `securityContext` of a pod of ours: never root, and its volumes are its user's. */
export const podSecurity = (user: number) => ({
  runAsNonRoot: true,
  runAsUser: user,
  runAsGroup: user,
  fsGroup: user,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
});

/** `securityContext` of each of its containers. */
export const CONTAINER_SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const;

/** `affinity` that keeps a pod off the nodes of the other side of a measurement, where there is another node. */
export const awayFrom = (component: Component) => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 100,
        podAffinityTerm: {
          topologyKey: 'kubernetes.io/hostname',
          labelSelector: { matchLabels: { [LABELS.managedBy]: MANAGER, [LABELS.component]: component } },
        },
      },
    ],
  },
});
