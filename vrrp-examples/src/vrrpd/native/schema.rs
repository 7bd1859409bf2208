//! The JSON schema of the format, for editors: made of the tables that the reader goes by.

use serde_json::{Map, Value, json};

use crate::vrrpd::native::shape::{Default, Key, Kind, Shape};
use crate::vrrpd::native::tables::{ANY_CHECK, CHECKS, COMMAND, FILE};

/// Returns the schema, as JSON Schema 2020-12.
pub(crate) fn schema() -> Value {
    let mut schema = of_shapes(&[&FILE]);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!("Configuration of vrrpd"));
    }
    schema
}

/// Returns an object with the keys of all shapes, and no others.
fn of_shapes(shapes: &[&Shape]) -> Value {
    let keys = || shapes.iter().flat_map(|shape| shape.keys);
    let properties: Map<String, Value> = keys().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<&str> =
        keys().filter(|key| matches!(key.default, Default::Required)).map(|key| key.name).collect();
    let about = shapes.first().map_or("", |shape| shape.about);
    let mut object =
        json!({ "type": "object", "description": about, "properties": properties, "additionalProperties": false });
    if let Some(object) = object.as_object_mut().filter(|_| !required.is_empty()) {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn of_key(key: &Key) -> Value {
    let mut value = of_kind(key.kind);
    let about = match key.default {
        Default::Required => key.about.to_owned(),
        Default::Is(default) => format!("{} Default: {default}.", key.about),
    };
    if let Some(value) = value.as_object_mut() {
        value.insert("description".to_owned(), json!(about));
    }
    value
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Whole(from, to) => json!({ "type": "integer", "minimum": from, "maximum": to }),
        Kind::Time(..) => json!({ "type": "string", "pattern": "^[0-9]", "examples": ["3s", "100ms"] }),
        Kind::Text | Kind::Host | Kind::Socket | Kind::Network | Kind::Prefixed => json!({ "type": "string" }),
        Kind::Path => json!({ "type": "string", "minLength": 1 }),
        Kind::Interface => json!({ "type": "string", "minLength": 1, "maxLength": 15 }),
        Kind::Mac => json!({ "type": "string", "pattern": "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$" }),
        Kind::Password => json!({ "anyOf": [
            { "type": "string", "minLength": 1, "maxLength": 8 },
            { "type": "array", "minItems": 1, "maxItems": 8, "items": { "type": "integer", "minimum": 0, "maximum": 255 } },
        ] }),
        Kind::Status => json!({ "anyOf": [
            { "type": "integer", "minimum": 100, "maximum": 999 },
            { "type": "string", "pattern": "^ *[1-9][0-9]{2} *- *[1-9][0-9]{2} *$" },
        ] }),
        Kind::TableNumber => json!({ "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": u32::MAX },
            { "enum": ["main", "local", "default"] },
        ] }),
        Kind::Scope => json!({ "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": u8::MAX },
            { "enum": ["global", "site", "link", "host", "nowhere"] },
        ] }),
        Kind::Mark => json!({ "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": u32::MAX },
            { "type": "string", "pattern": "^(0x[0-9A-Fa-f]+|[0-9]+)(/(0x[0-9A-Fa-f]+|[0-9]+))?$" },
        ] }),
        Kind::Choice(names) => json!({ "enum": names }),
        Kind::Command => json!({ "anyOf": [command(), of_shapes(&[&COMMAND])] }),
        Kind::CommandLine => command(),
        Kind::Words => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::List(kind) => json!({ "type": "array", "items": of_kind(*kind) }),
        Kind::Short(kind, shape) => json!({ "anyOf": [of_kind(*kind), of_shapes(&[shape])] }),
        Kind::Table(shape) => of_shapes(&[shape]),
        Kind::Named(shape) => json!({ "type": "object", "additionalProperties": of_shapes(&[shape]) }),
        Kind::Checks => {
            let checks: Vec<Value> = CHECKS.iter().map(|(kind, shape)| check(kind, shape)).collect();
            json!({ "type": "object", "additionalProperties": { "oneOf": checks } })
        }
    }
}

fn command() -> Value {
    json!({ "anyOf": [
        { "type": "string", "minLength": 1 },
        { "type": "array", "minItems": 1, "items": { "type": "string" } },
    ] })
}

/// Returns what a check of one kind is.
fn check(kind: &str, shape: &Shape) -> Value {
    let mut schema = of_shapes(&[shape, &ANY_CHECK]);
    if let Some(of_kind) = schema.pointer_mut("/properties/kind") {
        *of_kind = json!({ "const": kind, "description": shape.about });
    }
    schema
}
