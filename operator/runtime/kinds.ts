import type { KubeKind } from './kube.ts';

const kind = (apiVersion: string, name: string, plural: string, namespaced = true): KubeKind => ({
  apiVersion,
  kind: name,
  plural,
  namespaced,
});

/** The built-in kinds we use. Kinds of our own are given to the client when it is made. */
export const KINDS = {
  ConfigMap: kind('v1', 'ConfigMap', 'configmaps'),
  Event: kind('events.k8s.io/v1', 'Event', 'events'),
  Job: kind('batch/v1', 'Job', 'jobs'),
  Lease: kind('coordination.k8s.io/v1', 'Lease', 'leases'),
  Namespace: kind('v1', 'Namespace', 'namespaces', false),
  Node: kind('v1', 'Node', 'nodes', false),
  PersistentVolumeClaim: kind('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  Pod: kind('v1', 'Pod', 'pods'),
  Secret: kind('v1', 'Secret', 'secrets'),
  Service: kind('v1', 'Service', 'services'),
  StatefulSet: kind('apps/v1', 'StatefulSet', 'statefulsets'),
  CustomResourceDefinition: kind(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
} as const;
