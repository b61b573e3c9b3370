//! The `query` of a query: how points are scored.

use qdrant_edge::{OrderByInterface, PointId};
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

use super::Unsupported;
use super::formula::Expression;
use super::vector::{Example, bad_id, sparse, uuid_id, vector_of_seq};

/// How points are scored.
#[derive(Debug)]
pub enum QueryInput {
    Nearest(Example),
    Mmr(Example, Mmr),
    Recommend(Recommend),
    Discover(Discover),
    Context(Vec<ContextPair>),
    OrderBy(OrderByInterface),
    Fusion(Fusion),
    Rrf(Rrf),
    Formula(Formula),
    Sample,
    Feedback(Feedback),
}

/// Every field that a query written as an object may have; which go together, `QueryInput` says.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct QueryObject {
    nearest: Option<Example>,
    mmr: Option<Mmr>,
    recommend: Option<Recommend>,
    discover: Option<Discover>,
    context: Option<OneOrMany<ContextPair>>,
    order_by: Option<OrderByInterface>,
    fusion: Option<Fusion>,
    rrf: Option<Rrf>,
    formula: Option<Expression>,
    defaults: Option<HashMap<String, Value>>,
    sample: Option<Sample>,
    relevance_feedback: Option<Feedback>,
    indices: Option<Vec<u32>>,
    values: Option<Vec<f32>>,
    /// Making vectors on the server is refused.
    text: Unsupported,
    image: Unsupported,
    object: Unsupported,
    model: Unsupported,
    options: Unsupported,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fusion {
    Rrf,
    Dbsf,
}

#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rrf {
    pub k: Option<usize>,
    /// One for each prefetch.
    pub weights: Option<Vec<f32>>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sample {
    Random,
}

#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mmr {
    pub diversity: Option<f32>,
    pub candidates_limit: Option<usize>,
}

#[derive(Clone, Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recommend {
    pub positive: Option<Vec<Example>>,
    pub negative: Option<Vec<Example>>,
    pub strategy: Option<RecommendStrategy>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecommendStrategy {
    #[default]
    AverageVector,
    BestScore,
    SumScores,
}

#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discover {
    pub target: Example,
    pub context: Option<OneOrMany<ContextPair>>,
}

#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextPair {
    pub positive: Example,
    pub negative: Example,
}

#[derive(Clone, Debug)]
pub struct Formula {
    pub formula: Expression,
    pub defaults: HashMap<String, Value>,
}

#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    pub target: Example,
    pub feedback: Vec<FeedbackItem>,
    pub strategy: FeedbackStrategy,
}

#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackItem {
    pub example: Example,
    pub score: f32,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeedbackStrategy {
    Naive(NaiveFeedback),
}

#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NaiveFeedback {
    pub a: f32,
    pub b: f32,
    pub c: f32,
}

#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(all) => all,
            Self::One(one) => vec![one],
        }
    }
}

impl QueryObject {
    fn into_input<E: de::Error>(self) -> Result<QueryInput, E> {
        if [self.text, self.image, self.object, self.model, self.options]
            .iter()
            .any(|field| field.0)
        {
            return Err(E::custom(
                "making vectors from text or images is not supported by this development server",
            ));
        }
        let mut kinds: Vec<QueryInput> = Vec::new();
        let (has_nearest, has_mmr) = (self.nearest.is_some(), self.mmr.is_some());
        let (has_formula, has_defaults) = (self.formula.is_some(), self.defaults.is_some());
        kinds.extend(self.nearest.map(|near| match self.mmr {
            Some(mmr) => QueryInput::Mmr(near, mmr),
            None => QueryInput::Nearest(near),
        }));
        if self.indices.is_some() || self.values.is_some() {
            let indices = self.indices.ok_or_else(|| E::missing_field("indices"))?;
            let values = self.values.ok_or_else(|| E::missing_field("values"))?;
            kinds.push(QueryInput::Nearest(Example::Vector(sparse(
                indices, values,
            )?)));
        }
        kinds.extend(self.recommend.map(QueryInput::Recommend));
        kinds.extend(self.discover.map(QueryInput::Discover));
        let context = self.context.map(OneOrMany::into_vec);
        kinds.extend(context.map(QueryInput::Context));
        kinds.extend(self.order_by.map(QueryInput::OrderBy));
        kinds.extend(self.fusion.map(QueryInput::Fusion));
        kinds.extend(self.rrf.map(QueryInput::Rrf));
        kinds.extend(self.formula.map(|formula| {
            let defaults = self.defaults.unwrap_or_default();
            QueryInput::Formula(Formula { formula, defaults })
        }));
        kinds.extend(self.sample.map(|Sample::Random| QueryInput::Sample));
        kinds.extend(self.relevance_feedback.map(QueryInput::Feedback));
        if has_mmr && !has_nearest {
            return Err(E::custom("`mmr` goes with `nearest`"));
        }
        if has_defaults && !has_formula {
            return Err(E::custom("`defaults` go with `formula`"));
        }
        match (kinds.pop(), kinds.is_empty()) {
            (Some(kind), true) => Ok(kind),
            (Some(_), false) => Err(E::custom(
                "a query object says how to score in one way: `nearest`, `recommend`, `fusion` …, \
                 not in several",
            )),
            (None, _) => Err(E::custom("an empty query object")),
        }
    }
}

struct QueryVisitor;

impl<'de> Visitor<'de> for QueryVisitor {
    type Value = QueryInput;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a vector, a point id, or an object such as {\"nearest\": …}")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<QueryInput, A::Error> {
        vector_of_seq(seq).map(|vector| QueryInput::Nearest(Example::Vector(vector)))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<QueryInput, E> {
        Ok(QueryInput::Nearest(Example::Id(PointId::NumId(value))))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<QueryInput, E> {
        Err(bad_id(value))
    }
    fn visit_str<E: de::Error>(self, value: &str) -> Result<QueryInput, E> {
        uuid_id(value).map(|id| QueryInput::Nearest(Example::Id(id)))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<QueryInput, A::Error> {
        QueryObject::deserialize(de::value::MapAccessDeserializer::new(map))?.into_input()
    }
}

impl<'de> Deserialize<'de> for QueryInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QueryVisitor)
    }
}

impl JsonSchema for QueryInput {
    fn schema_name() -> String {
        "QueryInput".to_owned()
    }
    fn json_schema(generator: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
        <Either<Example, QueryObject>>::json_schema(generator)
    }
}

/// For printed schemas only.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum Either<A, B> {
    A(A),
    B(B),
}
