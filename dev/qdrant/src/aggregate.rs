//! `facet` and `search/matrix`: answers about many points at once.

use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{
    EdgeShardRead, FacetRequest, FacetValue, PointId, SearchMatrixRequest, SearchMatrixResponse,
};
use serde_json::{Value, json};
use std::collections::HashMap;

use crate::collection::Collection;
use crate::points::ONE_SHARD;
use crate::reply::{Answer, ApiError};
use crate::schema::query::{Facet, SearchMatrix};
use crate::strict;
use crate::validate;
use crate::vectors::Space;
use crate::writes::json_path;

/// How many points have each value of an indexed field, most frequent first.
pub fn facet(collection: &Collection, body: Facet) -> Answer<Value> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    validate::at_least(body.limit, 1, "limit")?;
    strict::facet(collection, &body)?;
    let mut request = FacetRequest::new(json_path(&body.key)?);
    request.limit = body.limit.unwrap_or(request.limit);
    request.filter = body.filter;
    request.exact = body.exact.unwrap_or(false);
    let found = collection.read(|shard| shard.facet(request))?;
    let hits: Vec<Value> = found
        .hits
        .into_iter()
        .map(|hit| {
            let value = match hit.value {
                FacetValue::Keyword(text) => json!(text),
                FacetValue::Int(number) => json!(number),
                FacetValue::Uuid(bits) => json!(Uuid::from_u128(bits).to_string()),
                FacetValue::Bool(bool) => json!(bool),
            };
            json!({"value": value, "count": hit.count})
        })
        .collect();
    Ok(json!({"hits": hits}))
}

const SAMPLE: usize = 10;
const PER_SAMPLE: usize = 3;

fn matrix(collection: &Collection, body: SearchMatrix) -> Answer<SearchMatrixResponse> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    validate::at_least(body.sample, 2, "sample")?;
    validate::at_least(body.limit, 1, "limit")?;
    let using = body.using.clone().unwrap_or_default();
    Space::of(&collection.settings(), &using)?;
    strict::matrix(collection, &body)?;
    let sample = body.sample.unwrap_or(SAMPLE);
    let limit = body.limit.unwrap_or(PER_SAMPLE);
    let mut request = SearchMatrixRequest::new(sample, limit, using);
    request.filter = body.filter;
    collection.read(|shard| shard.search_matrix(request))
}

pub fn matrix_pairs(collection: &Collection, body: SearchMatrix) -> Answer<Value> {
    let found = matrix(collection, body)?;
    let pairs: Vec<Value> = found
        .sample_ids
        .iter()
        .zip(&found.nearests)
        .flat_map(|(a, near)| {
            near.iter()
                .map(move |b| json!({"a": a, "b": b.id, "score": b.score}))
        })
        .collect();
    Ok(json!({"pairs": pairs}))
}

pub fn matrix_offsets(collection: &Collection, body: SearchMatrix) -> Answer<Value> {
    let found = matrix(collection, body)?;
    let places: HashMap<PointId, usize> = found
        .sample_ids
        .iter()
        .enumerate()
        .map(|(place, id)| (*id, place))
        .collect();
    let (mut rows, mut columns, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for (row, near) in found.nearests.iter().enumerate() {
        for point in near {
            let column = places
                .get(&point.id)
                .ok_or_else(|| ApiError::internal("a neighbour outside the sample"))?;
            rows.push(row);
            columns.push(*column);
            scores.push(point.score);
        }
    }
    Ok(json!({
        "offsets_row": rows,
        "offsets_col": columns,
        "scores": scores,
        "ids": found.sample_ids,
    }))
}
