//! Formulas: `{"sum": ["$score", {"mult": [0.5, "popularity"]}]}`.

use qdrant_edge::{Condition, DecayKind, Expression as EngineExpression, GeoPoint, JsonPath};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::str::FromStr;

use super::vector::any_schema;

#[derive(Clone, Debug)]
pub struct Expression(pub EngineExpression);

any_schema!(
    Expression,
    "A number, a variable's name, a condition, or an operation on expressions."
);

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        parse(value).map(Self).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Div {
    left: Expression,
    right: Expression,
    by_zero_default: Option<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pow {
    base: Expression,
    exponent: Expression,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GeoDistance {
    origin: GeoPoint,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decay {
    x: Expression,
    target: Option<Expression>,
    midpoint: Option<f32>,
    scale: Option<f32>,
}

fn read<T: for<'a> Deserialize<'a>>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn one(value: Value) -> Result<Box<EngineExpression>, String> {
    parse(value).map(Box::new)
}

fn many(value: Value) -> Result<Vec<EngineExpression>, String> {
    let Value::Array(values) = value else {
        return Err("a sum and a product take an array of expressions".to_owned());
    };
    values.into_iter().map(parse).collect()
}

fn path(name: &str) -> Result<JsonPath, String> {
    JsonPath::from_str(name).map_err(|()| format!("`{name}` is not a payload field path"))
}

fn parse(value: Value) -> Result<EngineExpression, String> {
    match value {
        Value::Number(number) => {
            let constant = number.as_f64().unwrap_or(f64::NAN) as f32;
            Ok(EngineExpression::Constant(constant))
        }
        Value::String(name) => Ok(EngineExpression::Variable(name)),
        Value::Object(mut map) if map.len() == 1 => {
            let name = map.keys().next().cloned().unwrap_or_default();
            let argument = map.remove(&name).unwrap_or_default();
            operation(&name, argument)
        }
        Value::Object(_) => condition(value),
        other => Err(format!(
            "`{other}` is no expression: must be a number, a variable's name, or an object"
        )),
    }
}

fn condition(value: Value) -> Result<EngineExpression, String> {
    let condition: Condition = read(value)?;
    Ok(EngineExpression::Condition(Box::new(condition)))
}

fn operation(name: &str, argument: Value) -> Result<EngineExpression, String> {
    use EngineExpression as E;
    Ok(match name {
        "sum" => E::Sum(many(argument)?),
        "mult" => E::Mult(many(argument)?),
        "neg" => E::Neg(one(argument)?),
        "abs" => E::Abs(one(argument)?),
        "sqrt" => E::Sqrt(one(argument)?),
        "exp" => E::Exp(one(argument)?),
        "log10" => E::Log10(one(argument)?),
        "ln" => E::Ln(one(argument)?),
        "div" => {
            let Div {
                left,
                right,
                by_zero_default,
            } = read(argument)?;
            E::Div {
                left: Box::new(left.0),
                right: Box::new(right.0),
                by_zero_default,
            }
        }
        "pow" => {
            let Pow { base, exponent } = read(argument)?;
            E::Pow {
                base: Box::new(base.0),
                exponent: Box::new(exponent.0),
            }
        }
        "geo_distance" => {
            let GeoDistance { origin, to } = read(argument)?;
            let to = path(&to)?;
            E::GeoDistance { origin, to }
        }
        "datetime" => E::Datetime(read(argument)?),
        "datetime_key" => E::DatetimeKey(path(&read::<String>(argument)?)?),
        "lin_decay" => decay(DecayKind::Lin, argument)?,
        "exp_decay" => decay(DecayKind::Exp, argument)?,
        "gauss_decay" => decay(DecayKind::Gauss, argument)?,
        _ => {
            let mut map = serde_json::Map::new();
            map.insert(name.to_owned(), argument);
            condition(Value::Object(map))?
        }
    })
}

fn decay(kind: DecayKind, argument: Value) -> Result<EngineExpression, String> {
    let Decay {
        x,
        target,
        midpoint,
        scale,
    } = read(argument)?;
    Ok(EngineExpression::Decay {
        kind,
        x: Box::new(x.0),
        target: target.map(|target| Box::new(target.0)),
        midpoint,
        scale,
    })
}
