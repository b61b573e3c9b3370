//! Bodies of the point endpoints: reads, writes and payload indexes.

use qdrant_edge::{
    Filter, OrderByInterface, PayloadFieldSchema, UpdateMode, WithPayloadInterface, WithVector,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Unsupported;
use super::vector::{BatchVectors, Id, PointVectors};

/// `points` or `batch`, exactly one.
#[derive(Debug, Deserialize, JsonSchema)]
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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointStruct {
    pub id: Id,
    pub vector: PointVectors,
    pub payload: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    pub ids: Vec<Id>,
    pub vectors: BatchVectors,
    pub payloads: Option<Vec<Option<Map<String, Value>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PointsSelector {
    Ids(PointIdsList),
    Filter(FilterSelector),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointIdsList {
    pub points: Vec<Id>,
    #[serde(default)]
    pub shard_key: Unsupported,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterSelector {
    pub filter: Filter,
    #[serde(default)]
    pub shard_key: Unsupported,
}

/// Sets (POST) or overwrites (PUT) the payload of the points named or matched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPayload {
    pub payload: Map<String, Value>,
    pub points: Option<Vec<Id>>,
    pub filter: Option<Filter>,
    #[serde(default)]
    pub shard_key: Unsupported,
    /// Where in the payload to set it; at its root when absent.
    pub key: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeletePayload {
    pub keys: Vec<String>,
    pub points: Option<Vec<Id>>,
    pub filter: Option<Filter>,
    #[serde(default)]
    pub shard_key: Unsupported,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateVectors {
    pub points: Vec<PointVectorsOf>,
    #[serde(default)]
    pub shard_key: Unsupported,
    pub update_filter: Option<Filter>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointVectorsOf {
    pub id: Id,
    pub vector: PointVectors,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteVectors {
    pub points: Option<Vec<Id>>,
    pub filter: Option<Filter>,
    pub vector: Vec<String>,
    #[serde(default)]
    pub shard_key: Unsupported,
}

/// Several writes, applied in their order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateBatch {
    pub operations: Vec<UpdateOne>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdateOne {
    Upsert(UpsertPoints),
    Delete(PointsSelector),
    SetPayload(SetPayload),
    OverwritePayload(SetPayload),
    DeletePayload(DeletePayload),
    ClearPayload(PointsSelector),
    UpdateVectors(UpdateVectors),
    DeleteVectors(DeleteVectors),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrievePoints {
    pub ids: Vec<Id>,
    #[serde(default)]
    pub shard_key: Unsupported,
    pub with_payload: Option<WithPayloadInterface>,
    #[serde(alias = "with_vectors")]
    pub with_vector: Option<WithVector>,
}

#[derive(Debug, Deserialize, JsonSchema)]
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
    pub order_by: Option<OrderByInterface>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountPoints {
    #[serde(default)]
    pub shard_key: Unsupported,
    pub filter: Option<Filter>,
    pub exact: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFieldIndex {
    pub field_name: String,
    #[serde(alias = "field_type")]
    pub field_schema: Option<FieldSchema>,
}

/// A type's name, or its parameters.
#[derive(Debug)]
pub struct FieldSchema(pub PayloadFieldSchema);

impl<'de> Deserialize<'de> for FieldSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let sent = Value::deserialize(deserializer)?;
        let read: PayloadFieldSchema =
            serde_json::from_value(sent.clone()).map_err(D::Error::custom)?;
        let known = serde_json::to_value(&read).map_err(D::Error::custom)?;
        match ignored(&sent, &known) {
            Some(key) => Err(D::Error::custom(format!(
                "unknown parameter `{key}` of this type of index"
            ))),
            None => Ok(Self(read)),
        }
    }
}

/// The first key of `sent` that is not in `known`: the engine passes over parameters it does not know.
fn ignored<'a>(sent: &'a Value, known: &Value) -> Option<&'a str> {
    let (sent, known) = (sent.as_object()?, known.as_object()?);
    sent.iter()
        .filter(|(_, value)| !value.is_null())
        .find_map(|(key, value)| match known.get(key) {
            None | Some(Value::Null) => Some(key.as_str()),
            Some(known) => ignored(value, known),
        })
}

impl JsonSchema for FieldSchema {
    fn schema_name() -> String {
        PayloadFieldSchema::schema_name()
    }
    fn json_schema(generator: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
        PayloadFieldSchema::json_schema(generator)
    }
}
