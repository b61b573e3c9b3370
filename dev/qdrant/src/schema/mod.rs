//! The request bodies this server reads. The structs are both the parser and the printed schema
//! (`--schema`): a field that is not here is refused, because nobody would honour it.

pub mod collection;
pub mod formula;
pub mod points;
pub mod quantization;
pub mod query;
pub mod scoring;
pub mod strict_mode;
pub mod unsupported;
pub mod vector;

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
        "SetPayload": schema_for!(points::SetPayload),
        "DeletePayload": schema_for!(points::DeletePayload),
        "UpdateVectors": schema_for!(points::UpdateVectors),
        "DeleteVectors": schema_for!(points::DeleteVectors),
        "UpdateBatch": schema_for!(points::UpdateBatch),
        "RetrievePoints": schema_for!(points::RetrievePoints),
        "ScrollPoints": schema_for!(points::ScrollPoints),
        "CountPoints": schema_for!(points::CountPoints),
        "CreateFieldIndex": schema_for!(points::CreateFieldIndex),
        "Query": schema_for!(query::Query),
        "QueryBatch": schema_for!(query::QueryBatch),
        "QueryGroups": schema_for!(query::QueryGroups),
        "Search": schema_for!(query::Search),
        "SearchBatch": schema_for!(query::SearchBatch),
        "SearchGroups": schema_for!(query::SearchGroups),
        "Facet": schema_for!(query::Facet),
        "SearchMatrix": schema_for!(query::SearchMatrix),
        "ChangeAliases": schema_for!(crate::store::ChangeAliases),
    })
}
