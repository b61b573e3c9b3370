//! From a query's body to the engine's request: points in place of vectors are looked up, and what
//! contradicts itself is refused.

mod examples;

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    AcornSearchParams, Condition, Filter, PointId, Prefetch, QuantizationSearchParams,
    QueryRequest, ScoringQuery, SearchParams, WithPayloadInterface, WithVector,
};
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::collection::Collection;
use crate::points::ONE_SHARD;
use crate::reply::{Answer, ApiError};
use crate::schema::query::{self as body, Params, Query};
use crate::schema::scoring::QueryInput;
use crate::settings::Settings;
use crate::store::Store;
use crate::validate;
use crate::vectors::Space;
use examples::Examples;

const DEFAULT_LIMIT: usize = 10;

pub struct Planner<'a> {
    store: &'a Store,
    collection: &'a Collection,
    settings: Arc<Settings>,
}

/// One stage of a query, the outermost or a prefetch.
struct Stage<'a> {
    input: Option<QueryInput>,
    using: String,
    params: Option<Params>,
    score_threshold: Option<f32>,
    limit: usize,
    lookup: Option<body::LookupLocation>,
    has_prefetch: bool,
    path: &'a str,
}

impl<'a> Planner<'a> {
    pub fn new(store: &'a Store, collection: &'a Collection) -> Self {
        Self {
            store,
            collection,
            settings: collection.settings(),
        }
    }

    pub fn query(&self, query: Query, path: &str) -> Answer<QueryRequest> {
        validate::refuse(query.shard_key, "shard_key", ONE_SHARD)?;
        validate::at_least(query.limit, 1, &format!("{path}.limit"))?;
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
        // Points named anywhere in the query are no results of it.
        let named = RefCell::new(HashSet::new());
        let sampled = matches!(query.query, Some(QueryInput::Sample));
        let has_prefetch = !query.prefetch.0.is_empty();
        let prefetches = self.prefetches(query.prefetch, path, &named)?;
        let (scoring, params) = self.stage(
            Stage {
                input: query.query,
                using: query.using.unwrap_or_default(),
                params: query.params,
                score_threshold: query.score_threshold,
                limit,
                lookup: query.lookup_from,
                has_prefetch,
                path,
            },
            &named,
        )?;
        // Pages of a random order mean nothing.
        let offset = match sampled && !has_prefetch {
            true => 0,
            false => query.offset.unwrap_or(0),
        };
        Ok(QueryRequest {
            prefetches,
            query: scoring,
            filter: all_but(named.into_inner(), query.filter),
            score_threshold: query.score_threshold,
            limit,
            offset,
            params,
            with_vector: query.with_vector.unwrap_or(WithVector::Bool(false)),
            with_payload: query
                .with_payload
                .unwrap_or(WithPayloadInterface::Bool(false)),
        })
    }

    fn prefetches(
        &self,
        prefetches: body::Prefetches,
        path: &str,
        named: &RefCell<HashSet<PointId>>,
    ) -> Answer<Vec<Prefetch>> {
        prefetches
            .0
            .into_iter()
            .enumerate()
            .map(|(i, prefetch)| {
                let path = format!("{path}.prefetch[{i}]");
                validate::at_least(prefetch.limit, 1, &format!("{path}.limit"))?;
                let limit = prefetch.limit.unwrap_or(DEFAULT_LIMIT);
                let has_prefetch = !prefetch.prefetch.0.is_empty();
                let prefetches = self.prefetches(prefetch.prefetch, &path, named)?;
                let (query, params) = self.stage(
                    Stage {
                        input: prefetch.query,
                        using: prefetch.using.unwrap_or_default(),
                        params: prefetch.params,
                        score_threshold: prefetch.score_threshold,
                        limit,
                        lookup: prefetch.lookup_from,
                        has_prefetch,
                        path: &path,
                    },
                    named,
                )?;
                Ok(Prefetch {
                    prefetches,
                    query,
                    limit,
                    params,
                    filter: prefetch.filter,
                    score_threshold: prefetch.score_threshold,
                })
            })
            .collect()
    }

    fn stage(
        &self,
        stage: Stage,
        named: &RefCell<HashSet<PointId>>,
    ) -> Answer<(Option<ScoringQuery>, Option<SearchParams>)> {
        check_shape(&stage)?;
        if let Some(lookup) = &stage.lookup {
            validate::refuse(lookup.shard_key, "lookup_from.shard_key", ONE_SHARD)?;
        }
        let params = stage
            .params
            .map(|given| self.params(given, &stage.using, stage.path))
            .transpose()?;
        let examples = Examples {
            planner: self,
            using: &stage.using,
            lookup: stage.lookup.as_ref(),
            named,
        };
        let scoring = stage
            .input
            .map(|input| examples.scoring(input, stage.limit, stage.path))
            .transpose()?;
        Ok((scoring, params))
    }

    fn params(&self, params: Params, using: &str, path: &str) -> Answer<SearchParams> {
        let path = |field: &str| format!("{path}.params.{field}");
        if params.idf.is_some() && self.settings.space(using) != Some(Space::Sparse { idf: true }) {
            return Err(ApiError::wrong_input(format!(
                "params.idf weighs sparse vectors with the modifier `idf`, and vector `{using}` is \
                 none: leave it out"
            )));
        }
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
            idf: params.idf,
        })
    }
}

/// What Qdrant refuses about the parts of one stage.
fn check_shape(stage: &Stage) -> Answer<()> {
    let refuse = |why: &str| Err(ApiError::bad_request(why));
    let is_fusion = matches!(
        stage.input,
        Some(QueryInput::Fusion(_) | QueryInput::Rrf(_))
    );
    if stage.has_prefetch && stage.input.is_none() {
        return refuse(
            "A query is needed to merge the prefetches. Can't have prefetches without defining a \
             query.",
        );
    }
    if stage.score_threshold.is_some() {
        match stage.input {
            Some(QueryInput::OrderBy(_)) => {
                return refuse("Can't use score_threshold with an order_by query.");
            }
            None => {
                return refuse(
                    "A query is needed to use the score_threshold. Can't have score_threshold \
                     without defining a query.",
                );
            }
            _ => {}
        }
    }
    if is_fusion && !stage.using.is_empty() {
        return refuse("Fusion queries cannot be combined with the 'using' field.");
    }
    if is_fusion && !stage.has_prefetch {
        return refuse("A fusion needs prefetches to merge: give `prefetch`.");
    }
    if matches!(stage.input, Some(QueryInput::Formula(_))) && !stage.has_prefetch {
        return refuse("A formula scores the points of prefetches: give `prefetch`.");
    }
    Ok(())
}

/// The filter that leaves these points out too.
fn all_but(ids: HashSet<PointId>, filter: Option<Filter>) -> Option<Filter> {
    if ids.is_empty() {
        return filter;
    }
    let mut filter = filter.unwrap_or_default();
    let condition = Condition::HasId(ids.into_iter().collect());
    filter.must_not.get_or_insert_default().push(condition);
    Some(filter)
}
