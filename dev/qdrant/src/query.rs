//! `points/query` and `points/query/batch`: nearest neighbours of a vector or of a point.

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    AcornSearchParams, NamedQuery, PointId, QuantizationSearchParams, QueryBatchRequest, QueryEnum,
    QueryRequest, RetrieveRequest, ScoredPoint, ScoringQuery, SearchParams, VectorInternal,
    WithPayloadInterface, WithVector,
};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::collection::Collection;
use crate::points::{VectorOut, all_but, vector_of};
use crate::reply::{Answer, ApiError};
use crate::schema::points::{Params, Query, QueryBatch, QueryInput};
use crate::validate;

#[derive(Serialize)]
pub struct Hits {
    points: Vec<Hit>,
}

impl Query {
    /// Whether the search may scan a whole segment, or answer for many queries.
    pub fn is_heavy(&self) -> bool {
        self.filter.is_some() || self.params.as_ref().is_some_and(|p| p.exact == Some(true))
    }
}

pub fn query(collection: &Collection, query: Query) -> Answer<Hits> {
    let request = plan(collection, query, "internal")?;
    let points = collection.read(|shard| shard.query(request))?;
    Ok(hits(points))
}

pub fn query_batch(collection: &Collection, batch: QueryBatch) -> Answer<Vec<Hits>> {
    let queries = batch
        .searches
        .into_iter()
        .enumerate()
        .map(|(i, query)| plan(collection, query, &format!("searches[{i}].internal")))
        .collect::<Answer<Vec<_>>>()?;
    let results = collection.read(|shard| shard.query_batch(QueryBatchRequest { queries }))?;
    Ok(results.into_iter().map(hits).collect())
}

fn hits(points: Vec<ScoredPoint>) -> Hits {
    Hits {
        points: points.into_iter().map(Hit).collect(),
    }
}

fn plan(collection: &Collection, body: Query, path: &str) -> Answer<QueryRequest> {
    validate::refuse(body.shard_key, "shard_key", "a collection is one shard")?;
    validate::refuse(
        body.prefetch,
        "prefetch",
        "it serves nearest-neighbour queries only",
    )?;
    validate::refuse(
        body.lookup_from,
        "lookup_from",
        "it takes vectors from the searched collection only",
    )?;
    validate::at_least(body.limit, 1, &format!("{path}.limit"))?;
    let mut filter = body.filter;
    let using = body.using.unwrap_or_default();
    let vector = match body.query {
        Some(QueryInput::Vector(vector)) => Some(vector),
        Some(QueryInput::Id(id)) => {
            let vector = vector_by_id(collection, id, &using)?;
            filter = Some(all_but(id, filter));
            Some(vector)
        }
        Some(QueryInput::Other(kind)) => {
            return Err(ApiError::unsupported(
                format!("a `{kind}` query"),
                "it serves nearest-neighbour queries only: a vector, a point id, or \
                 {\"nearest\": …}",
            ));
        }
        None => None,
    };
    let query = vector.map(|vector| {
        ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery {
            query: VectorInternal::Dense(vector),
            using: Some(using),
        }))
    });
    Ok(QueryRequest {
        prefetches: Vec::new(),
        query,
        filter,
        score_threshold: body.score_threshold,
        limit: body.limit.unwrap_or(10),
        offset: body.offset.unwrap_or(0),
        params: body.params.map(|p| params(p, path)).transpose()?,
        with_vector: body.with_vector.unwrap_or(WithVector::Bool(false)),
        with_payload: body
            .with_payload
            .unwrap_or(WithPayloadInterface::Bool(false)),
    })
}

fn vector_by_id(collection: &Collection, id: PointId, using: &str) -> Answer<Vec<f32>> {
    let request = RetrieveRequest {
        point_ids: vec![id],
        with_payload: Some(WithPayloadInterface::Bool(false)),
        with_vector: Some(WithVector::Bool(true)),
    };
    let records = collection.read(|shard| shard.retrieve(request))?;
    let record = records
        .first()
        .ok_or_else(|| ApiError::not_found(format!("No point with id {id} found")))?;
    vector_of(record, using)
        .ok_or_else(|| ApiError::wrong_input(format!("Point {id} has no vector `{using}`")))
}

fn params(params: Params, path: &str) -> Answer<SearchParams> {
    let path = |field: &str| format!("{path}.params.{field}");
    validate::refuse(
        params.idf,
        "params.idf",
        "it weighs sparse vectors only, which are not served",
    )?;
    validate::at_least(params.hnsw_ef, 1, &path("hnsw_ef"))?;
    let oversampling = params.quantization.as_ref().and_then(|q| q.oversampling);
    validate::at_least(oversampling, 1.0, &path("quantization.oversampling"))?;
    if let Some(share) = params.acorn.as_ref().and_then(|a| a.max_selectivity) {
        validate::between(share, 0.0, 1.0, &path("acorn.max_selectivity"))?;
    }
    Ok(SearchParams {
        hnsw_ef: params.hnsw_ef,
        exact: params.exact.unwrap_or(false),
        quantization: params
            .quantization
            .map(|quantization| QuantizationSearchParams {
                ignore: quantization.ignore.unwrap_or(false),
                rescore: quantization.rescore,
                oversampling: quantization.oversampling,
            }),
        indexed_only: params.indexed_only.unwrap_or(false),
        acorn: params.acorn.map(|acorn| AcornSearchParams {
            enable: acorn.enable.unwrap_or(false),
            max_selectivity: acorn.max_selectivity.map(OrderedFloat),
        }),
        idf: None,
    })
}

struct Hit(ScoredPoint);

impl Serialize for Hit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let point = &self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &point.id)?;
        map.serialize_entry("version", &point.version)?;
        map.serialize_entry("score", &point.score)?;
        if let Some(payload) = &point.payload {
            map.serialize_entry("payload", payload)?;
        }
        if let Some(vector) = &point.vector {
            map.serialize_entry("vector", &VectorOut(vector))?;
        }
        map.end()
    }
}
