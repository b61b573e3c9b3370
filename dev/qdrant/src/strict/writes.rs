//! What strict mode asks of a write, once it is the engine's operation.

use qdrant_edge::{
    Condition, CountRequest, EdgeShard, FieldIndexOperations, Filter, PayloadOps,
    PointInsertOperations, PointOperations, UpdateOperation, VectorOperations, VectorPersisted,
    VectorStructPersisted,
};

use super::{rate, refusal, within};
use crate::collection::Collection;
use crate::reply::{Answer, ApiError};
use crate::schema::strict_mode::StrictModeConfig;
use crate::settings::Settings;
use crate::vectors::Space;

pub fn write(collection: &Collection, operations: &[UpdateOperation]) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    for operation in operations {
        check(collection, &settings, config, operation)?;
        let filter = filter_of(operation);
        if let Some(of) = filter {
            let unindexed = config.unindexed_filtering_update;
            super::filter(collection, config, Some(of), unindexed)?;
        }
        if config.write_rate_limit.is_some() {
            let cost = cost(collection, operation, filter)?;
            rate::take_write(collection, config, cost)?;
        }
    }
    Ok(())
}

/// The filter that chooses the points to change. An `update_filter` only looks at points named by id.
fn filter_of(operation: &UpdateOperation) -> Option<&Filter> {
    match operation {
        UpdateOperation::PointOperation(PointOperations::DeletePointsByFilter(filter)) => {
            Some(filter)
        }
        UpdateOperation::VectorOperation(VectorOperations::DeleteVectorsByFilter(filter, _)) => {
            Some(filter)
        }
        UpdateOperation::PayloadOperation(operation) => match operation {
            PayloadOps::SetPayload(set) | PayloadOps::OverwritePayload(set) => set.filter.as_ref(),
            PayloadOps::DeletePayload(delete) => delete.filter.as_ref(),
            PayloadOps::ClearPayloadByFilter(filter) => Some(filter),
            PayloadOps::ClearPayload { .. } => None,
        },
        _ => None,
    }
}

/// The number of points it touches, estimated for a filter; at least one.
fn cost(
    collection: &Collection,
    operation: &UpdateOperation,
    filter: Option<&Filter>,
) -> Answer<usize> {
    let touched = match (operation.point_ids(), filter) {
        (Some(ids), _) => ids.len(),
        (None, Some(filter)) => {
            let request = CountRequest {
                filter: Some(filter.clone()),
                exact: false,
            };
            collection.read(|shard| shard.count(request))?
        }
        (None, None) => 1,
    };
    Ok(touched.max(1))
}

fn check(
    collection: &Collection,
    settings: &Settings,
    config: &StrictModeConfig,
    operation: &UpdateOperation,
) -> Answer<()> {
    match operation {
        UpdateOperation::PointOperation(PointOperations::UpsertPoints(points)) => {
            upsert(collection, settings, config, points)
        }
        UpdateOperation::PointOperation(PointOperations::UpsertPointsConditional(upserted)) => {
            upsert(collection, settings, config, &upserted.points_op)
        }
        UpdateOperation::VectorOperation(VectorOperations::UpdateVectors(update)) => {
            let size = update.points.len();
            within(size, config.upsert_max_batchsize, "update limit")?;
            sizes(collection, settings, config)?;
            update
                .points
                .iter()
                .try_for_each(|point| lengths(config, &point.vector))
        }
        UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(_)) => {
            let Some(limit) = config.max_payload_index_count else {
                return Ok(());
            };
            let count = collection.read(EdgeShard::info)?.payload_schema.len();
            if count < limit {
                return Ok(());
            }
            Err(refusal(
                format!("Collection already has the maximum number of payload indices ({limit})"),
                "Please delete an existing index before creating a new one.",
            ))
        }
        _ => Ok(()),
    }
}

fn upsert(
    collection: &Collection,
    settings: &Settings,
    config: &StrictModeConfig,
    points: &PointInsertOperations,
) -> Answer<()> {
    // Batches have become lists on their way here.
    let PointInsertOperations::PointsList(points) = points else {
        return Ok(());
    };
    within(points.len(), config.upsert_max_batchsize, "upsert limit")?;
    sizes(collection, settings, config)?;
    points
        .iter()
        .try_for_each(|point| lengths(config, &point.vector))
}

/// What the collection holds already.
fn sizes(collection: &Collection, settings: &Settings, config: &StrictModeConfig) -> Answer<()> {
    if let Some(limit) = config.max_collection_vector_size_bytes
        && vector_bytes(collection, settings)? >= limit
    {
        let mb = limit as f32 / (1024.0 * 1024.0);
        return Err(ApiError::bad_request(format!(
            "Max vector storage size limit of {mb}MB reached!"
        )));
    }
    if let Some(limit) = config.max_points_count
        && collection.read(EdgeShard::info)?.points_count >= limit
    {
        return Err(ApiError::bad_request(format!(
            "Max points count limit of {limit} reached!"
        )));
    }
    Ok(())
}

/// The bytes of all dense vectors; a collection with others cannot have this limit.
fn vector_bytes(collection: &Collection, settings: &Settings) -> Answer<usize> {
    let mut bytes = 0;
    for (name, params) in settings.vectors() {
        let condition = Condition::HasVector(name.to_owned().into());
        let request = CountRequest {
            filter: Some(Filter::new_must(condition)),
            exact: true,
        };
        let count = collection.read(|shard| shard.count(request))?;
        bytes += count * params.bytes();
    }
    Ok(bytes)
}

/// The sizes of single sparse vectors and multivectors.
fn lengths(config: &StrictModeConfig, vectors: &VectorStructPersisted) -> Answer<()> {
    let multi = |name: &str, count: usize| {
        let limits = config.multivector_config.as_ref();
        match limits.and_then(|limits| limits.get(name)?.max_vectors) {
            Some(limit) if count > limit => Err(ApiError::bad_request(format!(
                "Multivector '{name}' has a limit of {limit} vectors, but {count} were provided!"
            ))),
            _ => Ok(()),
        }
    };
    let sparse = |name: &str, count: usize| {
        let limits = config.sparse_config.as_ref();
        match limits.and_then(|limits| limits.get(name)?.max_length) {
            Some(limit) if count > limit => Err(ApiError::bad_request(format!(
                "Sparse vector '{name}' has a limit of {limit} indices, but {count} were provided!"
            ))),
            _ => Ok(()),
        }
    };
    match vectors {
        VectorStructPersisted::Single(_) => Ok(()),
        VectorStructPersisted::MultiDense(rows) => multi("", rows.len()),
        VectorStructPersisted::Named(named) => {
            named.iter().try_for_each(|(name, vector)| match vector {
                VectorPersisted::Dense(_) => Ok(()),
                VectorPersisted::MultiDense(rows) => multi(name, rows.len()),
                VectorPersisted::Sparse(vector) => sparse(name, vector.len()),
            })
        }
    }
}

/// Whether `max_collection_vector_size_bytes` can be told for these settings.
pub fn can_tell_vector_bytes(settings: &Settings) -> bool {
    let dense = |name: &&str| matches!(settings.space(name), Some(Space::Dense { .. }));
    settings.sparse.is_empty() && settings.vectors().keys().all(|name| dense(&name))
}
