//! Point reads and writes: from the request bodies to the engine's requests and back.

use qdrant_edge::{
    ConditionalInsertOperation, CountRequest, CreateIndex, FieldIndexOperations, Filter, JsonPath,
    Payload, PointId, PointInsertOperations, PointOperations, PointStructPersisted, Record,
    RetrieveRequest, ScrollRequest, UpdateOperation, VectorInternal, VectorPersisted,
    VectorStructInternal, VectorStructPersisted, WithPayloadInterface, WithVector,
};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use crate::collection::Collection;
use crate::reply::{Answer, ApiError};
use crate::schema::points::*;
use crate::settings::Settings;
use crate::validate;

const ONE_SHARD: &str = "a collection is one shard";

/// Result of a write: its number, and whether the client may rely on seeing it.
pub fn written(number: u64, wait: bool) -> Value {
    // The write is applied either way; without `wait` the client only asked to have it recorded.
    let status = if wait { "completed" } else { "acknowledged" };
    json!({"operation_id": number, "status": status})
}

pub fn upsert(collection: &Collection, body: UpsertPoints) -> Answer<u64> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    let points = match (body.points, body.batch) {
        (Some(points), None) => points.into_iter().map(point).collect(),
        (None, Some(batch)) => batch_points(batch)?,
        _ => {
            return Err(ApiError::format(
                "data did not match any variant of untagged enum PointInsertOperations: give \
                 either `points` or `batch`",
            ));
        }
    };
    if points.is_empty() {
        return Err(ApiError::bad_request("Empty update request"));
    }
    let settings = collection.settings();
    let sizes = settings.vectors();
    for point in &points {
        check_vectors(point, &sizes)?;
    }
    let points = PointInsertOperations::PointsList(points);
    let operation = if body.update_filter.is_none() && body.update_mode.is_none() {
        PointOperations::UpsertPoints(points)
    } else {
        PointOperations::UpsertPointsConditional(ConditionalInsertOperation {
            points_op: points,
            condition: body.update_filter.unwrap_or_default(),
            update_mode: body.update_mode,
        })
    };
    collection.update(UpdateOperation::PointOperation(operation))
}

fn point(point: PointStruct) -> PointStructPersisted {
    let vector = match point.vector {
        VectorInput::Default(vector) => VectorStructPersisted::Single(vector),
        VectorInput::Named(named) => VectorStructPersisted::Named(
            named
                .into_iter()
                .map(|(name, vector)| (name, VectorPersisted::Dense(vector)))
                .collect(),
        ),
    };
    PointStructPersisted {
        id: point.id.0,
        vector,
        payload: point.payload.map(Payload),
    }
}

fn batch_points(batch: Batch) -> Answer<Vec<PointStructPersisted>> {
    let count = batch.ids.len();
    let same = |name: &str, length: usize| {
        if length == count {
            return Ok(());
        }
        Err(ApiError::bad_request(format!(
            "batch.{name} has {length} entries for {count} ids, must have one for each"
        )))
    };
    let mut vectors: Vec<VectorInput> = match batch.vectors {
        BatchVectors::Default(vectors) => {
            same("vectors", vectors.len())?;
            vectors.into_iter().map(VectorInput::Default).collect()
        }
        BatchVectors::Named(named) => {
            let mut rows: Vec<HashMap<String, Vec<f32>>> = vec![HashMap::new(); count];
            for (name, column) in named {
                same(&format!("vectors.{name}"), column.len())?;
                for (row, vector) in rows.iter_mut().zip(column) {
                    row.insert(name.clone(), vector);
                }
            }
            rows.into_iter().map(VectorInput::Named).collect()
        }
    };
    let mut payloads = match batch.payloads {
        Some(payloads) => {
            same("payloads", payloads.len())?;
            payloads
        }
        None => vec![None; count],
    };
    Ok(batch
        .ids
        .into_iter()
        .zip(vectors.drain(..))
        .zip(payloads.drain(..))
        .map(|((id, vector), payload)| {
            point(PointStruct {
                id,
                vector,
                payload,
            })
        })
        .collect())
}

type Vectors<'a> = std::collections::BTreeMap<&'a str, &'a crate::schema::collection::VectorParams>;

/// Refuses the whole request before the engine has stored the half of it.
fn check_vectors(point: &PointStructPersisted, vectors: &Vectors) -> Answer<()> {
    let check = |name: &str, received: usize| {
        let params = vectors.get(name).ok_or_else(|| {
            ApiError::wrong_input(format!("Not existing vector name error: {name}"))
        })?;
        if params.size as usize == received {
            return Ok(());
        }
        Err(ApiError::wrong_input(format!(
            "Vector dimension error: expected dim: {}, got {received}",
            params.size
        )))
    };
    match &point.vector {
        VectorStructPersisted::Single(vector) => check("", vector.len()),
        VectorStructPersisted::Named(named) => {
            named.iter().try_for_each(|(name, vector)| match vector {
                VectorPersisted::Dense(vector) => check(name, vector.len()),
                _ => Err(ApiError::unsupported(
                    format!("vector `{name}`"),
                    "only dense vectors are served",
                )),
            })
        }
        VectorStructPersisted::MultiDense(_) => Err(ApiError::unsupported(
            "a multivector",
            "only dense vectors are served",
        )),
    }
}

pub fn delete(collection: &Collection, selector: PointsSelector) -> Answer<u64> {
    let (shard_key, operation) = match selector {
        PointsSelector::Ids(list) => (
            list.shard_key,
            PointOperations::DeletePoints {
                ids: ids(list.points),
            },
        ),
        PointsSelector::Filter(selector) => (
            selector.shard_key,
            PointOperations::DeletePointsByFilter(selector.filter),
        ),
    };
    validate::refuse(shard_key, "shard_key", ONE_SHARD)?;
    if matches!(&operation, PointOperations::DeletePoints { ids } if ids.is_empty()) {
        return Err(ApiError::bad_request("Empty update request"));
    }
    collection.update(UpdateOperation::PointOperation(operation))
}

pub fn ids(ids: Vec<Id>) -> Vec<PointId> {
    ids.into_iter().map(|id| id.0).collect()
}

pub fn retrieve(collection: &Collection, body: RetrievePoints) -> Answer<Vec<RecordOut>> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    let mut seen = HashSet::new();
    let mut point_ids = ids(body.ids);
    point_ids.retain(|id| seen.insert(*id));
    let request = RetrieveRequest {
        point_ids,
        with_payload: Some(body.with_payload.unwrap_or(true.into())),
        with_vector: Some(body.with_vector.unwrap_or(WithVector::Bool(false))),
    };
    let records = collection.read(|shard| shard.retrieve(request))?;
    Ok(records.into_iter().map(RecordOut).collect())
}

/// `GET /points/{id}`: payload and vectors.
pub fn get(collection: &Collection, id: &str) -> Answer<RecordOut> {
    let id = PointId::from_str(id).map_err(|()| {
        ApiError::bad_request(format!(
            "Can not recognize \"{id}\" as point id: must be an unsigned integer or a UUID"
        ))
    })?;
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
    validate::refuse(body.order_by, "order_by", "it scrolls by id only")?;
    validate::at_least(body.limit, 1, "internal.limit")?;
    let request = ScrollRequest {
        offset: body.offset.map(|id| id.0),
        limit: Some(body.limit.unwrap_or(10)),
        filter: body.filter,
        with_payload: Some(body.with_payload.unwrap_or(true.into())),
        with_vector: body.with_vector.unwrap_or(WithVector::Bool(false)),
        order_by: None,
    };
    let (records, next_page_offset) = collection.read(|shard| shard.scroll(request))?;
    Ok(Page {
        points: records.into_iter().map(RecordOut).collect(),
        next_page_offset,
    })
}

pub fn count(collection: &Collection, body: CountPoints) -> Answer<usize> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    let request = CountRequest {
        filter: body.filter,
        exact: body.exact.unwrap_or(true),
    };
    collection.read(|shard| shard.count(request))
}

fn json_path(name: &str) -> Answer<JsonPath> {
    JsonPath::from_str(name)
        .map_err(|()| ApiError::bad_request(format!("`{name}` is not a payload field path")))
}

pub fn create_index(collection: &Collection, body: CreateFieldIndex) -> Answer<u64> {
    let field_name = json_path(&body.field_name)?;
    let Some(schema) = body.field_schema else {
        return Err(ApiError::unsupported(
            "an index without `field_schema`",
            "it does not infer the type: give one, as \"keyword\"",
        ));
    };
    collection.update(UpdateOperation::FieldIndexOperation(
        FieldIndexOperations::CreateIndex(CreateIndex {
            field_name,
            field_schema: Some(schema),
        }),
    ))
}

pub fn delete_index(collection: &Collection, field: &str) -> Answer<u64> {
    let operation = FieldIndexOperations::DeleteIndex(json_path(field)?);
    collection.update(UpdateOperation::FieldIndexOperation(operation))
}

/// The default vector of a collection is named "".
pub fn vector_of(record: &Record, using: &str) -> Option<Vec<f32>> {
    let vector = match record.vector.as_ref()? {
        VectorStructInternal::Single(vector) if using.is_empty() => return Some(vector.clone()),
        VectorStructInternal::Named(named) => named.get(using)?,
        _ => return None,
    };
    match vector {
        VectorInternal::Dense(vector) => Some(vector.clone()),
        _ => None,
    }
}

/// A filter that leaves the point itself out, as a query by its id does.
pub fn all_but(id: PointId, filter: Option<Filter>) -> Filter {
    let itself: HashSet<PointId> = HashSet::from([id]);
    let itself = qdrant_edge::Condition::HasId(itself.into_iter().collect());
    let mut filter = filter.unwrap_or_default();
    filter.must_not.get_or_insert_default().push(itself);
    filter
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
            map.serialize_entry("vector", &VectorOut(vector))?;
        }
        map.end()
    }
}

pub struct VectorOut<'a>(pub &'a VectorStructInternal);

impl Serialize for VectorOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            VectorStructInternal::Single(vector) => vector.serialize(serializer),
            VectorStructInternal::Named(named) => {
                serializer.collect_map(named.iter().filter_map(|(name, vector)| match vector {
                    VectorInternal::Dense(vector) => Some((name, vector)),
                    _ => None,
                }))
            }
            VectorStructInternal::MultiDense(_) => serializer.serialize_none(),
        }
    }
}

/// `GET /collections/{name}`.
pub fn info(collection: &Collection) -> Answer<Value> {
    let settings: Settings = collection.settings();
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
