//! How large a schema becomes when llguidance multiplies it out: the intersection of alternatives has all pairs of them,
//! each with a copy of the parts of both. A short schema can become gigabytes; this is known before it does.

use serde_json::Value;

use crate::failure::{Failure, TOO_LARGE, TOO_SLOW};

/// Parts of a schema after multiplication.
const MAX_PARTS: f64 = 200_000.0;
/// Pairs that are compared: patterns of keys (each may need a product of automata), and alternatives of `oneOf`.
const MAX_PATTERN_PAIRS: f64 = 1_000.0;
const MAX_ONE_OF_PAIRS: f64 = 250_000.0;
/// Compiling an object takes time with the square of its properties.
const MAX_PROPERTY_PAIRS: f64 = 1_000_000.0;
/// References that branch are visited again and again.
const MAX_VISITS: usize = 500_000;

/// What a pair of patterns costs, in parts.
const PATTERN_PAIR: f64 = 20.0;

/// Refuses a prepared schema that would take too much memory or time.
pub fn check(schema: &Value) -> Result<(), Failure> {
    let mut weigher = Weigher::of(schema);
    if weigher.document() > MAX_PARTS {
        return Err(Failure::new(TOO_LARGE, "the schema is too large when its alternatives are combined"));
    }
    if weigher.pattern_pairs > MAX_PATTERN_PAIRS {
        return Err(Failure::new(TOO_SLOW, "'patternProperties' has too many patterns"));
    }
    if weigher.property_pairs > MAX_PROPERTY_PAIRS {
        return Err(Failure::new(TOO_SLOW, "'properties' has too many properties"));
    }
    if weigher.one_of_pairs > MAX_ONE_OF_PAIRS {
        return Err(Failure::new(TOO_SLOW, "'oneOf' has too many alternatives"));
    }
    Ok(())
}

/// What it costs to compile a prepared schema, in parts.
pub fn of(schema: &Value) -> f64 {
    let mut weigher = Weigher::of(schema);
    weigher.document() + PATTERN_PAIR * weigher.pattern_pairs
}

#[derive(Clone, Copy)]
struct Weight {
    alternatives: f64,
    parts: f64,
}

impl Weight {
    const ONE: Weight = Weight { alternatives: 1.0, parts: 1.0 };

    fn with_all(self, other: Weight) -> Weight {
        Weight {
            alternatives: self.alternatives * other.alternatives,
            parts: self.alternatives * other.parts + other.alternatives * self.parts,
        }
    }
}

struct Weigher<'a> {
    root: &'a Value,
    /// The references that are being followed.
    followed: Vec<String>,
    visits: usize,
    pattern_pairs: f64,
    one_of_pairs: f64,
    property_pairs: f64,
}

impl<'a> Weigher<'a> {
    fn of(root: &'a Value) -> Self {
        Weigher {
            root,
            followed: Vec::new(),
            visits: 0,
            pattern_pairs: 0.0,
            one_of_pairs: 0.0,
            property_pairs: 0.0,
        }
    }

    /// The parts of the schema with its definitions.
    fn document(&mut self) -> f64 {
        let root = self.root;
        let definitions = root.get("$defs").and_then(Value::as_object);
        let parts = definitions.map_or(0.0, |all| all.values().fold(0.0, |sum, each| sum + self.schema(each, false).parts));
        parts + self.schema(root, false).parts
    }

    /// The weight of a schema; in a combination, a reference is replaced by what it refers to.
    fn schema(&mut self, schema: &Value, combined: bool) -> Weight {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            return Weight { alternatives: 1.0, parts: f64::INFINITY };
        }
        let Some(keywords) = schema.as_object() else {
            return Weight::ONE;
        };
        let applicators = ["allOf", "anyOf", "oneOf", "$ref", "const", "enum"];
        let combined = combined || keywords.len() > 1 && keywords.keys().any(|each| applicators.contains(&each.as_str()));
        let mut own = 1.0;
        let mut weight = Weight::ONE;
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("properties" | "patternProperties", Value::Object(map)) => {
                    own += map.values().fold(0.0, |sum, each| sum + self.schema(each, false).parts);
                    let pairs = (map.len() * map.len()) as f64;
                    if keyword == "patternProperties" {
                        self.pattern_pairs += pairs;
                    } else {
                        self.property_pairs += pairs;
                    }
                }
                ("prefixItems" | "items", Value::Array(list)) => {
                    own += list.iter().fold(0.0, |sum, each| sum + self.schema(each, false).parts);
                }
                ("items" | "additionalItems" | "additionalProperties", value) => {
                    own += self.schema(value, false).parts;
                }
                ("allOf", Value::Array(list)) => {
                    for each in list {
                        weight = weight.with_all(self.schema(each, true));
                    }
                }
                ("anyOf" | "oneOf", Value::Array(list)) => {
                    let mut sum = Weight { alternatives: 0.0, parts: 0.0 };
                    for each in list {
                        let option = self.schema(each, combined);
                        sum.alternatives += option.alternatives;
                        sum.parts += option.parts;
                    }
                    if keyword == "oneOf" {
                        self.one_of_pairs += (list.len() * list.len()) as f64;
                    }
                    weight = weight.with_all(sum);
                }
                ("enum", Value::Array(list)) => {
                    let count = list.len().max(1) as f64;
                    weight = weight.with_all(Weight { alternatives: count, parts: count });
                }
                // what refers to itself is not combined with itself: llguidance refuses it
                ("$ref", Value::String(reference)) if combined && !self.followed.contains(reference) => {
                    let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
                    self.followed.push(reference.clone());
                    weight = weight.with_all(target.map_or(Weight::ONE, |target| self.schema(target, true)));
                    self.followed.pop();
                }
                _ => {}
            }
        }
        weight.with_all(Weight { alternatives: 1.0, parts: own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Map};

    #[test]
    fn products_of_alternatives_are_refused() {
        let options: Vec<Value> = (0..900).map(|i| json!({ "required": [i.to_string()] })).collect();
        let properties: Map<String, Value> = (0..900).map(|i| (i.to_string(), json!({}))).collect();
        let nested = json!({ "properties": { "x": { "properties": properties } } });
        assert!(check(&json!({ "anyOf": options })).is_ok());
        assert!(check(&nested).is_ok());
        assert_eq!(check(&json!({ "allOf": [{ "anyOf": options }, nested] })).unwrap_err().code, TOO_LARGE);
    }

    #[test]
    fn branching_references_are_refused() {
        let mut definitions = Map::new();
        for i in 0..31 {
            let next = json!({ "$ref": format!("#/$defs/{}", i + 1) });
            definitions.insert(i.to_string(), json!({ "allOf": [next, next] }));
        }
        definitions.insert("31".to_string(), json!({ "type": "string" }));
        assert_eq!(check(&json!({ "$ref": "#/$defs/0", "$defs": definitions })).unwrap_err().code, TOO_LARGE);
    }

    #[test]
    fn recursion_ends() {
        assert!(check(&json!({ "$ref": "#", "title": "x" })).is_ok());
        assert!(check(&json!({ "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#" } } })).is_ok());
    }
}
