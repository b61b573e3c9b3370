import { z } from 'zod';
import { mutable } from '../mutability.ts';
import { exactlyOneOf, withRule } from '../rules.ts';
import { notYet, notYetWhen } from '../support.ts';
import { money } from './money.ts';
import { nodeSelector, resources, tolerations } from './pod.ts';
import { secretKeyRef } from './secret-key-ref.ts';
import { dnsLabel, objectName, quantity } from './texts.ts';

const version = z
  .string()
  .max(32)
  .regex(/^v?[0-9]+\.[0-9]+\.[0-9]+$/, 'must be a Qdrant version such as v1.19.0')
  .optional()
  .describe('Qdrant version to run. Default: the version this release was tested with.');

const pricePerHour = mutable(
  money('What an hour of this target costs, for the cost metrics.').optional(),
  'KeepsHistory',
);

const nodes = notYetWhen(z.int().min(1).max(32), {
  is: (value) => value !== 1,
  instead: 'leave it out or set 1',
})
  .optional()
  .describe('Qdrant nodes in the cluster. Default 1.');

const uuid = (description: string) =>
  z
    .string()
    .max(36)
    .regex(
      /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
      'must be a UUID in lower case, such as 0f5c6a3e-0000-4000-8000-000000000001',
    )
    .describe(description);

const cloudPackage = withRule(
  z.strictObject({
    id: uuid('Id of one package of Qdrant Cloud.').optional(),
    minMemory: quantity('Least memory of a node.').optional(),
    minCpu: quantity('Least CPU cores of a node.').optional(),
  }),
  {
    rule: 'has(self.id) != (has(self.minMemory) || has(self.minCpu))',
    message: 'either id, or minMemory and minCpu, must be set; remove the others or add the ones you mean',
    holds: ({ id, minMemory, minCpu }) => (id !== undefined) !== (minMemory !== undefined || minCpu !== undefined),
  },
).describe('Which package a node is: one by its id, or the cheapest that is large enough.');

const qdrantCloud = z
  .strictObject({
    accountId: uuid('Id of the account in Qdrant Cloud.'),
    managementKeySecretRef: secretKeyRef(
      "Where the account's management key is kept. The API's address is the installation's to say.",
    ),
    provider: dnsLabel('Cloud provider, by its id in Qdrant Cloud, such as aws.'),
    region: dnsLabel("Region, by the provider's id, such as eu-central-1."),
    package: cloudPackage,
    nodes: z.int().min(1).max(32).optional().describe('Qdrant nodes in the cluster. Default 1.'),
    version,
    storage: z
      .strictObject({
        additionalDisk: quantity("Disk in addition to the package's.").optional(),
        tier: z
          .enum(['CostOptimised', 'Balanced', 'Performance'])
          .optional()
          .describe('Speed of the disk. Default CostOptimised.'),
      })
      .optional()
      .describe('Disk of a node.'),
    idle: z
      .enum(['Suspend', 'Keep'])
      .optional()
      .describe('What happens to the cluster when nothing runs on it for a while. Default Suspend.'),
  })
  .describe('A cluster in Qdrant Cloud, made for this resource and paid by its account.');

const kubernetes = z
  .strictObject({
    version,
    image: notYet(
      z
        .string()
        .min(1)
        .max(255)
        .regex(
          /^[a-z0-9][a-z0-9._:/-]*$/,
          'must be an image without tag or digest, such as qdrant/qdrant; the tag is version',
        )
        .describe("Qdrant's image, without tag. Default: the installation's."),
    ),
    nodes,
    resources: resources(
      'Resources of the Qdrant pod. In a local run the engine gets the cores the load generator leaves.',
    ).optional(),
    storage: notYet(quantity('Size of the volume Qdrant keeps its data on.')),
    storageClassName: notYet(objectName("Storage class of that volume. Default: the cluster's.")),
    nodeSelector: notYet(nodeSelector('Labels of the nodes Qdrant may run on.')),
    tolerations: notYet(tolerations('Taints of nodes Qdrant may run on.')),
    pricePerHour,
  })
  .describe('A throw-away Qdrant made for this resource and deleted with it.');

const external = z
  .strictObject({
    url: z
      .string()
      .max(2048)
      .regex(
        /^https?:\/\/[A-Za-z0-9._:[\]-]+\/?$/,
        'must be an http or https URL without path or credentials, such as https://qdrant.example:6333',
      )
      .describe("Qdrant's REST address."),
    apiKeySecretRef: mutable(
      secretKeyRef('Where the API key is kept; never write a key into the resource.').optional(),
      'KeepsHistory',
    ),
    tls: notYet(
      z
        .strictObject({ caSecretRef: secretKeyRef('Where the certificate of the authority is kept, as PEM.') })
        .describe('How the server is known, when its authority is not a public one.'),
    ),
    pricePerHour,
  })
  .describe('An existing Qdrant. Only collections made for this resource are touched.');

export const TARGET_KINDS = ['qdrantCloud', 'kubernetes', 'external'] as const;

/** Where Qdrant runs. All kinds of resources name it alike. */
export const target = mutable(
  exactlyOneOf(
    z.strictObject({
      qdrantCloud: notYet(qdrantCloud),
      kubernetes: kubernetes.optional(),
      external: external.optional(),
    }),
    TARGET_KINDS,
  ).describe(
    `Where Qdrant runs: exactly one of ${TARGET_KINDS.join(', ')}. Which of them is immutable; its fields may change.`,
  ),
  'NewHistory',
);
