//! Reads of single points and pages of them, and what a collection tells of itself.

use qdrant_edge::{
    CountRequest, PointId, Record, RetrieveRequest, ScrollRequest, WithPayloadInterface, WithVector,
};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::str::FromStr;

use crate::collection::Collection;
use crate::reply::{Answer, ApiError};
use crate::schema::points::*;
use crate::schema::vector::Id;
use crate::strict;
use crate::validate;
use crate::vectors::VectorsOut;

pub const ONE_SHARD: &str = "a collection is one shard";

pub fn ids(ids: Vec<Id>) -> Vec<PointId> {
    ids.into_iter().map(|id| id.0).collect()
}

pub fn retrieve(collection: &Collection, body: RetrievePoints) -> Answer<Vec<RecordOut>> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    let mut seen = HashSet::new();
    let mut point_ids = ids(body.ids);
    point_ids.retain(|id| seen.insert(*id));
    strict::retrieve(collection, point_ids.len())?;
    let request = RetrieveRequest {
        point_ids,
        with_payload: Some(body.with_payload.unwrap_or(true.into())),
        with_vector: Some(body.with_vector.unwrap_or(WithVector::Bool(false))),
    };
    let records = collection.read(|shard| shard.retrieve(request))?;
    Ok(records.into_iter().map(RecordOut).collect())
}

/// An id of a path.
pub fn parse_id(id: &str) -> Answer<PointId> {
    PointId::from_str(id).map_err(|()| {
        ApiError::bad_request(format!(
            "Can not recognize \"{id}\" as point id: must be an unsigned integer or a UUID"
        ))
    })
}

/// `GET /points/{id}`: payload and vectors.
pub fn get(collection: &Collection, id: &str) -> Answer<RecordOut> {
    let id = parse_id(id)?;
    let body = RetrievePoints {
        ids: vec![Id(id)],
        shard_key: Default::default(),
        with_payload: Some(WithPayloadInterface::Bool(true)),
        with_vector: Some(WithVector::Bool(true)),
    };
    let found = retrieve(collection, body)?.pop();
    found.ok_or_else(|| ApiError::not_found(format!("Point with id {id} does not exists!")))
}

#[derive(Serialize)]
pub struct Page {
    points: Vec<RecordOut>,
    next_page_offset: Option<PointId>,
}

pub fn scroll(collection: &Collection, body: ScrollPoints) -> Answer<Page> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    validate::at_least(body.limit, 1, "internal.limit")?;
    if body.order_by.is_some() && body.offset.is_some() {
        return Err(ApiError::bad_request(
            "Cannot use an `offset` when using `order_by`. The alternative for paging is to use \
             `order_by.start_from` and a filter to exclude the IDs that you've already seen for \
             the `order_by.start_from` value",
        ));
    }
    let limit = body.limit.unwrap_or(10);
    strict::scroll(collection, limit, body.filter.as_ref())?;
    let request = ScrollRequest {
        offset: body.offset.map(|id| id.0),
        limit: Some(limit),
        filter: body.filter,
        with_payload: Some(body.with_payload.unwrap_or(true.into())),
        with_vector: body.with_vector.unwrap_or(WithVector::Bool(false)),
        order_by: body.order_by,
    };
    let (records, next_page_offset) = collection.read(|shard| shard.scroll(request))?;
    Ok(Page {
        points: records.into_iter().map(RecordOut).collect(),
        next_page_offset,
    })
}

pub fn count(collection: &Collection, body: CountPoints) -> Answer<usize> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    let exact = body.exact.unwrap_or(true);
    strict::count(collection, body.filter.as_ref(), exact)?;
    let request = CountRequest {
        filter: body.filter,
        exact,
    };
    collection.read(|shard| shard.count(request))
}

pub struct RecordOut(pub Record);

impl Serialize for RecordOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.0.id)?;
        if let Some(payload) = &self.0.payload {
            map.serialize_entry("payload", payload)?;
        }
        if let Some(vector) = &self.0.vector {
            map.serialize_entry("vector", &VectorsOut(vector))?;
        }
        if let Some(value) = &self.0.order_value {
            map.serialize_entry("order_value", value)?;
        }
        map.end()
    }
}

/// `GET /collections/{name}`.
pub fn info(collection: &Collection) -> Answer<Value> {
    let settings = collection.settings();
    let info = collection.read(qdrant_edge::EdgeShard::info)?;
    let progress = collection.progress();
    let status = match progress.status() {
        crate::collection::Status::Green => "green",
        crate::collection::Status::Yellow => "yellow",
        crate::collection::Status::Red => "red",
    };
    let optimizer_status = match &progress.error {
        Some(error) => json!({"error": error}),
        None => json!("ok"),
    };
    drop(progress);
    let schema: Map<String, Value> = info
        .payload_schema
        .into_iter()
        .map(|(field, index)| (field.to_string(), json!(index)))
        .collect();
    Ok(json!({
        "status": status,
        "optimizer_status": optimizer_status,
        "indexed_vectors_count": info.indexed_vectors_count,
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": settings.read_back(),
        "payload_schema": schema,
        "update_queue": {"length": 0},
    }))
}
