//! A field Qdrant knows and this server does not honour: present only so that the refusal can
//! name it.

use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::{Metadata, Schema, SchemaObject};
use serde::de::{Deserialize, Deserializer, IgnoredAny};

/// True when the client sent the field with anything but null.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unsupported(pub bool);

impl Unsupported {
    /// For `skip_serializing_if`: there is nothing to show.
    pub fn always(&self) -> bool {
        true
    }
}

impl serde::Serialize for Unsupported {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de> Deserialize<'de> for Unsupported {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<IgnoredAny>::deserialize(deserializer).map(|value| Self(value.is_some()))
    }
}

impl JsonSchema for Unsupported {
    fn schema_name() -> String {
        "Unsupported".to_owned()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        SchemaObject {
            metadata: Some(Box::new(Metadata {
                description: Some("Refused with 400 whatever its value.".to_owned()),
                ..Metadata::default()
            })),
            ..SchemaObject::default()
        }
        .into()
    }
}
