import { GROUP, VERSION, type Kind } from '../common/resource.ts';
import { crdName } from '../kinds.ts';
import { structural, type StructuralSchema } from './structural.ts';

/** Of metadata a CRD may restrict the name only; ours becomes part of other objects' names. */
function metadata({ schema }: Kind): StructuralSchema {
  const { type, minLength, maxLength, pattern } = structural(schema.shape.metadata.shape.name, 'metadata.name');
  return { type: 'object', properties: { name: { type, minLength, maxLength, pattern } } };
}

/** The CustomResourceDefinition of a kind, generated from its zod schemas. */
export function customResourceDefinition(kind: Kind): Record<string, unknown> {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: crdName(kind) },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [kind.shortName],
        categories: ['qdrantbench'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns,
          schema: {
            openAPIV3Schema: {
              description: kind.description,
              type: 'object',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: metadata(kind),
                spec: structural(kind.schema.shape.spec, 'spec'),
                status: structural(kind.status, 'status'),
              },
              'x-kubernetes-validations': kind.transitions,
            },
          },
        },
      ],
    },
  };
}
