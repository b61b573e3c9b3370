import type { Kind } from '../common/resource.ts';
import { EXPERIMENT } from '../experiment/experiment.ts';
import { PROMOTION } from '../promotion/promotion.ts';
import { SWEEP } from '../sweep/sweep.ts';
import type { Changes } from './objects.ts';

/** One way to get a full example wrong: what is wrong, the kind, and the changes that make it so. */
export type RefusedCase = [what: string, kind: Kind, changes: Changes];

const text = { url: 'https://files.example/a.jsonl' };
const vectors = (base: object) => ({ dataset: { vectors: { base, queries: text, distance: 'Dot' } } });
const embedded = (corpus: object, more: object = {}) => ({
  dataset: { embedded: { corpus, embedder: { synthetic: {} }, ...more } },
});
const inline = (texts: readonly string[]) => ({
  documents: texts.map((text, id) => ({ id: `${id}`, text })),
  queries: [{ id: 'q', text: 'what' }],
  qrels: [{ query: 'q', document: '0', relevance: 1 }],
});

const SWEEPS: [string, Changes][] = [
  ['an objective that the load cannot tell', { 'workload.load': { closed: { concurrency: 4 } } }],
  ['two targets', { 'target.external': { url: 'http://q:6333' } }],
  ['no target', { target: {} }],
  ['a URL of Qdrant with credentials', { target: { external: { url: 'https://u:p@q' } } }],
  ['a URL of Qdrant with a path', { target: { external: { url: 'https://q/a' } } }],
  ['a version that is none', { 'target.kubernetes.version': 'latest' }],
  ['an image with a digest', { 'target.kubernetes.image': 'qdrant/qdrant@sha256:0' }],
  ['a label that is none', { 'target.kubernetes.nodeSelector': { pool: 'not good' } }],
  ['a key of a label that is too long', { 'target.kubernetes.nodeSelector': { ['k'.repeat(318)]: 'a' } }],
  [
    'too many labels',
    { 'loadgen.nodeSelector': Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v'])) },
  ],
  ['a taint that is none', { 'target.kubernetes.tolerations[0].key': 'a b' }],
  ['a price that is no decimal', { 'target.kubernetes.pricePerHour.amount': '1,50' }],
  ['a currency that is none', { 'target.kubernetes.pricePerHour.currency': 'eur' }],
  ['no memory at all', { 'target.kubernetes.resources.memory': '0Mi' }],
  ['a quantity that is none', { 'constraints.memory.max': '4 GB' }],
  ['a size of 0', { 'target.kubernetes.storage': '0' }],
  ['a Secret name in capitals', { 'judge.llm.apiKeySecretRef.name': 'LLM' }],
  ['a Secret key with a slash', { 'judge.llm.apiKeySecretRef.key': 'a/b' }],
  ['a model with a blank', { 'judge.llm.model': 'some model' }],
  ['an address with a query', { 'judge.llm.baseUrl': 'https://llm.example/v1?key=secret' }],
  ['an address with credentials', { 'judge.llm.baseUrl': 'https://user:pass@llm.example' }],
  ['a time to live in days', { 'retention.ttlAfterFinished': '7d' }],
  ['a time to live of nothing', { 'retention.ttlAfterFinished': '0s' }],
  ['a time to live beyond reason', { 'retention.ttlAfterFinished': '999999h' }],
  ['two datasets', { 'dataset.synthetic': { points: 1000, dimensions: 8 } }],
  ['no dataset', { dataset: {} }],
  ['a missing dataset', { dataset: undefined }],
  ['a file from two places', vectors({ ...text, persistentVolumeClaim: { claimName: 'a', path: '/a' } })],
  ['a file from nowhere', vectors({ format: 'npy' })],
  ['a key of a file without keys', vectors({ ...text, format: 'npy', key: 'train' })],
  ['a column of a file without columns', vectors({ ...text, format: 'hdf5', column: 'v' })],
  ['a URL of another kind', vectors({ url: 'ftp://files.example/a' })],
  ['a URL with a blank', vectors({ url: 'https://files.example/a b' })],
  ['a relative path', vectors({ persistentVolumeClaim: { claimName: 'a', path: 'base.fvecs' } })],
  ['a claim in capitals', vectors({ persistentVolumeClaim: { claimName: 'A', path: '/a' } })],
  ['a checksum cut short', vectors({ ...text, sha256: 'ab' })],
  ['a key that is no path', vectors({ ...text, format: 'hdf5', key: 'a b' })],
  ['a column that is no path', vectors({ ...text, format: 'parquet', column: '$v' })],
  [
    'more intrinsic dimensions than dimensions',
    { dataset: { synthetic: { points: 1000, dimensions: 8, intrinsicDimensions: 9 } } },
  ],
  [
    'the same made-up field twice',
    {
      dataset: {
        synthetic: {
          points: 1000,
          dimensions: 8,
          payload: [
            { field: 'a', type: 'keyword' },
            { field: 'a', type: 'float' },
          ],
        },
      },
    },
  ],
  ['two corpora', embedded({ beir: text, collection: { name: 'a', textField: 'text' } })],
  ['a split that is a path', embedded({ beir: { ...text, split: '../test' } })],
  ['a glob with a quote', embedded({ documents: { ...text, include: ["*.md'"] } })],
  ['a collection that is a path', embedded({ collection: { name: '../a', textField: 'text' } })],
  [
    'an inline corpus that is too large',
    embedded({ inline: inline(Array.from({ length: 9 }, () => 'x'.repeat(8000))) }),
  ],
  [
    'two documents of one id',
    embedded({
      inline: {
        ...inline(['a']),
        documents: [
          { id: 'a', text: 'a' },
          { id: 'a', text: 'b' },
        ],
      },
    }),
  ],
  [
    'two embedders',
    { dataset: { embedded: { corpus: { beir: text }, embedder: { synthetic: {}, local: { model: 'm' } } } } },
  ],
  [
    'an overlap as long as a passage',
    embedded({ beir: text }, { chunking: { strategy: 'Tokens', size: 64, overlap: 64 } }),
  ],
  [
    'an overlap as long as the default passage',
    embedded({ beir: text }, { chunking: { strategy: 'Tokens', overlap: 512 } }),
  ],
  ['a size of passages that are not cut', embedded({ beir: text }, { chunking: { strategy: 'Whole', size: 64 } })],
  ['a tenant that is a number', { 'workload.payloadIndexes[0]': { field: 'tenant', type: 'integer', isTenant: true } }],
  [
    'a principal field that is a keyword',
    { 'workload.payloadIndexes[0]': { field: 'tenant', type: 'keyword', isPrincipal: true } },
  ],
  ['a payload that is no JSON', { 'dataset.vectors.payload.format': 'fvecs' }],
  ['a preset that is no name', { 'workload.preset': 'filtered!' }],
  ['writes of nothing', { 'workload.writes': {} }],
  ['a rate of nothing', { 'workload.writes.deletes.rate': 0 }],
  ['two loads', { 'workload.load.open': { rate: 5 } }],
  ['a window too short', { 'workload.duration': '99ms' }],
  ['a warm-up too long', { 'workload.warmup': '61m' }],
  ['a negative duration', { 'workload.duration': '-5s' }],
  ['a query called in capitals', { 'workload.queries[0].name': 'All' }],
  ['two queries of one name', { 'workload.queries[1].name': 'everywhere' }],
  [
    'a filter with too many clauses',
    { 'workload.queries[1].filter': Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${i}`, []])) },
  ],
  ['a quantization in capitals', { 'quantizations[0].name': 'INT8' }],
  ['two quantizations of one name', { 'quantizations[1]': { name: 'int8-q95', config: { binary: {} } } }],
  ['two ways to give values', { 'parameters[0].choices': ['8'] }],
  ['no way to give values', { 'parameters[0]': { name: 'hnsw_config.m' } }],
  ['a parameter that is no path', { 'parameters[0].name': 'hnsw_config/m' }],
  ['two parameters of one name', { 'parameters[1].name': 'hnsw_config.m' }],
  ['a range upside down', { 'parameters[1].range': { min: 3, max: 1 } }],
  ['a log range from 0', { 'parameters[1].range': { min: 0, max: 1, scale: 'Log' } }],
  ['an empty list of numbers', { 'parameters[0].numbers': [] }],
  ['a percentile we do not measure', { 'constraints.latency[0].percentile': 42 }],
  ['a percentile twice', { 'constraints.latency[1].percentile': 95 }],
  ['a latency of nothing', { 'constraints.latency[0].max': '0s' }],
  ['an objective twice', { 'objectives[1].metric': 'costPerMillionQueries' }],
  ['an objective nobody measures', { 'objectives[1].metric': 'beauty' }],
  ['too many builds', { 'budget.builds': 1001 }],
  ['a budget of no time', { 'budget.duration': '10ms' }],
  ['a misspelt field', { budgte: { builds: 2 } }],
  ['a misspelt nested field', { 'budget.bilds': 2 }],
  ['a text for a number', { 'constraints.recall.min': 'high' }],
  ['a null in a list', { 'parameters[0].numbers': [null] }],
  ['a null for what must be there', { 'dataset.vectors.distance': null }],
  ['several at once', { 'budget.builds': 0, parallelism: 0, 'workload.repeats': 50 }],
];

const EXPERIMENTS: [string, Changes][] = [
  ['an account that is no UUID', { 'target.qdrantCloud.accountId': 'mine' }],
  ['a provider in capitals', { 'target.qdrantCloud.provider': 'AWS' }],
  ['a package by id and by size', { 'target.qdrantCloud.package.id': '5d2f6d5e-8a0e-4f6e-9c55-0d9b7a3a1c11' }],
  ['no package', { 'target.qdrantCloud.package': {} }],
  ['a baseline that is no arm', { 'evaluation.baseline': 'gone' }],
  ['a schedule of four fields', { 'corpus.refresh.schedule': '0 3 * *' }],
  ['an arm without embedder', { 'arms[1].embedder': undefined }],
  ['two arms of one name', { 'arms[1].name': 'words' }],
  ['no arms', { arms: [] }],
  ['words in a search by meaning', { 'arms[1].retrieval.sparse': { bm25: {} } }],
  ['fusion of one side', { 'arms[1].retrieval.fusion': { dbsf: {} } }],
  ['fewer candidates than hits', { 'arms[1].retrieval.candidates': 49 }],
  ['two sparse encoders', { 'arms[0].retrieval.sparse.learned': { model: 'm' } }],
  ['a language that is a code', { 'arms[0].retrieval.sparse.bm25.language': 'de-DE' }],
  ['two fusions', { 'arms[2].retrieval.fusion.linear': { dense: 0.5 } }],
  ['two rerankers', { 'arms[2].retrieval.rerank.local': { model: 'm' } }],
  ['no reranker', { 'arms[2].retrieval.rerank.http': undefined }],
  ['a primary metric that is not measured', { 'evaluation.primary': 'mrr@10' }],
  ['a metric that is none', { 'evaluation.metrics': ['ndcg@10', 'f1'] }],
  ['a metric twice', { 'evaluation.metrics': ['ndcg@10', 'map', 'map'] }],
  ['all queries held out', { 'evaluation.split.confirm': 1 }],
  ['a level of 0', { 'evaluation.significance.level': 0 }],
];

const PROMOTIONS: [string, Changes][] = [
  ['an alias that is a path', { alias: 'a/b' }],
  ['two sources', { 'from.sweep': 'a' }],
  ['an arm of nothing', { from: { sweep: 'a', arm: 'b' } }],
  ['an arm alone', { from: { arm: 'b' } }],
  ['a window too short', { 'guard.window': '10s' }],
  ['a previous collection kept beyond reason', { keepPrevious: '99999h' }],
];

/** Every rule of every kind broken at least once, and bounds, types, unknown fields and duplicates besides. */
export const REFUSED: readonly RefusedCase[] = [
  ...SWEEPS.map(([what, changes]): RefusedCase => [`a ${SWEEP.kind} with ${what}`, SWEEP, changes]),
  ...EXPERIMENTS.map(([what, changes]): RefusedCase => [`a ${EXPERIMENT.kind} with ${what}`, EXPERIMENT, changes]),
  ...PROMOTIONS.map(([what, changes]): RefusedCase => [`a ${PROMOTION.kind} with ${what}`, PROMOTION, changes]),
];
