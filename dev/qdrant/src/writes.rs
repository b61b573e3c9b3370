//! Writes: from the request bodies to the engine's operations.

use qdrant_edge::{
    ConditionalInsertOperation, CreateIndex, DeletePayloadOp, FieldIndexOperations, Filter,
    JsonPath, Payload, PayloadOps, PointIdsList, PointInsertOperations, PointOperations,
    PointStructPersisted, PointVectorsPersisted, SetPayloadOp, UpdateOperation, UpdateVectorsOp,
    VectorOperations,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::str::FromStr;

use crate::collection::Collection;
use crate::points::{ONE_SHARD, ids};
use crate::reply::{Answer, ApiError};
use crate::schema::Unsupported;
use crate::schema::points::*;
use crate::schema::vector::{BatchVectors, Id, PointVectors};
use crate::settings::Settings;
use crate::strict;
use crate::validate;
use crate::vectors::{Space, for_storage};

/// What one request changes: one operation of the engine, rarely two.
pub type Operations = Vec<UpdateOperation>;

/// Result of a write: its number, and whether the client may rely on seeing it.
pub fn written(number: u64, wait: bool) -> Value {
    // The write is applied either way; without `wait` the client only asked to have it recorded.
    let status = if wait { "completed" } else { "acknowledged" };
    json!({"operation_id": number, "status": status})
}

/// Applies the operations in their order; the number of the last.
pub fn apply(collection: &Collection, operations: Operations) -> Answer<u64> {
    strict::write(collection, &operations)?;
    let mut number = 0;
    for operation in operations {
        number = collection.update(operation)?;
    }
    Ok(number)
}

/// Applies several requests, all of them checked before the first is applied.
pub fn apply_batch(collection: &Collection, requests: Vec<Operations>) -> Answer<Vec<u64>> {
    for operations in &requests {
        strict::write(collection, operations)?;
    }
    requests
        .into_iter()
        .map(|operations| {
            let mut number = 0;
            for operation in operations {
                number = collection.update(operation)?;
            }
            Ok(number)
        })
        .collect()
}

pub fn one(settings: &Settings, update: UpdateOne) -> Answer<Operations> {
    match update {
        UpdateOne::Upsert(body) => upsert(settings, body),
        UpdateOne::Delete(body) => delete(settings, body),
        UpdateOne::SetPayload(body) => set_payload(settings, body),
        UpdateOne::OverwritePayload(body) => overwrite_payload(settings, body),
        UpdateOne::DeletePayload(body) => delete_payload(settings, body),
        UpdateOne::ClearPayload(body) => clear_payload(settings, body),
        UpdateOne::UpdateVectors(body) => update_vectors(settings, body),
        UpdateOne::DeleteVectors(body) => delete_vectors(settings, body),
    }
}

fn empty() -> ApiError {
    ApiError::bad_request("Empty update request")
}

fn checked_ids(points: Vec<Id>) -> Answer<Vec<qdrant_edge::PointId>> {
    match points.is_empty() {
        true => Err(empty()),
        false => Ok(ids(points)),
    }
}

pub fn upsert(settings: &Settings, body: UpsertPoints) -> Answer<Operations> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    let points = match (body.points, body.batch) {
        (Some(points), None) => points,
        (None, Some(batch)) => batch_points(batch)?,
        _ => {
            return Err(ApiError::format(
                "data did not match any variant of untagged enum PointInsertOperations: give \
                 either `points` or `batch`",
            ));
        }
    };
    if points.is_empty() {
        return Err(empty());
    }
    // The whole request is refused before the engine has stored the half of it.
    let points = points
        .into_iter()
        .map(|point| {
            Ok(PointStructPersisted {
                id: point.id.0,
                vector: for_storage(point.vector, settings)?,
                payload: point.payload.map(Payload),
            })
        })
        .collect::<Answer<Vec<_>>>()?;
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
    Ok(vec![UpdateOperation::PointOperation(operation)])
}

fn batch_points(batch: Batch) -> Answer<Vec<PointStruct>> {
    let count = batch.ids.len();
    let same = |name: &str, length: usize| {
        if length == count {
            return Ok(());
        }
        Err(ApiError::bad_request(format!(
            "batch.{name} has {length} entries for {count} ids, must have one for each"
        )))
    };
    let vectors: Vec<PointVectors> = match batch.vectors {
        BatchVectors::Default(vectors) => {
            same("vectors", vectors.len())?;
            vectors.into_iter().map(PointVectors::Default).collect()
        }
        BatchVectors::Named(named) => {
            let mut rows: Vec<HashMap<_, _>> = Vec::new();
            rows.resize_with(count, HashMap::new);
            for (name, column) in named {
                same(&format!("vectors.{name}"), column.len())?;
                for (row, vector) in rows.iter_mut().zip(column) {
                    row.insert(name.clone(), vector);
                }
            }
            rows.into_iter().map(PointVectors::Named).collect()
        }
    };
    let payloads = match batch.payloads {
        Some(payloads) => {
            same("payloads", payloads.len())?;
            payloads
        }
        None => vec![None; count],
    };
    Ok(batch
        .ids
        .into_iter()
        .zip(vectors)
        .zip(payloads)
        .map(|((id, vector), payload)| PointStruct {
            id,
            vector,
            payload,
        })
        .collect())
}

pub fn delete(_: &Settings, selector: PointsSelector) -> Answer<Operations> {
    let operation = match selector {
        PointsSelector::Ids(list) => {
            validate::refuse(list.shard_key, "shard_key", ONE_SHARD)?;
            PointOperations::DeletePoints {
                ids: checked_ids(list.points)?,
            }
        }
        PointsSelector::Filter(selector) => {
            validate::refuse(selector.shard_key, "shard_key", ONE_SHARD)?;
            PointOperations::DeletePointsByFilter(selector.filter)
        }
    };
    Ok(vec![UpdateOperation::PointOperation(operation)])
}

/// The points a payload operation is about: by id or by filter.
fn selected(
    points: Option<Vec<Id>>,
    filter: Option<Filter>,
    shard_key: Unsupported,
) -> Answer<(Option<Vec<qdrant_edge::PointId>>, Option<Filter>)> {
    validate::refuse(shard_key, "shard_key", ONE_SHARD)?;
    match (points, filter) {
        (None, None) => Err(ApiError::format(
            "Either list of point ids or filter must be provided",
        )),
        (Some(_), Some(_)) => Err(ApiError::unsupported(
            "`points` together with `filter`",
            "Qdrant passes over the filter then: give one of them",
        )),
        (Some(points), None) => Ok((Some(checked_ids(points)?), None)),
        (None, filter) => Ok((None, filter)),
    }
}

fn set_operation(body: SetPayload) -> Answer<SetPayloadOp> {
    let (points, filter) = selected(body.points, body.filter, body.shard_key)?;
    Ok(SetPayloadOp {
        payload: Payload(body.payload),
        points,
        filter,
        key: body.key.as_deref().map(json_path).transpose()?,
    })
}

pub fn set_payload(_: &Settings, body: SetPayload) -> Answer<Operations> {
    let operation = PayloadOps::SetPayload(set_operation(body)?);
    Ok(vec![UpdateOperation::PayloadOperation(operation)])
}

pub fn overwrite_payload(_: &Settings, body: SetPayload) -> Answer<Operations> {
    if body.key.is_some() {
        return Err(ApiError::unsupported(
            "`key` when overwriting",
            "Qdrant passes over it then: set the payload (POST) to change a part of it",
        ));
    }
    let operation = PayloadOps::OverwritePayload(set_operation(body)?);
    Ok(vec![UpdateOperation::PayloadOperation(operation)])
}

pub fn delete_payload(_: &Settings, body: DeletePayload) -> Answer<Operations> {
    let (points, filter) = selected(body.points, body.filter, body.shard_key)?;
    let operation = PayloadOps::DeletePayload(DeletePayloadOp {
        keys: body
            .keys
            .iter()
            .map(|key| json_path(key))
            .collect::<Answer<_>>()?,
        points,
        filter,
    });
    Ok(vec![UpdateOperation::PayloadOperation(operation)])
}

pub fn clear_payload(_: &Settings, selector: PointsSelector) -> Answer<Operations> {
    let operation = match selector {
        PointsSelector::Ids(list) => {
            validate::refuse(list.shard_key, "shard_key", ONE_SHARD)?;
            PayloadOps::ClearPayload {
                points: checked_ids(list.points)?,
            }
        }
        PointsSelector::Filter(selector) => {
            validate::refuse(selector.shard_key, "shard_key", ONE_SHARD)?;
            PayloadOps::ClearPayloadByFilter(selector.filter)
        }
    };
    Ok(vec![UpdateOperation::PayloadOperation(operation)])
}

pub fn update_vectors(settings: &Settings, body: UpdateVectors) -> Answer<Operations> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    if body.points.is_empty() {
        return Err(empty());
    }
    let points = body
        .points
        .into_iter()
        .map(|point| {
            Ok(PointVectorsPersisted {
                id: point.id.0,
                vector: for_storage(point.vector, settings)?,
            })
        })
        .collect::<Answer<Vec<_>>>()?;
    let operation = VectorOperations::UpdateVectors(UpdateVectorsOp {
        points,
        update_filter: body.update_filter,
    });
    Ok(vec![UpdateOperation::VectorOperation(operation)])
}

pub fn delete_vectors(settings: &Settings, body: DeleteVectors) -> Answer<Operations> {
    validate::refuse(body.shard_key, "shard_key", ONE_SHARD)?;
    if body.vector.is_empty() {
        return Err(ApiError::invalid("vector", "must name at least one vector"));
    }
    for name in &body.vector {
        Space::of(settings, name)?;
    }
    let mut operations = Operations::new();
    if let Some(filter) = body.filter {
        let operation = VectorOperations::DeleteVectorsByFilter(filter, body.vector.clone());
        operations.push(UpdateOperation::VectorOperation(operation));
    }
    if let Some(points) = body.points {
        let points = PointIdsList::from(checked_ids(points)?);
        let operation = VectorOperations::DeleteVectors(points, body.vector);
        operations.push(UpdateOperation::VectorOperation(operation));
    }
    match operations.is_empty() {
        true => Err(ApiError::bad_request("No filter or points provided")),
        false => Ok(operations),
    }
}

pub fn json_path(name: &str) -> Answer<JsonPath> {
    JsonPath::from_str(name)
        .map_err(|()| ApiError::bad_request(format!("`{name}` is not a payload field path")))
}

pub fn create_index(_: &Settings, body: CreateFieldIndex) -> Answer<Operations> {
    let field_name = json_path(&body.field_name)?;
    let Some(schema) = body.field_schema else {
        return Err(ApiError::unsupported(
            "an index without `field_schema`",
            "it does not infer the type: give one, as \"keyword\"",
        ));
    };
    let operation = FieldIndexOperations::CreateIndex(CreateIndex {
        field_name,
        field_schema: Some(schema.0),
    });
    Ok(vec![UpdateOperation::FieldIndexOperation(operation)])
}

pub fn delete_index(field: &str) -> Answer<Operations> {
    let operation = FieldIndexOperations::DeleteIndex(json_path(field)?);
    Ok(vec![UpdateOperation::FieldIndexOperation(operation)])
}
