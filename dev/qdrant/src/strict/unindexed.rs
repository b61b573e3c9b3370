//! Which fields a filter or a formula reads that no fitting payload index serves.

use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{
    AnyVariants, Condition, Expression, FieldCondition, Filter, JsonPath, Match, PayloadIndexInfo,
    PayloadSchemaParams, PayloadSchemaType, RangeInterface, ValueVariants,
};
use std::collections::{BTreeSet, HashMap};

type Schema = HashMap<JsonPath, PayloadIndexInfo>;

/// What an index can answer.
#[derive(Clone, Copy, PartialEq)]
enum Skill {
    IntMatch,
    IntRange,
    KeywordMatch,
    FloatRange,
    Text,
    BoolMatch,
    UuidMatch,
    DatetimeRange,
    Geo,
}

const EVERY: [Skill; 9] = [
    Skill::IntMatch,
    Skill::IntRange,
    Skill::KeywordMatch,
    Skill::FloatRange,
    Skill::Text,
    Skill::BoolMatch,
    Skill::UuidMatch,
    Skill::DatetimeRange,
    Skill::Geo,
];

impl Skill {
    fn index(self) -> &'static str {
        match self {
            Self::IntMatch | Self::IntRange => "integer",
            Self::KeywordMatch => "keyword",
            Self::FloatRange => "float",
            Self::Text => "text",
            Self::BoolMatch => "bool",
            Self::UuidMatch => "uuid",
            Self::DatetimeRange => "datetime",
            Self::Geo => "geo",
        }
    }
}

fn skills(index: &PayloadIndexInfo) -> Vec<Skill> {
    match index.data_type {
        PayloadSchemaType::Keyword => vec![Skill::KeywordMatch],
        PayloadSchemaType::Integer => {
            let (lookup, range) = integer(index);
            let lookup = lookup.then_some(Skill::IntMatch);
            lookup
                .into_iter()
                .chain(range.then_some(Skill::IntRange))
                .collect()
        }
        PayloadSchemaType::Float => vec![Skill::FloatRange],
        PayloadSchemaType::Geo => vec![Skill::Geo],
        PayloadSchemaType::Text => vec![Skill::Text],
        PayloadSchemaType::Bool => vec![Skill::BoolMatch],
        PayloadSchemaType::Datetime => vec![Skill::DatetimeRange],
        PayloadSchemaType::Uuid => vec![Skill::UuidMatch],
    }
}

/// Whether an integer index looks values up, and whether it knows their order.
fn integer(index: &PayloadIndexInfo) -> (bool, bool) {
    match &index.params {
        Some(PayloadSchemaParams::Integer(params)) => {
            (params.lookup.unwrap_or(true), params.range.unwrap_or(true))
        }
        _ => (true, true),
    }
}

pub fn supports_match(index: &PayloadIndexInfo) -> bool {
    match index.data_type {
        PayloadSchemaType::Keyword | PayloadSchemaType::Uuid | PayloadSchemaType::Bool => true,
        PayloadSchemaType::Integer => integer(index).0,
        _ => false,
    }
}

pub fn is_tenant(index: &PayloadIndexInfo) -> bool {
    match &index.params {
        Some(PayloadSchemaParams::Keyword(params)) => params.is_tenant == Some(true),
        Some(PayloadSchemaParams::Uuid(params)) => params.is_tenant == Some(true),
        _ => false,
    }
}

/// Qdrant's words for the first field without a fitting index.
pub fn in_filter(filter: &Filter, schema: &Schema) -> Option<String> {
    first_in_filter(filter, None, schema)
}

fn first_in_filter(filter: &Filter, within: Option<&JsonPath>, schema: &Schema) -> Option<String> {
    filter
        .iter_conditions()
        .find_map(|condition| first_in_condition(condition, within, schema))
}

fn first_in_condition(
    condition: &Condition,
    within: Option<&JsonPath>,
    schema: &Schema,
) -> Option<String> {
    let (key, needed) = match condition {
        Condition::Field(field) => (&field.key, needed(field)),
        Condition::Filter(filter) => return first_in_filter(filter, within, schema),
        Condition::Nested(nested) => {
            // An index on `a[].b` and one on `a.b` both serve it.
            let find = |key: &JsonPath| {
                let within = JsonPath::extend_or_new(within, key);
                first_in_filter(nested.filter(), Some(&within), schema)
            };
            return find(&nested.array_key()).and(find(nested.raw_key()));
        }
        // Any index tells which points have no value.
        Condition::IsEmpty(is_empty) => (&is_empty.is_empty.key, EVERY.to_vec()),
        Condition::IsNull(is_null) => (&is_null.is_null.key, EVERY.to_vec()),
        _ => return None,
    };
    missing(&JsonPath::extend_or_new(within, key), &needed, schema)
}

fn missing(key: &JsonPath, needed: &[Skill], schema: &Schema) -> Option<String> {
    let has = schema.get(key).map(skills).unwrap_or_default();
    if needed.iter().any(|skill| has.contains(skill)) {
        return None;
    }
    let types: BTreeSet<&str> = needed.iter().map(|skill| skill.index()).collect();
    let types: Vec<&str> = types.into_iter().collect();
    let types = types.join(", ");
    Some(format!(
        "Index required but not found for \"{key}\" of one of the following types: [{types}]"
    ))
}

fn strings<'a>(mut values: impl Iterator<Item = &'a str>) -> Vec<Skill> {
    match values.all(|value| Uuid::parse_str(value).is_ok()) {
        true => vec![Skill::UuidMatch, Skill::KeywordMatch],
        false => vec![Skill::KeywordMatch],
    }
}

fn any_of(values: &AnyVariants) -> Vec<Skill> {
    match values {
        AnyVariants::Strings(texts) => strings(texts.iter().map(|text| text.as_str())),
        AnyVariants::Integers(_) => vec![Skill::IntMatch],
    }
}

fn needed(field: &FieldCondition) -> Vec<Skill> {
    let mut needed = Vec::new();
    match &field.r#match {
        Some(Match::Value(value)) => match &value.value {
            ValueVariants::String(text) => needed.extend(strings(std::iter::once(text.as_str()))),
            ValueVariants::Integer(_) => needed.push(Skill::IntMatch),
            ValueVariants::Bool(_) => needed.push(Skill::BoolMatch),
        },
        Some(Match::Any(any)) => needed.extend(any_of(&any.any)),
        Some(Match::Except(except)) => needed.extend(any_of(&except.except)),
        Some(Match::Text(_) | Match::TextAny(_) | Match::Phrase(_)) => needed.push(Skill::Text),
        Some(_) => needed.push(Skill::KeywordMatch),
        None => {}
    }
    match &field.range {
        Some(RangeInterface::DateTime(_)) => needed.push(Skill::DatetimeRange),
        Some(RangeInterface::Float(_)) => needed.extend([Skill::FloatRange, Skill::IntRange]),
        None => {}
    }
    if field.geo_bounding_box.is_some() || field.geo_radius.is_some() || field.geo_polygon.is_some()
    {
        needed.push(Skill::Geo);
    }
    if field.values_count.is_some() || field.is_empty.is_some() || field.is_null.is_some() {
        needed.extend(EVERY);
    }
    needed
}

pub fn in_expression(expression: &Expression, schema: &Schema) -> Option<String> {
    use Expression as E;
    let all = |parts: &[Expression]| parts.iter().find_map(|part| in_expression(part, schema));
    match expression {
        E::Constant(_) | E::Datetime(_) => None,
        E::Variable(name) if name.starts_with('$') => None,
        E::Variable(name) => {
            let numeric = [Skill::IntMatch, Skill::IntRange, Skill::FloatRange];
            missing(&name.parse().ok()?, &numeric, schema)
        }
        E::Condition(condition) => first_in_condition(condition, None, schema),
        E::GeoDistance { to, .. } => missing(to, &[Skill::Geo], schema),
        E::DatetimeKey(key) => missing(key, &[Skill::DatetimeRange], schema),
        E::Mult(parts) | E::Sum(parts) | E::Max(parts) | E::Min(parts) => all(parts),
        E::Neg(one)
        | E::Sqrt(one)
        | E::Exp(one)
        | E::Log10(one)
        | E::Ln(one)
        | E::Acosh(one)
        | E::Abs(one) => in_expression(one, schema),
        E::Div { left, right, .. } => {
            in_expression(left, schema).or_else(|| in_expression(right, schema))
        }
        E::Pow { base, exponent } => {
            in_expression(base, schema).or_else(|| in_expression(exponent, schema))
        }
        E::Decay { x, target, .. } => in_expression(x, schema).or_else(|| {
            target
                .as_ref()
                .and_then(|target| in_expression(target, schema))
        }),
    }
}
