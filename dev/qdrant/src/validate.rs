//! What a well-formed body may still not say: values out of Qdrant's ranges (422) and Qdrant
//! settings this engine would silently ignore (400).

use qdrant_edge::Memory;
use std::fmt::Display;

use crate::reply::{Answer, ApiError};
use crate::schema::Unsupported;
use crate::schema::collection::*;
use crate::schema::strict_mode::StrictModeConfig;
use crate::settings::Settings;
use crate::strict;

const ONE_SHARD: &str = "the engine behind it is one shard on one node";

pub fn create(body: &CreateCollection) -> Answer<()> {
    match &body.vectors {
        Some(VectorsConfig::Single(params)) => vector(params, "vectors")?,
        Some(VectorsConfig::Multi(map)) => {
            for (name, params) in map {
                vector_name(name)?;
                vector(params, &format!("vectors.{name}"))?;
            }
        }
        None => {}
    }
    for (name, params) in body.sparse_vectors.iter().flatten() {
        vector_name(name)?;
        sparse(params, &format!("sparse_vectors.{name}"))?;
    }
    strict_mode(body.strict_mode_config.as_ref())?;
    refuse(body.sharding_method, "sharding_method", ONE_SHARD)?;
    refuse(body.init_from, "init_from", "Qdrant removed it in 1.16")?;
    only_one(body.shard_number, "shard_number")?;
    only_one(body.replication_factor, "replication_factor")?;
    only_one(body.write_consistency_factor, "write_consistency_factor")?;
    hnsw(body.hnsw_config.as_ref(), "hnsw_config")?;
    optimizers(body.optimizers_config.as_ref())?;
    if let Some(config) = &body.quantization_config {
        quantization(config, "quantization_config")?;
    }
    if let Some(wal) = &body.wal_config {
        at_least(wal.wal_capacity_mb, 1, "wal_config.wal_capacity_mb")?;
        at_least(wal.wal_retain_closed, 1, "wal_config.wal_retain_closed")?;
    }
    payload(body.payload, "payload")
}

pub fn update(body: &UpdateCollection) -> Answer<()> {
    for (name, params) in body.sparse_vectors.iter().flatten() {
        sparse(params, &format!("sparse_vectors.{name}"))?;
    }
    strict_mode(body.strict_mode_config.as_ref())?;
    hnsw(body.hnsw_config.as_ref(), "hnsw_config")?;
    optimizers(body.optimizers_config.as_ref())?;
    if let Some(QuantizationConfigDiff::Set(config)) = &body.quantization_config {
        quantization(config, "quantization_config")?;
    }
    if let Some(params) = &body.params {
        only_one(params.replication_factor, "params.replication_factor")?;
        only_one(
            params.write_consistency_factor,
            "params.write_consistency_factor",
        )?;
        refuse(
            params.read_fan_out_factor,
            "params.read_fan_out_factor",
            ONE_SHARD,
        )?;
        refuse(
            params.read_fan_out_delay_ms,
            "params.read_fan_out_delay_ms",
            ONE_SHARD,
        )?;
        payload(params.payload, "params.payload")?;
    }
    for (name, diff) in body.vectors.iter().flatten() {
        let path = format!("vectors.{name}");
        hnsw(diff.hnsw_config.as_ref(), &format!("{path}.hnsw_config"))?;
        dense_memory(diff.memory, &path)?;
        if let Some(QuantizationConfigDiff::Set(config)) = &diff.quantization_config {
            quantization(config, &format!("{path}.quantization_config"))?;
        }
    }
    Ok(())
}

/// Rules over several fields, checked on the merged settings.
pub fn settings(settings: &Settings) -> Answer<()> {
    if settings
        .sparse
        .keys()
        .any(|name| settings.vectors().contains_key(name.as_str()))
    {
        return Err(ApiError::wrong_input(
            "a name is both in `vectors` and in `sparse_vectors`: must be in one of them",
        ));
    }
    let limit = settings
        .strict_mode
        .as_ref()
        .and_then(|config| config.max_collection_vector_size_bytes);
    if limit.is_some() && !strict::can_tell_vector_bytes(settings) {
        return Err(ApiError::unsupported(
            "strict_mode_config.max_collection_vector_size_bytes with sparse vectors or multivectors",
            "it knows the size of dense vectors only",
        ));
    }
    for (name, params) in settings.vectors() {
        let hnsw = params.hnsw_config.unwrap_or_default();
        let inline = hnsw.inline_storage.or(settings.hnsw.inline_storage);
        let quantized = params.quantization_config.is_some() || settings.quantization.is_some();
        if inline == Some(true) && params.multivector_config.is_some() {
            return Err(ApiError::wrong_input(format!(
                "hnsw_config.inline_storage is not for multivectors, as vector `{name}` is"
            )));
        }
        if inline == Some(true) && !quantized {
            return Err(ApiError::wrong_input(format!(
                "hnsw_config.inline_storage needs quantization, and vector `{name}` has none: set \
                 quantization_config or leave inline_storage off"
            )));
        }
    }
    Ok(())
}

fn vector(params: &VectorParams, path: &str) -> Answer<()> {
    if !(1..=65536).contains(&params.size) {
        return Err(ApiError::invalid(
            &format!("{path}.size"),
            format!("value {} invalid, must be from 1 to 65536", params.size),
        ));
    }
    hnsw(params.hnsw_config.as_ref(), &format!("{path}.hnsw_config"))?;
    if let Some(config) = &params.quantization_config {
        quantization(config, &format!("{path}.quantization_config"))?;
    }
    dense_memory(params.memory, path)
}

fn sparse(params: &SparseVectorParams, path: &str) -> Answer<()> {
    match params.index.and_then(|index| index.datatype) {
        Some(Datatype::Turbo4) => Err(ApiError::invalid(
            &format!("{path}.index.datatype"),
            "`turbo4` is not for sparse vectors, must be `float32`, `float16` or `uint8`",
        )),
        _ => Ok(()),
    }
}

fn strict_mode(config: Option<&StrictModeConfig>) -> Answer<()> {
    let Some(config) = config else { return Ok(()) };
    let path = |field: &str| format!("strict_mode_config.{field}");
    for (value, field) in [
        (config.max_query_limit, "max_query_limit"),
        (config.max_timeout, "max_timeout"),
        (config.read_rate_limit, "read_rate_limit"),
        (config.write_rate_limit, "write_rate_limit"),
        (config.max_points_count, "max_points_count"),
    ] {
        at_least(value, 1, &path(field))?;
    }
    for (name, limit) in config.multivector_config.iter().flatten() {
        at_least(
            limit.max_vectors,
            1,
            &path(&format!("multivector_config.{name}.max_vectors")),
        )?;
    }
    for (name, limit) in config.sparse_config.iter().flatten() {
        at_least(
            limit.max_length,
            1,
            &path(&format!("sparse_config.{name}.max_length")),
        )?;
    }
    refuse(
        config.max_collection_payload_size_bytes,
        &path("max_collection_payload_size_bytes"),
        "the engine does not tell the size of its payloads",
    )?;
    refuse(
        config.max_resident_memory_percent,
        &path("max_resident_memory_percent"),
        "the engine does not watch the memory of its process",
    )
}

fn vector_name(name: &str) -> Answer<()> {
    if name.len() > 200 {
        return Err(ApiError::invalid(
            "vectors",
            format!("vector name has {} bytes, at most 200 fit", name.len()),
        ));
    }
    name_characters(name).map_err(|c| {
        ApiError::invalid(
            "vectors",
            format!("vector name cannot contain \"{c}\" char"),
        )
    })
}

/// The first character Qdrant refuses in names, if any.
pub fn name_characters(name: &str) -> Result<(), char> {
    const FORBIDDEN: &[char] = &['<', '>', ':', '"', '/', '\\', '|', '?', '*', '\0', '\u{1F}'];
    match name.chars().find(|c| FORBIDDEN.contains(c)) {
        Some(c) => Err(c),
        None => Ok(()),
    }
}

fn hnsw(diff: Option<&HnswConfigDiff>, path: &str) -> Answer<()> {
    let Some(diff) = diff else { return Ok(()) };
    at_least(diff.ef_construct, 4, &format!("{path}.ef_construct"))
}

fn optimizers(diff: Option<&OptimizersConfigDiff>) -> Answer<()> {
    let Some(diff) = diff else { return Ok(()) };
    if let Some(ratio) = diff.deleted_threshold {
        between(ratio, 0.0, 1.0, "optimizers_config.deleted_threshold")?;
    }
    at_least(
        diff.vacuum_min_vector_number,
        100,
        "optimizers_config.vacuum_min_vector_number",
    )?;
    at_least(
        diff.max_segment_size,
        1,
        "optimizers_config.max_segment_size",
    )?;
    at_least(
        diff.flush_interval_sec,
        1,
        "optimizers_config.flush_interval_sec",
    )?;
    refuse(
        diff.memmap_threshold,
        "optimizers_config.memmap_threshold",
        "the engine ignores it (Qdrant deprecated it in 1.15): use `memory` or `on_disk`",
    )?;
    if let Some(n) = diff.default_segment_number.filter(|n| *n > 1) {
        return Err(ApiError::unsupported(
            format!("optimizers_config.default_segment_number {n}"),
            "the engine writes to one segment at a time: leave it out, or set 0 or 1",
        ));
    }
    if let Some(OptimizationThreads::Threads(n)) = diff.max_optimization_threads
        && n != 1
    {
        return Err(ApiError::unsupported(
            format!("optimizers_config.max_optimization_threads {n}"),
            "the engine runs one optimization at a time: \"auto\" or 1; to put indexing off set \
             indexing_threshold to 0",
        ));
    }
    if diff.prevent_unoptimized == Some(true) {
        return Err(ApiError::unsupported(
            "optimizers_config.prevent_unoptimized",
            "the engine does not defer points",
        ));
    }
    Ok(())
}

fn quantization(config: &QuantizationConfig, path: &str) -> Answer<()> {
    if let QuantizationConfig::Scalar(ScalarQuantization { scalar }) = config
        && let Some(quantile) = scalar.quantile
    {
        between(
            f64::from(quantile),
            0.5,
            1.0,
            &format!("{path}.scalar.quantile"),
        )?;
    }
    Ok(())
}

fn dense_memory(memory: Option<Memory>, path: &str) -> Answer<()> {
    if memory == Some(Memory::Pinned) {
        return Err(ApiError::invalid(
            &format!("{path}.memory"),
            "`pinned` is not for dense vectors, must be `cold` or `cached`",
        ));
    }
    Ok(())
}

fn payload(params: Option<PayloadParams>, path: &str) -> Answer<()> {
    if params.and_then(|params| params.memory) == Some(Memory::Pinned) {
        return Err(ApiError::invalid(
            &format!("{path}.memory"),
            "`pinned` is not for payloads, must be `cold` or `cached`",
        ));
    }
    Ok(())
}

pub fn refuse(field: Unsupported, name: &str, why: impl Display) -> Answer<()> {
    if field.0 {
        return Err(ApiError::unsupported(format!("`{name}`"), why));
    }
    Ok(())
}

fn only_one(value: Option<std::num::NonZeroU32>, path: &str) -> Answer<()> {
    match value {
        Some(n) if n.get() != 1 => Err(ApiError::unsupported(format!("{path} {n}"), ONE_SHARD)),
        _ => Ok(()),
    }
}

pub fn at_least<T: PartialOrd + Display>(value: Option<T>, min: T, path: &str) -> Answer<()> {
    match value {
        Some(value) if value < min => Err(ApiError::invalid(
            path,
            format!("value {value} invalid, must be {min} or larger"),
        )),
        _ => Ok(()),
    }
}

pub fn between(value: f64, min: f64, max: f64, path: &str) -> Answer<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ApiError::invalid(
        path,
        format!("value {value} invalid, must be from {min} to {max}"),
    ))
}
