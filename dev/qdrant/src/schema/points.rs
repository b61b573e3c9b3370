//! Bodies of the point, query and index endpoints.

use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{
    Filter, PayloadFieldSchema, PointId, UpdateMode, WithPayloadInterface, WithVector,
};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::fmt;

use super::Unsupported;

/// `points` or `batch`, exactly one.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpsertPoints {
    pub points: Option<Vec<PointStruct>>,
    pub batch: Option<Batch>,
    #[serde(default)]
    pub shard_key: Unsupported,
    pub update_filter: Option<Filter>,
    #[schemars(with = "Option<String>")]
    pub update_mode: Option<UpdateMode>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointStruct {
    pub id: Id,
    pub vector: VectorInput,
    pub payload: Option<Map<String, Value>>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub ids: Vec<Id>,
    pub vectors: BatchVectors,
    pub payloads: Option<Vec<Option<Map<String, Value>>>>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BatchVectors {
    Default(Vec<Vec<f32>>),
    Named(HashMap<String, Vec<Vec<f32>>>),
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PointsSelector {
    Ids(PointIdsList),
    Filter(FilterSelector),
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointIdsList {
    pub points: Vec<Id>,
    #[serde(default)]
    pub shard_key: Unsupported,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterSelector {
    pub filter: Filter,
    #[serde(default)]
    pub shard_key: Unsupported,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrievePoints {
    pub ids: Vec<Id>,
    #[serde(default)]
    pub shard_key: Unsupported,
    pub with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vectors")]
    pub with_vector: Option<WithVector>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScrollPoints {
    #[serde(default)]
    pub shard_key: Unsupported,
    pub offset: Option<Id>,
    pub limit: Option<usize>,
    pub filter: Option<Filter>,
    pub with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vectors")]
    pub with_vector: Option<WithVector>,
    #[serde(default)]
    pub order_by: Unsupported,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountPoints {
    #[serde(default)]
    pub shard_key: Unsupported,
    pub filter: Option<Filter>,
    pub exact: Option<bool>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFieldIndex {
    pub field_name: String,
    #[serde(alias = "field_type")]
    pub field_schema: Option<PayloadFieldSchema>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryBatch {
    pub searches: Vec<Query>,
}

#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    #[serde(default)]
    pub shard_key: Unsupported,
    #[serde(default)]
    pub prefetch: Unsupported,
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
    #[serde(default)]
    pub lookup_from: Unsupported,
}

#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    pub hnsw_ef: Option<usize>,
    pub exact: Option<bool>,
    pub quantization: Option<QuantizationParams>,
    pub indexed_only: Option<bool>,
    pub acorn: Option<AcornParams>,
    pub idf: Unsupported,
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

/// An unsigned integer or a UUID.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub PointId);

/// A point's vectors: the default one, or some by name.
#[derive(Debug)]
pub enum VectorInput {
    Default(Vec<f32>),
    Named(HashMap<String, Vec<f32>>),
}

/// What a query is near to. Every other kind of query is refused by name.
#[derive(Debug)]
pub enum QueryInput {
    Vector(Vec<f32>),
    Id(PointId),
    Other(String),
}

fn bad_id<E: de::Error>(value: impl fmt::Display) -> E {
    E::custom(format!(
        "value {value} is not a valid point ID, valid values are either an unsigned integer or a \
         UUID"
    ))
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an unsigned integer or a UUID")
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Id, E> {
        Ok(Id(PointId::NumId(value)))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Id, E> {
        Err(bad_id(value))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Id, E> {
        Err(bad_id(value))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Id, E> {
        let uuid = Uuid::parse_str(value).map_err(|_| bad_id(value))?;
        Ok(Id(PointId::Uuid(uuid)))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct VectorVisitor;

impl<'de> Visitor<'de> for VectorVisitor {
    type Value = VectorInput;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of numbers, or an object of such arrays by vector name")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<VectorInput, A::Error> {
        floats(seq).map(VectorInput::Default)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VectorInput, A::Error> {
        let mut named = HashMap::with_capacity(map.size_hint().unwrap_or(1));
        while let Some((name, vector)) = map.next_entry::<String, Vec<f32>>()? {
            named.insert(name, vector);
        }
        Ok(VectorInput::Named(named))
    }
}

impl<'de> Deserialize<'de> for VectorInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VectorVisitor)
    }
}

struct QueryVisitor;

impl<'de> Visitor<'de> for QueryVisitor {
    type Value = QueryInput;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a dense vector, a point id, or {\"nearest\": …} of one of these")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<QueryInput, A::Error> {
        floats(seq).map(QueryInput::Vector)
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<QueryInput, E> {
        Ok(QueryInput::Id(PointId::NumId(value)))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<QueryInput, E> {
        Err(bad_id(value))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<QueryInput, E> {
        IdVisitor.visit_str(value).map(|id| QueryInput::Id(id.0))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<QueryInput, A::Error> {
        let mut input = None;
        let mut other = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "nearest" {
                input = Some(map.next_value::<QueryInput>()?);
            } else {
                map.next_value::<de::IgnoredAny>()?;
                other = Some(key);
            }
        }
        match (input, other) {
            (_, Some(other)) => Ok(QueryInput::Other(other)),
            (Some(input), None) => Ok(input),
            (None, None) => Err(de::Error::custom("an empty query object")),
        }
    }
}

impl<'de> Deserialize<'de> for QueryInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QueryVisitor)
    }
}

/// Typical embeddings have hundreds of dimensions: start there instead of doubling up to it.
const USUAL_DIMENSIONS: usize = 256;

fn floats<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Vec<f32>, A::Error> {
    let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(USUAL_DIMENSIONS));
    while let Some(value) = seq.next_element::<f32>()? {
        values.push(value);
    }
    Ok(values)
}

macro_rules! any_schema {
    ($name:ident, $text:literal) => {
        impl JsonSchema for $name {
            fn schema_name() -> String {
                stringify!($name).to_owned()
            }
            fn json_schema(_: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
                schemars::schema::SchemaObject {
                    metadata: Some(Box::new(schemars::schema::Metadata {
                        description: Some($text.to_owned()),
                        ..Default::default()
                    })),
                    ..Default::default()
                }
                .into()
            }
        }
    };
}

any_schema!(Id, "An unsigned integer or a UUID string.");
any_schema!(VectorInput, "An array of numbers, or such arrays by name.");
any_schema!(
    QueryInput,
    "An array of numbers, a point id, or {nearest: one of these}."
);
