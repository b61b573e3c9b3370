//! Strict mode: requests that a collection's `strict_mode_config` forbids are refused with Qdrant's
//! own errors.

mod rate;
mod unindexed;
mod writes;

pub use rate::{Buckets, read_rate};
pub use writes::{can_tell_vector_bytes, write};

use qdrant_edge::{EdgeShard, Filter, JsonPath};
use std::fmt::Display;

use crate::collection::Collection;
use crate::reply::{Answer, ApiError};
use crate::schema::query::{Facet, Params, Prefetch, Query, SearchMatrix};
use crate::schema::scoring::QueryInput;
use crate::schema::strict_mode::StrictModeConfig;
use crate::settings::Settings;
use crate::vectors::Space;

/// 400: what is wrong, and what to do.
fn refusal(problem: impl Display, help: impl Display) -> ApiError {
    ApiError::bad_request(format!("{problem}. Help: {help}"))
}

fn within<T: PartialOrd + Display>(value: T, limit: Option<T>, name: &str) -> Answer<()> {
    match limit {
        Some(limit) if value > limit => Err(refusal(
            format!("Limit exceeded {value} > {limit} for \"{name}\""),
            format!("Reduce the \"{name}\" parameter to or below {limit}."),
        )),
        _ => Ok(()),
    }
}

fn exact(wanted: bool, config: &StrictModeConfig) -> Answer<()> {
    match wanted && config.search_allow_exact == Some(false) {
        true => Err(refusal("Exact search disabled!", "Set exact=false.")),
        false => Ok(()),
    }
}

/// The client's `timeout`, in seconds.
pub fn timeout(collection: &Collection, seconds: usize) -> Answer<()> {
    let settings = collection.settings();
    match settings.strict() {
        Some(config) => within(seconds, config.max_timeout, "timeout"),
        None => Ok(()),
    }
}

/// A filter's size, and whether its fields are indexed when they must be.
fn filter(
    collection: &Collection,
    config: &StrictModeConfig,
    filter: Option<&Filter>,
    unindexed: Option<bool>,
) -> Answer<()> {
    let Some(filter) = filter else { return Ok(()) };
    if let Some(limit) = config.filter_max_conditions {
        let count = filter.total_conditions_count();
        if count > limit {
            return Err(refusal(
                format!("Filter condition limit reached ({count} > {limit})"),
                "Reduce the amount of conditions of your filter.",
            ));
        }
    }
    if let Some(limit) = config.condition_max_size {
        let size = filter.max_condition_input_size();
        if size > limit {
            return Err(refusal(
                format!("Condition size limit reached ({size} > {limit})"),
                "Reduce the size of your condition.",
            ));
        }
    }
    if unindexed == Some(false) {
        let schema = collection.read(EdgeShard::info)?.payload_schema;
        if let Some(missing) = unindexed::in_filter(filter, &schema) {
            let help = "Create an index for this key or use a different filter.";
            return Err(refusal(missing, help));
        }
    }
    Ok(())
}

fn read_filter(
    collection: &Collection,
    config: &StrictModeConfig,
    of: Option<&Filter>,
) -> Answer<()> {
    filter(collection, config, of, config.unindexed_filtering_retrieve)
}

fn params(
    collection: &Collection,
    config: &StrictModeConfig,
    params: Option<&Params>,
) -> Answer<()> {
    let Some(params) = params else { return Ok(()) };
    let oversampling = params.quantization.as_ref().and_then(|q| q.oversampling);
    if let Some(oversampling) = oversampling {
        within(oversampling, config.search_max_oversampling, "oversampling")?;
    }
    if let Some(ef) = params.hnsw_ef {
        within(ef, config.search_max_hnsw_ef, "hnsw_ef")?;
    }
    exact(params.exact == Some(true), config)?;
    let corpus = params.idf.as_ref().and_then(|idf| idf.corpus());
    read_filter(collection, config, corpus)
}

pub fn query(collection: &Collection, query: &Query) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    let limit = query.limit.unwrap_or(10);
    prefetches(collection, &settings, config, &query.prefetch.0)?;
    if let Some(input) = &query.query {
        let using = query.using.as_deref().unwrap_or_default();
        if query.prefetch.0.is_empty() {
            full_scan(
                collection,
                &settings,
                config,
                input,
                using,
                query.filter.as_ref(),
            )?;
        }
        formula(collection, config, input)?;
    }
    within(limit, config.max_query_limit, "limit")?;
    read_filter(collection, config, query.filter.as_ref())?;
    params(collection, config, query.params.as_ref())
}

fn prefetches(
    collection: &Collection,
    settings: &Settings,
    config: &StrictModeConfig,
    all: &[Prefetch],
) -> Answer<()> {
    for prefetch in all {
        prefetches(collection, settings, config, &prefetch.prefetch.0)?;
        if let Some(input) = &prefetch.query {
            let using = prefetch.using.as_deref().unwrap_or_default();
            full_scan(
                collection,
                settings,
                config,
                input,
                using,
                prefetch.filter.as_ref(),
            )?;
            formula(collection, config, input)?;
        }
        within(
            prefetch.limit.unwrap_or(10),
            config.max_query_limit,
            "limit",
        )?;
        read_filter(collection, config, prefetch.filter.as_ref())?;
        params(collection, config, prefetch.params.as_ref())?;
    }
    Ok(())
}

fn formula(collection: &Collection, config: &StrictModeConfig, input: &QueryInput) -> Answer<()> {
    let QueryInput::Formula(formula) = input else {
        return Ok(());
    };
    if config.unindexed_filtering_retrieve != Some(false) {
        return Ok(());
    }
    let schema = collection.read(EdgeShard::info)?.payload_schema;
    match unindexed::in_expression(&formula.formula.0, &schema) {
        Some(missing) => Err(refusal(
            missing,
            "Create an index for this key or use a different formula expression.",
        )),
        None => Ok(()),
    }
}

/// Without a graph every search is a full scan, which is as forbidden as an exact search.
fn full_scan(
    collection: &Collection,
    settings: &Settings,
    config: &StrictModeConfig,
    input: &QueryInput,
    using: &str,
    filter: Option<&Filter>,
) -> Answer<()> {
    use QueryInput::{Formula, Fusion, OrderBy, Rrf, Sample};
    if config.search_allow_exact != Some(false)
        || matches!(input, Fusion(_) | Rrf(_) | OrderBy(_) | Formula(_) | Sample)
        || matches!(settings.space(using), None | Some(Space::Sparse { .. }))
    {
        return Ok(());
    }
    let hnsw = settings.hnsw_of(using);
    if hnsw.m > 0 {
        return Ok(());
    }
    let on = match using {
        "" => String::new(),
        name => format!(" on '{name}'"),
    };
    let schema = collection.read(EdgeShard::info)?.payload_schema;
    let by_tenant = filter.is_some_and(|filter| {
        filter
            .iter_conditions()
            .filter_map(|condition| condition.targeted_key())
            .filter_map(|key| schema.get(&key))
            .any(unindexed::is_tenant)
    });
    if !by_tenant {
        return Err(refusal(
            format!(
                "Request is forbidden{on} because global vector indexing is disabled \
                 (hnsw_config.m = 0)"
            ),
            "Use tenant-specific filter, enable global vector indexing or enable strict mode \
             `search_allow_exact` option",
        ));
    }
    if hnsw.payload_m.unwrap_or(hnsw.m) == 0 {
        return Err(refusal(
            format!(
                "Request is forbidden{on} because vector indexing is disabled (hnsw_config.m = 0 \
                 and hnsw_config.payload_m = 0)"
            ),
            "Enable vector indexing, use a prefetch query with indexed vectors or enable strict \
             mode `search_allow_exact` option",
        ));
    }
    Ok(())
}

pub fn query_batch(collection: &Collection, queries: &[Query]) -> Answer<()> {
    if let Some(config) = collection.settings().strict() {
        let size = queries.len();
        within(size, config.search_max_batchsize, "search batch size")?;
    }
    queries.iter().try_for_each(|one| query(collection, one))
}

/// `query` has the limit over all groups.
pub fn groups(collection: &Collection, body: &Query, group_by: &JsonPath) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    query(collection, body)?;
    if config.unindexed_filtering_retrieve != Some(false) {
        return Ok(());
    }
    let help = "Create an index supporting `match` for this key.";
    let schema = collection.read(EdgeShard::info)?.payload_schema;
    match schema.get(group_by) {
        None => Err(refusal(
            format!("Index required but not found for \"{group_by}\""),
            help,
        )),
        Some(index) if !unindexed::supports_match(index) => Err(refusal(
            format!(
                "Index of type \"{:?}\" found for \"{group_by}\"",
                index.data_type
            ),
            help,
        )),
        Some(_) => Ok(()),
    }
}

pub fn scroll(collection: &Collection, limit: usize, of: Option<&Filter>) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    within(limit, config.max_query_limit, "limit")?;
    read_filter(collection, config, of)?;
    rate::take_read(collection, config, rate::scan_cost(of))
}

pub fn count(collection: &Collection, of: Option<&Filter>, is_exact: bool) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    read_filter(collection, config, of)?;
    exact(is_exact, config)?;
    rate::take_read(collection, config, rate::scan_cost(of))
}

pub fn facet(collection: &Collection, body: &Facet) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    let of = body.filter.as_ref();
    within(body.limit.unwrap_or(0), config.max_query_limit, "limit")?;
    read_filter(collection, config, of)?;
    exact(body.exact == Some(true), config)?;
    rate::take_read(collection, config, rate::scan_cost(of))
}

pub fn matrix(collection: &Collection, body: &SearchMatrix) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    let of = body.filter.as_ref();
    let limit = body
        .limit
        .unwrap_or(1)
        .saturating_mul(body.sample.unwrap_or(1));
    within(limit, config.max_query_limit, "limit")?;
    read_filter(collection, config, of)?;
    let searches = body.sample.unwrap_or(10);
    rate::take_read(collection, config, rate::scan_cost(of) + searches)
}

/// `count` points by their ids.
pub fn retrieve(collection: &Collection, count: usize) -> Answer<()> {
    match collection.settings().strict() {
        Some(config) => rate::take_read(collection, config, count),
        None => Ok(()),
    }
}
