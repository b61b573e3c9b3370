//! Vectors as the API writes them: an array, an array of arrays, `{indices, values}`, or a point's id
//! in their place.

use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{PointId, SparseVector};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;

/// An unsigned integer or a UUID.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub PointId);

#[derive(Clone, Debug)]
pub enum VectorInput {
    Dense(Vec<f32>),
    Multi(Vec<Vec<f32>>),
    Sparse(SparseVector),
}

/// A point's vectors: the default one, or some by name.
#[derive(Debug)]
pub enum PointVectors {
    Default(VectorInput),
    Named(HashMap<String, VectorInput>),
}

/// The vectors of a batch of points: one column, or some by name.
#[derive(Debug)]
pub enum BatchVectors {
    Default(Vec<VectorInput>),
    Named(HashMap<String, Vec<VectorInput>>),
}

/// What a query may be near to.
#[derive(Clone, Debug)]
pub enum Example {
    Vector(VectorInput),
    Id(PointId),
}

pub fn bad_id<E: de::Error>(value: impl fmt::Display) -> E {
    E::custom(format!(
        "value {value} is not a valid point ID, valid values are either an unsigned integer or a \
         UUID"
    ))
}

pub fn uuid_id<E: de::Error>(value: &str) -> Result<PointId, E> {
    let uuid = Uuid::parse_str(value).map_err(|_| bad_id(value))?;
    Ok(PointId::Uuid(uuid))
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
        uuid_id(value).map(Id)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

/// The first element of an array tells whether it is a vector or a list of vectors.
enum Element {
    Number(f32),
    Row(Vec<f32>),
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("f32 or an array of f32")
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Element, E> {
        Ok(Element::Number(value as f32))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Element, E> {
        Ok(Element::Number(value as f32))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Element, E> {
        Ok(Element::Number(value as f32))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Element, A::Error> {
        let mut row = Vec::with_capacity(seq.size_hint().unwrap_or(USUAL_DIMENSIONS));
        while let Some(value) = seq.next_element()? {
            row.push(value);
        }
        Ok(Element::Row(row))
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

/// Typical embeddings have hundreds of dimensions: start there instead of doubling up to it.
const USUAL_DIMENSIONS: usize = 256;

pub fn vector_of_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<VectorInput, A::Error> {
    match seq.next_element::<Element>()? {
        None => Ok(VectorInput::Dense(Vec::new())),
        Some(Element::Number(first)) => {
            let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(USUAL_DIMENSIONS));
            values.push(first);
            while let Some(value) = seq.next_element::<f32>()? {
                values.push(value);
            }
            Ok(VectorInput::Dense(values))
        }
        Some(Element::Row(first)) => {
            let mut rows = vec![first];
            while let Some(row) = seq.next_element::<Vec<f32>>()? {
                rows.push(row);
            }
            Ok(VectorInput::Multi(rows))
        }
    }
}

/// `{indices, values}`. Qdrant's other objects ask the server to make the vector from text or an image.
pub fn sparse_of_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<VectorInput, A::Error> {
    let (mut indices, mut values) = (None, None);
    while let Some(key) = map.next_key::<String>()? {
        match key.as_str() {
            "indices" => indices = Some(map.next_value()?),
            "values" => values = Some(map.next_value()?),
            other => {
                return Err(de::Error::custom(format!(
                    "`{other}` is no field of a sparse vector: give `indices` and `values`; making \
                     vectors from text or images is not supported by this development server"
                )));
            }
        }
    }
    sparse(
        indices.ok_or_else(|| de::Error::missing_field("indices"))?,
        values.ok_or_else(|| de::Error::missing_field("values"))?,
    )
}

/// Sorted by index, as the engine wants it.
pub fn sparse<E: de::Error>(indices: Vec<u32>, values: Vec<f32>) -> Result<VectorInput, E> {
    if indices.len() != values.len() {
        return Err(E::custom(format!(
            "a sparse vector has {} indices and {} values: must be as many",
            indices.len(),
            values.len()
        )));
    }
    let mut vector = SparseVector { indices, values };
    vector.sort_by_indices();
    if let Some(pair) = vector.indices.windows(2).find(|pair| pair[0] == pair[1]) {
        let index = pair[0];
        return Err(E::custom(format!(
            "index {index} occurs twice in a sparse vector: must be unique"
        )));
    }
    Ok(VectorInput::Sparse(vector))
}

struct VectorVisitor;

impl<'de> Visitor<'de> for VectorVisitor {
    type Value = VectorInput;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of numbers, an array of such arrays, or {indices, values}")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<VectorInput, A::Error> {
        vector_of_seq(seq)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<VectorInput, A::Error> {
        sparse_of_map(map)
    }
}

impl<'de> Deserialize<'de> for VectorInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VectorVisitor)
    }
}

struct PointVectorsVisitor;

impl<'de> Visitor<'de> for PointVectorsVisitor {
    type Value = PointVectors;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of numbers, an array of such arrays, or an object of vectors by name")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<PointVectors, A::Error> {
        vector_of_seq(seq).map(PointVectors::Default)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PointVectors, A::Error> {
        let mut named = HashMap::with_capacity(map.size_hint().unwrap_or(1));
        while let Some((name, vector)) = map.next_entry()? {
            named.insert(name, vector);
        }
        Ok(PointVectors::Named(named))
    }
}

impl<'de> Deserialize<'de> for PointVectors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PointVectorsVisitor)
    }
}

struct BatchVectorsVisitor;

impl<'de> Visitor<'de> for BatchVectorsVisitor {
    type Value = BatchVectors;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array of vectors, or an object of such arrays by vector name")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<BatchVectors, A::Error> {
        let mut column = Vec::with_capacity(seq.size_hint().unwrap_or(64));
        while let Some(vector) = seq.next_element()? {
            column.push(vector);
        }
        Ok(BatchVectors::Default(column))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BatchVectors, A::Error> {
        let mut named = HashMap::with_capacity(map.size_hint().unwrap_or(1));
        while let Some((name, column)) = map.next_entry()? {
            named.insert(name, column);
        }
        Ok(BatchVectors::Named(named))
    }
}

impl<'de> Deserialize<'de> for BatchVectors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BatchVectorsVisitor)
    }
}

struct ExampleVisitor;

impl<'de> Visitor<'de> for ExampleVisitor {
    type Value = Example;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a vector or a point id")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Example, A::Error> {
        vector_of_seq(seq).map(Example::Vector)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Example, A::Error> {
        sparse_of_map(map).map(Example::Vector)
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Example, E> {
        Ok(Example::Id(PointId::NumId(value)))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Example, E> {
        Err(bad_id(value))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<Example, E> {
        uuid_id(value).map(Example::Id)
    }
}

impl<'de> Deserialize<'de> for Example {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExampleVisitor)
    }
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
pub(crate) use any_schema;

any_schema!(Id, "An unsigned integer or a UUID string.");
any_schema!(
    VectorInput,
    "An array of numbers, an array of such arrays, or {indices, values}."
);
any_schema!(
    PointVectors,
    "An array of numbers, an array of such arrays, or vectors by name."
);
any_schema!(BatchVectors, "An array of vectors, or such arrays by name.");
any_schema!(Example, "A vector, or a point id.");
