//! `points/query/groups` and its older form `points/search/groups`.

use qdrant_edge::{
    EdgeShardRead, Group, GroupRequest, PointId, RetrieveRequest, WithPayloadInterface, WithVector,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::str::FromStr;

use crate::collection::Collection;
use crate::plan::Planner;
use crate::points::RecordOut;
use crate::query::{Hit, hide_vectors, shown_vectors};
use crate::reply::{Answer, ApiError};
use crate::schema::query::*;
use crate::store::Store;
use crate::strict;
use crate::validate;
use crate::writes::json_path;

#[derive(Serialize)]
pub struct Groups {
    groups: Vec<GroupOut>,
}

#[derive(Serialize)]
struct GroupOut {
    hits: Vec<Hit>,
    id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    lookup: Option<RecordOut>,
}

const GROUPS: usize = 10;
const GROUP_SIZE: usize = 3;

pub fn query_groups(store: &Store, collection: &Collection, body: QueryGroups) -> Answer<Groups> {
    validate::at_least(body.limit, 1, "internal.limit")?;
    validate::at_least(body.group_size, 1, "internal.group_size")?;
    let groups = body.limit.unwrap_or(GROUPS);
    let group_size = body.group_size.unwrap_or(GROUP_SIZE);
    let group_by = json_path(&body.group_by)?;
    let hits = groups.checked_mul(group_size).ok_or_else(|| {
        ApiError::invalid("internal.limit", "limit times group_size is too large")
    })?;
    let query = Query {
        shard_key: body.shard_key,
        prefetch: body.prefetch,
        query: body.query,
        using: body.using,
        filter: body.filter,
        params: body.params,
        score_threshold: body.score_threshold,
        limit: Some(hits),
        offset: None,
        with_vector: body.with_vector,
        with_payload: body.with_payload,
        lookup_from: body.lookup_from,
    };
    strict::groups(collection, &query, &group_by)?;
    let request = Planner::new(store, collection).query(query, "internal")?;
    strict::read_rate(collection, [&request])?;
    let shown = shown_vectors(&request);
    let request = GroupRequest::new(request, group_by, groups, group_size);
    let mut found: Vec<Group> = collection.read(|shard| shard.query_groups(request))?;
    if let Some(shown) = shown {
        let hits = found.iter_mut().flat_map(|group| &mut group.hits);
        hits.for_each(|hit| hide_vectors(hit, &shown));
    }
    let keys: Vec<Value> = found
        .iter()
        .map(|group| serde_json::to_value(&group.key).map_err(ApiError::internal))
        .collect::<Answer<_>>()?;
    let mut lookups = match body.with_lookup {
        Some(lookup) => looked_up(store, lookup, &keys)?,
        None => HashMap::new(),
    };
    let groups = found
        .into_iter()
        .zip(keys)
        .map(|(group, id)| GroupOut {
            hits: group.hits.into_iter().map(Hit).collect(),
            lookup: point_id(&id).and_then(|id| lookups.remove(&id)),
            id,
        })
        .collect();
    Ok(Groups { groups })
}

pub fn search_groups(store: &Store, collection: &Collection, body: SearchGroups) -> Answer<Groups> {
    let (input, using) = body.vector.parts();
    let query = QueryGroups {
        shard_key: body.shard_key,
        prefetch: Prefetches::default(),
        query: Some(input),
        using,
        filter: body.filter,
        params: body.params,
        score_threshold: body.score_threshold,
        with_vector: body.with_vector,
        with_payload: body.with_payload,
        lookup_from: None,
        group_by: body.group_by,
        group_size: Some(body.group_size),
        limit: Some(body.limit),
        with_lookup: body.with_lookup,
    };
    query_groups(store, collection, query)
}

/// A group's key as the id of a point, if it is one.
fn point_id(key: &Value) -> Option<PointId> {
    match key {
        Value::Number(number) => number.as_u64().map(PointId::NumId),
        Value::String(text) => match PointId::from_str(text) {
            Ok(id @ PointId::Uuid(_)) => Some(id),
            _ => None,
        },
        _ => None,
    }
}

fn looked_up(
    store: &Store,
    lookup: WithLookup,
    keys: &[Value],
) -> Answer<HashMap<PointId, RecordOut>> {
    let (name, with_payload, with_vector) = match lookup {
        WithLookup::Collection(name) => (name, None, None),
        WithLookup::Selected(selected) => (
            selected.collection,
            selected.with_payload,
            selected.with_vectors,
        ),
    };
    let request = RetrieveRequest {
        point_ids: keys.iter().filter_map(point_id).collect(),
        with_payload: Some(with_payload.unwrap_or(WithPayloadInterface::Bool(true))),
        with_vector: Some(with_vector.unwrap_or(WithVector::Bool(false))),
    };
    let records = store.get(&name)?.read(|shard| shard.retrieve(request))?;
    Ok(records
        .into_iter()
        .map(|record| (record.id, RecordOut(record)))
        .collect())
}
