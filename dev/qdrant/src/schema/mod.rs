//! The request bodies this server reads. The structs are both the parser and the printed schema
//! (`--schema`): a field that is not here is refused, because nobody would honour it.

pub mod collection;
pub mod points;
pub mod unsupported;

pub use unsupported::Unsupported;

use schemars::schema_for;
use serde_json::{Value, json};

/// The schemas by name, from the very structs that read the bodies.
pub fn print() -> Value {
    json!({
        "CreateCollection": schema_for!(collection::CreateCollection),
        "UpdateCollection": schema_for!(collection::UpdateCollection),
        "UpsertPoints": schema_for!(points::UpsertPoints),
        "PointsSelector": schema_for!(points::PointsSelector),
        "RetrievePoints": schema_for!(points::RetrievePoints),
        "ScrollPoints": schema_for!(points::ScrollPoints),
        "CountPoints": schema_for!(points::CountPoints),
        "CreateFieldIndex": schema_for!(points::CreateFieldIndex),
        "Query": schema_for!(points::Query),
        "QueryBatch": schema_for!(points::QueryBatch),
        "ChangeAliases": schema_for!(crate::store::ChangeAliases),
    })
}
