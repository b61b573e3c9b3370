//! Bodies of the query endpoints.

use qdrant_edge::{Filter, IdfParams, WithPayloadInterface, WithVector};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

use super::Unsupported;
use super::scoring::{Either, QueryInput};
use super::vector::{Example, VectorInput};

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryBatch {
    pub searches: Vec<Query>,
}

#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Query {
    pub shard_key: Unsupported,
    pub prefetch: Prefetches,
    pub query: Option<QueryInput>,
    pub using: Option<String>,
    pub filter: Option<Filter>,
    pub params: Option<Params>,
    pub score_threshold: Option<f32>,
    pub limit: Option<usize>,
    pub offset: Option<usize>,
    #[serde(alias = "with_vectors")]
    pub with_vector: Option<WithVector>,
    pub with_payload: Option<WithPayloadInterface>,
    pub lookup_from: Option<LookupLocation>,
}

/// A query whose results another one merges or scores anew.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prefetch {
    pub prefetch: Prefetches,
    pub query: Option<QueryInput>,
    pub using: Option<String>,
    pub filter: Option<Filter>,
    pub params: Option<Params>,
    pub score_threshold: Option<f32>,
    pub limit: Option<usize>,
    pub lookup_from: Option<LookupLocation>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryGroups {
    #[serde(default)]
    pub shard_key: Unsupported,
    #[serde(default)]
    pub prefetch: Prefetches,
    pub query: Option<QueryInput>,
    pub using: Option<String>,
    pub filter: Option<Filter>,
    pub params: Option<Params>,
    pub score_threshold: Option<f32>,
    #[serde(alias = "with_vectors")]
    pub with_vector: Option<WithVector>,
    pub with_payload: Option<WithPayloadInterface>,
    pub lookup_from: Option<LookupLocation>,
    pub group_by: String,
    pub group_size: Option<usize>,
    /// The number of groups.
    pub limit: Option<usize>,
    pub with_lookup: Option<WithLookup>,
}

/// The older form of a query: nearest to one vector.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    #[serde(default)]
    pub shard_key: Unsupported,
    pub vector: SearchVector,
    pub filter: Option<Filter>,
    pub params: Option<Params>,
    pub limit: usize,
    pub offset: Option<usize>,
    pub with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vectors")]
    pub with_vector: Option<WithVector>,
    pub score_threshold: Option<f32>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchBatch {
    pub searches: Vec<Search>,
}

/// The older form of a grouped query.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchGroups {
    #[serde(default)]
    pub shard_key: Unsupported,
    pub vector: SearchVector,
    pub filter: Option<Filter>,
    pub params: Option<Params>,
    pub with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vectors")]
    pub with_vector: Option<WithVector>,
    pub score_threshold: Option<f32>,
    pub group_by: String,
    pub group_size: usize,
    pub limit: usize,
    pub with_lookup: Option<WithLookup>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SearchVector {
    Default(VectorInput),
    Named(NamedVector),
}

impl SearchVector {
    /// The vector, and its name if it has one.
    pub fn parts(self) -> (QueryInput, Option<String>) {
        let (vector, using) = match self {
            Self::Default(vector) => (vector, None),
            Self::Named(named) => (named.vector, Some(named.name)),
        };
        (QueryInput::Nearest(Example::Vector(vector)), using)
    }
}

impl From<Search> for Query {
    fn from(search: Search) -> Self {
        let (input, using) = search.vector.parts();
        Self {
            shard_key: search.shard_key,
            query: Some(input),
            using,
            filter: search.filter,
            params: search.params,
            score_threshold: search.score_threshold,
            limit: Some(search.limit),
            offset: search.offset,
            with_vector: search.with_vector,
            with_payload: search.with_payload,
            ..Self::default()
        }
    }
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedVector {
    pub name: String,
    pub vector: VectorInput,
}

/// Points of another collection, named as the groups are.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WithLookup {
    Collection(String),
    Selected(LookupSelection),
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupSelection {
    pub collection: String,
    pub with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vector")]
    pub with_vectors: Option<WithVector>,
}

/// Where the vectors of the points are that a query names.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupLocation {
    pub collection: String,
    pub vector: Option<String>,
    #[serde(default)]
    pub shard_key: Unsupported,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facet {
    #[serde(default)]
    pub shard_key: Unsupported,
    pub key: String,
    pub limit: Option<usize>,
    pub filter: Option<Filter>,
    pub exact: Option<bool>,
}

#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchMatrix {
    pub shard_key: Unsupported,
    pub filter: Option<Filter>,
    pub sample: Option<usize>,
    pub limit: Option<usize>,
    pub using: Option<String>,
}

#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    pub hnsw_ef: Option<usize>,
    pub exact: Option<bool>,
    pub quantization: Option<QuantizationParams>,
    pub indexed_only: Option<bool>,
    pub acorn: Option<AcornParams>,
    pub idf: Option<IdfParams>,
}

#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuantizationParams {
    pub ignore: Option<bool>,
    pub rescore: Option<bool>,
    pub oversampling: Option<f64>,
}

#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AcornParams {
    pub enable: Option<bool>,
    pub max_selectivity: Option<f64>,
}

/// None, one, or a list.
#[derive(Debug, Default)]
pub struct Prefetches(pub Vec<Prefetch>);

struct PrefetchesVisitor;

impl<'de> Visitor<'de> for PrefetchesVisitor {
    type Value = Prefetches;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a prefetch or an array of them")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Prefetches, E> {
        Ok(Prefetches::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Prefetches, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            all.push(one);
        }
        Ok(Prefetches(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Prefetches, A::Error> {
        let one = Prefetch::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Prefetches(vec![one]))
    }
}

impl<'de> Deserialize<'de> for Prefetches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PrefetchesVisitor)
    }
}

impl JsonSchema for Prefetches {
    fn schema_name() -> String {
        "Prefetches".to_owned()
    }
    fn json_schema(generator: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
        <Either<Prefetch, Vec<Prefetch>>>::json_schema(generator)
    }
}
