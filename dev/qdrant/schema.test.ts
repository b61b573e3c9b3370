import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type Json, put } from './testing/json-text.ts';
import { fieldsOf, openapiTypes } from './testing/openapi-fields.ts';
import { leaves, type Schema } from './testing/schema-walk.ts';
import { startTestEngine, type TestEngine } from './testing/test-engine.ts';

let server: TestEngine;
let schemas: { [name: string]: Schema };

beforeAll(async () => {
  server = await startTestEngine();
  const binary = process.env['QDRANT_BIN'] ?? '';
  schemas = JSON.parse(execFileSync(binary, ['--schema'], { encoding: 'utf8' })) as typeof schemas;
});
afterAll(() => server[Symbol.asyncDispose]());

/** The walks make some hundreds of collections. */
const walkMs = 300_000;

const isClientError = (status: number): boolean => status >= 400 && status < 500;

/** Where `GET /collections/{c}` shows a field of a create body, from `result.config` on. */
function readBackPath(path: string[]): string[] {
  const [first = '', ...rest] = path;
  if (first === 'optimizers_config') return ['optimizer_config', ...rest];
  const inParams = [
    'vectors',
    'sparse_vectors',
    'shard_number',
    'replication_factor',
    'write_consistency_factor',
    'on_disk_payload',
    'payload',
  ];
  return inParams.includes(first) ? ['params', ...path] : path;
}

const config = async (name: string): Promise<Json> =>
  at(await server.result('GET', `/collections/${name}`), ['config']) ?? null;

/** Equal but for the rounding of a 32-bit float. */
const same = (a: Json | undefined, b: Json): boolean =>
  typeof a === 'number' && typeof b === 'number'
    ? Math.fround(a) === Math.fround(b)
    : JSON.stringify(a) === JSON.stringify(b);

const dotted = (path: string[]): string => path.map((step) => (step === '' ? '<default>' : step)).join('.');

describe('a field of a collection body', () => {
  it(
    'is read back as sent after a create, or refused',
    async () => {
      const schema = schemas['CreateCollection'] ?? {};
      const plain: Json = { vectors: { size: 4, distance: 'Dot' } };
      const problems: string[] = [];
      const honoured = new Set<string>();
      for (const leaf of leaves(schema, (path) => (path[0] === 'metadata' ? 'note' : 'v'))) {
        for (const value of leaf.values) {
          const body = put({ ...(plain as object), ...(leaf.base as object) }, leaf.path, value);
          const answer = await server.call('PUT', '/collections/walk', body);
          if (isClientError(answer.status)) continue;
          const found = answer.status === 200 ? at(await config('walk'), readBackPath(leaf.path)) : undefined;
          if (same(found, value) || (leaf.path[0] === 'optimizers_config' && value === 'auto' && found === null))
            honoured.add(dotted(leaf.path));
          else problems.push(`${JSON.stringify(body)}: ${answer.status}, read back ${JSON.stringify(found)}`);
          await server.call('DELETE', '/collections/walk');
        }
      }
      expect(problems).toEqual([]);
      // A server that refused everything would have no problems either.
      expect([...honoured].toSorted()).toMatchInlineSnapshot(`
        [
          "hnsw_config.ef_construct",
          "hnsw_config.full_scan_threshold",
          "hnsw_config.inline_storage",
          "hnsw_config.m",
          "hnsw_config.max_indexing_threads",
          "hnsw_config.memory",
          "hnsw_config.on_disk",
          "hnsw_config.payload_m",
          "metadata",
          "on_disk_payload",
          "optimizers_config.default_segment_number",
          "optimizers_config.deleted_threshold",
          "optimizers_config.flush_interval_sec",
          "optimizers_config.indexing_threshold",
          "optimizers_config.max_optimization_threads",
          "optimizers_config.max_segment_size",
          "optimizers_config.prevent_unoptimized",
          "optimizers_config.vacuum_min_vector_number",
          "payload.memory",
          "quantization_config.binary.always_ram",
          "quantization_config.binary.encoding",
          "quantization_config.binary.memory",
          "quantization_config.binary.query_encoding",
          "quantization_config.product.always_ram",
          "quantization_config.product.compression",
          "quantization_config.product.memory",
          "quantization_config.scalar.always_ram",
          "quantization_config.scalar.memory",
          "quantization_config.scalar.quantile",
          "quantization_config.scalar.type",
          "quantization_config.turbo.always_ram",
          "quantization_config.turbo.bits",
          "quantization_config.turbo.memory",
          "replication_factor",
          "shard_number",
          "sparse_vectors.v.index.datatype",
          "sparse_vectors.v.index.full_scan_threshold",
          "sparse_vectors.v.index.memory",
          "sparse_vectors.v.index.on_disk",
          "sparse_vectors.v.modifier",
          "strict_mode_config.condition_max_size",
          "strict_mode_config.enabled",
          "strict_mode_config.filter_max_conditions",
          "strict_mode_config.max_collection_vector_size_bytes",
          "strict_mode_config.max_payload_index_count",
          "strict_mode_config.max_points_count",
          "strict_mode_config.max_query_limit",
          "strict_mode_config.max_timeout",
          "strict_mode_config.multivector_config.v.max_vectors",
          "strict_mode_config.read_rate_limit",
          "strict_mode_config.search_allow_exact",
          "strict_mode_config.search_max_batchsize",
          "strict_mode_config.search_max_hnsw_ef",
          "strict_mode_config.search_max_oversampling",
          "strict_mode_config.sparse_config.v.max_length",
          "strict_mode_config.unindexed_filtering_retrieve",
          "strict_mode_config.unindexed_filtering_update",
          "strict_mode_config.upsert_max_batchsize",
          "strict_mode_config.write_rate_limit",
          "vectors.datatype",
          "vectors.distance",
          "vectors.hnsw_config.ef_construct",
          "vectors.hnsw_config.full_scan_threshold",
          "vectors.hnsw_config.inline_storage",
          "vectors.hnsw_config.m",
          "vectors.hnsw_config.max_indexing_threads",
          "vectors.hnsw_config.memory",
          "vectors.hnsw_config.on_disk",
          "vectors.hnsw_config.payload_m",
          "vectors.memory",
          "vectors.multivector_config.comparator",
          "vectors.on_disk",
          "vectors.quantization_config.binary.always_ram",
          "vectors.quantization_config.binary.encoding",
          "vectors.quantization_config.binary.memory",
          "vectors.quantization_config.binary.query_encoding",
          "vectors.quantization_config.product.always_ram",
          "vectors.quantization_config.product.compression",
          "vectors.quantization_config.product.memory",
          "vectors.quantization_config.scalar.always_ram",
          "vectors.quantization_config.scalar.memory",
          "vectors.quantization_config.scalar.quantile",
          "vectors.quantization_config.scalar.type",
          "vectors.quantization_config.turbo.always_ram",
          "vectors.quantization_config.turbo.bits",
          "vectors.quantization_config.turbo.memory",
          "vectors.size",
          "vectors.v.datatype",
          "vectors.v.distance",
          "vectors.v.hnsw_config.ef_construct",
          "vectors.v.hnsw_config.full_scan_threshold",
          "vectors.v.hnsw_config.inline_storage",
          "vectors.v.hnsw_config.m",
          "vectors.v.hnsw_config.max_indexing_threads",
          "vectors.v.hnsw_config.memory",
          "vectors.v.hnsw_config.on_disk",
          "vectors.v.hnsw_config.payload_m",
          "vectors.v.memory",
          "vectors.v.multivector_config.comparator",
          "vectors.v.on_disk",
          "vectors.v.quantization_config.binary.always_ram",
          "vectors.v.quantization_config.binary.encoding",
          "vectors.v.quantization_config.binary.memory",
          "vectors.v.quantization_config.binary.query_encoding",
          "vectors.v.quantization_config.product.always_ram",
          "vectors.v.quantization_config.product.compression",
          "vectors.v.quantization_config.product.memory",
          "vectors.v.quantization_config.scalar.always_ram",
          "vectors.v.quantization_config.scalar.memory",
          "vectors.v.quantization_config.scalar.quantile",
          "vectors.v.quantization_config.scalar.type",
          "vectors.v.quantization_config.turbo.always_ram",
          "vectors.v.quantization_config.turbo.bits",
          "vectors.v.quantization_config.turbo.memory",
          "vectors.v.size",
          "wal_config.wal_capacity_mb",
          "wal_config.wal_retain_closed",
          "wal_config.wal_segments_ahead",
          "write_consistency_factor",
        ]
      `);
    },
    walkMs,
  );

  it(
    'is read back as sent after a PATCH, or refused',
    async () => {
      const schema = schemas['UpdateCollection'] ?? {};
      const problems: string[] = [];
      const honoured = new Set<string>();
      const at0: Json = { vectors: { size: 4, distance: 'Dot' }, sparse_vectors: { s: {} } };
      const keys: { [field: string]: string } = { metadata: 'note', vectors: '' };
      for (const leaf of leaves(schema, (path) => keys[path[0] ?? ''] ?? 's')) {
        await server.call('DELETE', '/collections/walk');
        await server.result('PUT', '/collections/walk', at0);
        for (const value of leaf.values) {
          const body = put(leaf.base, leaf.path, value);
          const before = await config('walk');
          const answer = await server.call('PATCH', '/collections/walk', body);
          const after = await config('walk');
          if (isClientError(answer.status)) {
            if (JSON.stringify(after) !== JSON.stringify(before))
              problems.push(`${JSON.stringify(body)}: refused, but applied`);
            continue;
          }
          // A PATCH names the default vector "", the read-back leaves the name out.
          const path = readBackPath(leaf.path).filter((step) => step !== '');
          const found = answer.status === 200 ? at(after, path) : undefined;
          const expected = value === 'Disabled' || value === 'auto' ? null : value;
          if (same(found ?? null, expected)) honoured.add(dotted(leaf.path));
          else problems.push(`${JSON.stringify(body)}: ${answer.status}, read back ${JSON.stringify(found)}`);
        }
      }
      expect(problems).toEqual([]);
      expect([...honoured].toSorted()).toMatchInlineSnapshot(`
        [
          "hnsw_config.ef_construct",
          "hnsw_config.full_scan_threshold",
          "hnsw_config.inline_storage",
          "hnsw_config.m",
          "hnsw_config.max_indexing_threads",
          "hnsw_config.memory",
          "hnsw_config.on_disk",
          "hnsw_config.payload_m",
          "metadata",
          "optimizers_config.default_segment_number",
          "optimizers_config.deleted_threshold",
          "optimizers_config.flush_interval_sec",
          "optimizers_config.indexing_threshold",
          "optimizers_config.max_optimization_threads",
          "optimizers_config.max_segment_size",
          "optimizers_config.prevent_unoptimized",
          "optimizers_config.vacuum_min_vector_number",
          "params.on_disk_payload",
          "params.payload.memory",
          "params.replication_factor",
          "params.write_consistency_factor",
          "quantization_config",
          "quantization_config.binary.always_ram",
          "quantization_config.binary.encoding",
          "quantization_config.binary.memory",
          "quantization_config.binary.query_encoding",
          "quantization_config.product.always_ram",
          "quantization_config.product.compression",
          "quantization_config.product.memory",
          "quantization_config.scalar.always_ram",
          "quantization_config.scalar.memory",
          "quantization_config.scalar.quantile",
          "quantization_config.scalar.type",
          "quantization_config.turbo.always_ram",
          "quantization_config.turbo.bits",
          "quantization_config.turbo.memory",
          "sparse_vectors.s.index.full_scan_threshold",
          "sparse_vectors.s.index.memory",
          "sparse_vectors.s.index.on_disk",
          "strict_mode_config.condition_max_size",
          "strict_mode_config.enabled",
          "strict_mode_config.filter_max_conditions",
          "strict_mode_config.max_payload_index_count",
          "strict_mode_config.max_points_count",
          "strict_mode_config.max_query_limit",
          "strict_mode_config.max_timeout",
          "strict_mode_config.multivector_config.s.max_vectors",
          "strict_mode_config.read_rate_limit",
          "strict_mode_config.search_allow_exact",
          "strict_mode_config.search_max_batchsize",
          "strict_mode_config.search_max_hnsw_ef",
          "strict_mode_config.search_max_oversampling",
          "strict_mode_config.sparse_config.s.max_length",
          "strict_mode_config.unindexed_filtering_retrieve",
          "strict_mode_config.unindexed_filtering_update",
          "strict_mode_config.upsert_max_batchsize",
          "strict_mode_config.write_rate_limit",
          "vectors.<default>.hnsw_config.ef_construct",
          "vectors.<default>.hnsw_config.full_scan_threshold",
          "vectors.<default>.hnsw_config.inline_storage",
          "vectors.<default>.hnsw_config.m",
          "vectors.<default>.hnsw_config.max_indexing_threads",
          "vectors.<default>.hnsw_config.memory",
          "vectors.<default>.hnsw_config.on_disk",
          "vectors.<default>.hnsw_config.payload_m",
          "vectors.<default>.memory",
          "vectors.<default>.on_disk",
          "vectors.<default>.quantization_config",
          "vectors.<default>.quantization_config.binary.always_ram",
          "vectors.<default>.quantization_config.binary.encoding",
          "vectors.<default>.quantization_config.binary.memory",
          "vectors.<default>.quantization_config.binary.query_encoding",
          "vectors.<default>.quantization_config.product.always_ram",
          "vectors.<default>.quantization_config.product.compression",
          "vectors.<default>.quantization_config.product.memory",
          "vectors.<default>.quantization_config.scalar.always_ram",
          "vectors.<default>.quantization_config.scalar.memory",
          "vectors.<default>.quantization_config.scalar.quantile",
          "vectors.<default>.quantization_config.scalar.type",
          "vectors.<default>.quantization_config.turbo.always_ram",
          "vectors.<default>.quantization_config.turbo.bits",
          "vectors.<default>.quantization_config.turbo.memory",
        ]
      `);
    },
    walkMs,
  );

  it('is refused when nobody knows it', async () => {
    const unknown = { no_such_field: 1 };
    const vectors = { size: 4, distance: 'Dot' };
    for (const body of [
      { vectors, ...unknown },
      { vectors: { ...vectors, ...unknown } },
      { vectors, hnsw_config: unknown },
      { vectors, optimizers_config: unknown },
      { vectors, quantization_config: { scalar: { type: 'int8', ...unknown } } },
    ]) {
      expect(await server.call('PUT', '/collections/unknown', body)).toMatchObject({ status: 400 });
    }
  });
});

describe("Qdrant's own list of fields", () => {
  const types = openapiTypes();
  const vectors = { size: 4, distance: 'Dot' };
  const query = { query: [1, 0, 0, 0], limit: 1 };
  const fused = { prefetch: query, query: { fusion: 'rrf' } };
  const grouped = { query: query.query, group_by: 'a' };
  const point = { id: 1, vector: query.query };
  /** OpenAPI schema, our schema that reads it, and how to send a field of it. */
  const cases: [string, string, (field: Json) => [string, string, Json]][] = [
    ['CreateCollection', 'CreateCollection', (field) => ['PUT', '', { vectors, ...(field as object) }]],
    ['VectorParams', 'CreateCollection', (field) => ['PUT', '', { vectors: { ...vectors, ...(field as object) } }]],
    ['HnswConfigDiff', 'CreateCollection', (field) => ['PUT', '', { vectors, hnsw_config: field }]],
    ['OptimizersConfigDiff', 'CreateCollection', (field) => ['PUT', '', { vectors, optimizers_config: field }]],
    ['WalConfigDiff', 'CreateCollection', (field) => ['PUT', '', { vectors, wal_config: field }]],
    ['UpdateCollection', 'UpdateCollection', (field) => ['PATCH', '', field]],
    ['CollectionParamsDiff', 'UpdateCollection', (field) => ['PATCH', '', { params: field }]],
    ['VectorParamsDiff', 'UpdateCollection', (field) => ['PATCH', '', { vectors: { '': field } }]],
    ['QueryRequest', 'Query', (field) => ['POST', '/points/query', { ...query, ...(field as object) }]],
    ['SearchParams', 'Query', (field) => ['POST', '/points/query', { ...query, params: field }]],
    [
      'QuantizationSearchParams',
      'Query',
      (field) => ['POST', '/points/query', { ...query, params: { quantization: field } }],
    ],
    ['AcornSearchParams', 'Query', (field) => ['POST', '/points/query', { ...query, params: { acorn: field } }]],
    [
      'PointsList',
      'UpsertPoints',
      (field) => ['PUT', '/points', { points: [{ id: 1, vector: [1, 0, 0, 0] }], ...(field as object) }],
    ],
    [
      'Prefetch',
      'Query',
      (field) => ['POST', '/points/query', { ...fused, prefetch: { ...query, ...(field as object) } }],
    ],
    [
      'LookupLocation',
      'Query',
      (field) => ['POST', '/points/query', { ...query, lookup_from: { collection: 'fields', ...(field as object) } }],
    ],
    ['Rrf', 'Query', (field) => ['POST', '/points/query', { ...fused, query: { rrf: field } }]],
    ['Mmr', 'Query', (field) => ['POST', '/points/query', { query: { nearest: query.query, mmr: field } }]],
    ['RecommendInput', 'Query', (field) => ['POST', '/points/query', { query: { recommend: field } }]],
    [
      'DiscoverInput',
      'Query',
      (field) => ['POST', '/points/query', { query: { discover: { target: 1, ...(field as object) } } }],
    ],
    [
      'QueryGroupsRequest',
      'QueryGroups',
      (field) => ['POST', '/points/query/groups', { ...grouped, ...(field as object) }],
    ],
    [
      'WithLookup',
      'QueryGroups',
      (field) => [
        'POST',
        '/points/query/groups',
        { ...grouped, with_lookup: { collection: 'fields', ...(field as object) } },
      ],
    ],
    ['FacetRequest', 'Facet', (field) => ['POST', '/facet', { key: 'a', ...(field as object) }]],
    ['SearchMatrixRequest', 'SearchMatrix', (field) => ['POST', '/points/search/matrix/pairs', field]],
    [
      'SetPayload',
      'SetPayload',
      (field) => ['POST', '/points/payload', { payload: {}, points: [1], ...(field as object) }],
    ],
    [
      'DeletePayload',
      'DeletePayload',
      (field) => ['POST', '/points/payload/delete', { keys: ['a'], points: [1], ...(field as object) }],
    ],
    [
      'UpdateVectors',
      'UpdateVectors',
      (field) => ['PUT', '/points/vectors', { points: [point], ...(field as object) }],
    ],
    [
      'DeleteVectors',
      'DeleteVectors',
      (field) => ['POST', '/points/vectors/delete', { vector: [''], points: [1], ...(field as object) }],
    ],
    ['SparseVectorParams', 'CreateCollection', (field) => ['PUT', '', { vectors, sparse_vectors: { s: field } }]],
    [
      'SparseIndexParams',
      'CreateCollection',
      (field) => ['PUT', '', { vectors, sparse_vectors: { s: { index: field } } }],
    ],
    ['StrictModeConfig', 'CreateCollection', (field) => ['PUT', '', { vectors, strict_mode_config: field }]],
    ['ScrollRequest', 'ScrollPoints', (field) => ['POST', '/points/scroll', field]],
    ['CountRequest', 'CountPoints', (field) => ['POST', '/points/count', field]],
    ['PointRequest', 'RetrievePoints', (field) => ['POST', '/points', { ids: [1], ...(field as object) }]],
  ];

  it.each(cases)('%s: a field we do not know is refused', async (name, ours, request) => {
    const schema = schemas[ours] ?? {};
    const objects = [schema, ...Object.values(schema.definitions ?? {})];
    const known = new Set(objects.flatMap((object) => Object.keys(object.properties ?? {})));
    const fields = fieldsOf(types, name);
    expect(fields.length).toBeGreaterThan(1);
    for (const field of fields.filter((candidate) => !known.has(candidate))) {
      const [method, path, body] = request({ [field]: 1 });
      expect([field, (await server.call(method, `/collections/fields${path}`, body)).status]).toEqual([field, 400]);
    }
    // And those we name only to refuse them are refused.
    for (const [field, property] of objects.flatMap((object) => Object.entries(object.properties ?? {}))) {
      const isUnsupported = JSON.stringify(property).includes('#/definitions/Unsupported');
      if (!isUnsupported || !fields.includes(field)) continue;
      const [method, path, body] = request({ [field]: 1 });
      await server.call('PUT', '/collections/fields', { vectors });
      const answer = await server.call(
        method,
        `/collections/${method === 'PUT' && path === '' ? 'other' : 'fields'}${path}`,
        body,
      );
      expect([field, answer.status]).toEqual([field, 400]);
      expect(JSON.stringify(answer.body)).toContain('not supported');
    }
  });
});
