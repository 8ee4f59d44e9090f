//! JSON Schemas before llguidance compiles them: what can't be enforced exactly is refused with keyword and path, and
//! patterns and formats are replaced by regular expressions that mean the same everywhere.

use llguidance::api::{GrammarInit, ParserLimits, TopLevelGrammar};
use llguidance::toktrie::InferenceCapabilities;
use llguidance::Logger;
use serde_json::{json, Map, Value};

use crate::failure::{Failure, INTERNAL, TOO_LARGE};
use crate::formats;
use crate::grammar::with_options;
use crate::regex;
use crate::tokenizer::Tokenizer;
use crate::weight;

/// Numbers above this are not exact as 64-bit floating point numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Bounds on repetitions: each repetition adds symbols to the grammar.
const MAX_REPEAT: u64 = 100_000;
/// How many parts of a refused schema are compiled alone to find the path of the error.
const SEARCHED: usize = 200;

/// Keywords of any draft that the grammar can't express.
const UNSUPPORTED: [&str; 22] = [
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "$recursiveRef",
    "$vocabulary",
    "extends",
    "disallow",
    "divisibleBy",
    "x-guidance",
    "contentSchema",
];

/// A schema that llguidance can compile without approximation.
pub fn prepared(text: &str) -> Result<Value, Failure> {
    let mut schema: Value = serde_json::from_str(text).map_err(|error| {
        let failure = Failure::of(&anyhow::Error::new(error));
        Failure::new(failure.code, format!("the schema is not JSON: {}", failure.message))
    })?;
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    if !schema.is_object() {
        return Err(Failure::unsupported("the schema is not an object, or accepts no value"));
    }
    Preparation.schema(&mut schema, &mut Path::default())?;
    weight::check(&schema)?;
    Ok(schema)
}

/// A JSON pointer as a URI fragment: `#/properties/name`.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn within<T>(&mut self, step: &str, action: impl FnOnce(&mut Path) -> T) -> T {
        self.0.push(step.replace('~', "~0").replace('/', "~1"));
        let result = action(self);
        self.0.pop();
        result
    }

    fn text(&self) -> String {
        let mut text = "#".to_string();
        for step in &self.0 {
            text.push('/');
            text.push_str(step);
        }
        text
    }
}

fn refused(keyword: &str, path: &Path, why: &str) -> Failure {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    Failure::unsupported(format!("'{keyword}' at {} is not supported{why}", path.text()))
}

/// Walks a schema. A `$ref` may point to any place of the document, so that values of unknown keywords are prepared, too.
struct Preparation;

impl Preparation {
    fn schema(&mut self, schema: &mut Value, path: &mut Path) -> Result<(), Failure> {
        let Some(keywords) = schema.as_object_mut() else {
            return match schema {
                Value::Bool(_) => Ok(()),
                _ => Err(Failure::unsupported(format!(
                    "{} is no schema: neither an object nor true or false",
                    path.text()
                ))),
            };
        };
        drop_trivial(keywords);
        for keyword in UNSUPPORTED {
            // without 'if', 'then' and 'else' say nothing; without 'contains', its bounds neither
            let needs = match keyword {
                "then" | "else" => Some("if"),
                "minContains" | "maxContains" => Some("contains"),
                _ => None,
            };
            if needs.is_some_and(|needed| !keywords.contains_key(needed)) {
                keywords.remove(keyword);
            }
            if keywords.contains_key(keyword) {
                return Err(refused(keyword, path, ""));
            }
        }
        numbers(keywords, path)?;
        min_properties(keywords, path)?;
        constants(keywords, path)?;
        texts(keywords, path)?;
        for (keyword, value) in keywords.iter_mut() {
            path.within(keyword, |path| self.keyword(keyword, value, path))?;
        }
        Ok(())
    }

    fn keyword(&mut self, keyword: &str, value: &mut Value, path: &mut Path) -> Result<(), Failure> {
        match keyword {
            "properties" | "$defs" | "definitions" => self.map(value, path),
            "patternProperties" => {
                let Some(map) = value.as_object_mut() else {
                    return Err(Failure::unsupported(format!("{} is not an object", path.text())));
                };
                let mut prepared = Map::new();
                for (pattern, mut schema) in std::mem::take(map) {
                    path.within(&pattern, |path| {
                        let regex = regex::of_pattern(&pattern)
                            .map_err(|why| refused("patternProperties", path, &why))?;
                        self.schema(&mut schema, path)?;
                        prepared.insert(regex, schema);
                        Ok(())
                    })?;
                }
                *map = prepared;
                Ok(())
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => self.list(value, path),
            "items" if value.is_array() => self.list(value, path),
            "items" | "additionalItems" | "additionalProperties" => self.schema(value, path),
            "const" | "enum" | "default" | "examples" | "required" | "type" => Ok(()),
            _ => self.anything(value, path),
        }
    }

    fn map(&mut self, value: &mut Value, path: &mut Path) -> Result<(), Failure> {
        let Some(map) = value.as_object_mut() else {
            return Err(Failure::unsupported(format!("{} is not an object", path.text())));
        };
        for (name, schema) in map.iter_mut() {
            path.within(name, |path| self.schema(schema, path))?;
        }
        Ok(())
    }

    fn list(&mut self, value: &mut Value, path: &mut Path) -> Result<(), Failure> {
        let Some(list) = value.as_array_mut() else {
            return Err(Failure::unsupported(format!("{} is not a list", path.text())));
        };
        for (index, schema) in list.iter_mut().enumerate() {
            path.within(&index.to_string(), |path| self.schema(schema, path))?;
        }
        Ok(())
    }

    /// A value of an unknown keyword, which may hold schemas that a `$ref` points to.
    fn anything(&mut self, value: &mut Value, path: &mut Path) -> Result<(), Failure> {
        match value {
            Value::Object(keywords) => {
                numbers(keywords, path)?;
                min_properties(keywords, path)?;
                constants(keywords, path)?;
                texts(keywords, path)?;
                for (keyword, value) in keywords.iter_mut() {
                    path.within(keyword, |path| match keyword.as_str() {
                        "const" | "enum" | "default" | "examples" | "required" | "type" => Ok(()),
                        "patternProperties" if value.is_object() => self.keyword("patternProperties", value, path),
                        _ => self.anything(value, path),
                    })?;
                }
                Ok(())
            }
            Value::Array(list) => {
                for (index, value) in list.iter_mut().enumerate() {
                    path.within(&index.to_string(), |path| self.anything(value, path))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Removes keywords whose value says nothing.
fn drop_trivial(keywords: &mut Map<String, Value>) {
    for (keyword, says_nothing) in [
        ("uniqueItems", Value::Bool(false)),
        ("unevaluatedProperties", Value::Bool(true)),
        ("unevaluatedItems", Value::Bool(true)),
        ("propertyNames", Value::Bool(true)),
        ("not", Value::Bool(false)),
        ("dependentRequired", json!({})),
        ("dependentSchemas", json!({})),
        ("dependencies", json!({})),
    ] {
        if keywords.get(keyword) == Some(&says_nothing) {
            keywords.shift_remove(keyword);
        }
    }
}

/// Bounds: exact, and not so large that the grammar can't hold them. An integer may be written as 2.0.
fn numbers(keywords: &mut Map<String, Value>, path: &Path) -> Result<(), Failure> {
    for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] {
        if let Some(Value::Number(number)) = keywords.get(keyword) {
            let value = number.as_f64().unwrap_or(f64::INFINITY);
            if value.abs() > EXACT {
                return Err(refused(keyword, path, "the number has more than 53 bits"));
            }
        }
    }
    for keyword in ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"] {
        let Some(Value::Number(number)) = keywords.get(keyword) else {
            continue;
        };
        let value = match (number.as_u64(), number.as_f64()) {
            (Some(value), _) => value,
            (None, Some(value)) if value >= 0.0 && value.fract() == 0.0 && value <= EXACT => value as u64,
            _ => return Err(refused(keyword, path, "it is not a number of items")),
        };
        if value > MAX_REPEAT {
            return Err(Failure::new(
                TOO_LARGE,
                format!("'{keyword}' at {} is above {MAX_REPEAT}", path.text()),
            ));
        }
        keywords.insert(keyword.to_string(), json!(value));
    }
    Ok(())
}

/// A grammar can't see that a key is repeated. Two keys of which one is required, or excludes the other, are not equal.
fn min_properties(keywords: &Map<String, Value>, path: &Path) -> Result<(), Failure> {
    let least = keywords.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
    let required = keywords.get("required").and_then(Value::as_array).map_or(0, |names| {
        let mut names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names.len() as u64
    });
    if least > required + 1 {
        return Err(refused(
            "minProperties",
            path,
            "at most one property more than 'required' lists can be counted",
        ));
    }
    Ok(())
}

/// Constants: numbers are exact, and strings have a spelling without `\u`.
fn constants(keywords: &Map<String, Value>, path: &Path) -> Result<(), Failure> {
    fn problem(value: &Value) -> Option<&'static str> {
        match value {
            Value::Number(number) if number.as_f64().is_some_and(|value| value.abs() <= EXACT) => None,
            Value::Number(_) => Some("a number has more than 53 bits"),
            Value::String(text) if text.chars().any(regex::is_unwritable) => Some("a string has a control character"),
            Value::Array(list) => list.iter().find_map(problem),
            Value::Object(map) => map.values().find_map(problem),
            _ => None,
        }
    }
    for keyword in ["const", "enum"] {
        if let Some(why) = keywords.get(keyword).and_then(problem) {
            return Err(refused(keyword, path, why));
        }
    }
    Ok(())
}

/// Patterns and formats become regular expressions that mean the same everywhere.
fn texts(keywords: &mut Map<String, Value>, path: &Path) -> Result<(), Failure> {
    if let Some(Value::String(pattern)) = keywords.get("pattern") {
        let regex = regex::of_pattern(pattern).map_err(|why| refused("pattern", path, &why))?;
        keywords.insert("pattern".to_string(), Value::String(regex));
    }
    let Some(Value::String(format)) = keywords.get("format") else {
        return Ok(());
    };
    let regex = formats::regex(format).ok_or_else(|| refused("format", path, &format!("no format '{format}'")))?;
    let regex = Value::String(format!("^(?:{regex})$"));
    keywords.shift_remove("format");
    if !keywords.contains_key("pattern") {
        keywords.insert("pattern".to_string(), regex);
        return Ok(());
    }
    match keywords.entry("allOf").or_insert_with(|| json!([])) {
        Value::Array(list) => list.push(json!({ "pattern": regex })),
        _ => return Err(refused("allOf", path, "it is not a list")),
    }
    Ok(())
}

/// llguidance's error for a schema, with the path of the smallest part that fails alone.
pub fn located(tokenizer: &Tokenizer, text: &str, limits: ParserLimits, error: &anyhow::Error) -> Failure {
    let whole = Failure::of(error);
    if whole.code != crate::failure::UNSUPPORTED {
        return whole;
    }
    let Ok(schema) = prepared(text) else {
        return whole;
    };
    let mut parts = Vec::new();
    collect(&schema, &mut Path::default(), &mut parts);
    // inner parts come first
    for pointer in parts.iter().take(SEARCHED) {
        let part = json!({
            "$ref": format!("tidemark:schema{pointer}"),
            "$defs": { "schema": with_id(&schema) },
        });
        let result = tokenizer.factory.create_parser_from_init_ext(
            GrammarInit::Serialized(TopLevelGrammar::from_json_schema(with_options(part))),
            Logger::new(0, 0),
            InferenceCapabilities::default(),
            limits.clone(),
        );
        if let Err(error) = result {
            let failure = Failure::of(&error);
            if failure.code == whole.code && failure.code != INTERNAL && first_line(&failure) == first_line(&whole) {
                return Failure::new(failure.code, format!("{} (at {pointer})", first_line(&whole)));
            }
        }
    }
    whole
}

fn first_line(failure: &Failure) -> &str {
    failure.message.lines().next().unwrap_or_default()
}

fn with_id(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert("$id".to_string(), json!("tidemark:schema"));
    }
    schema
}

/// The paths of schemas, inner before outer, in the order of the text.
fn collect(schema: &Value, path: &mut Path, parts: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        return;
    };
    for (keyword, value) in keywords {
        path.within(keyword, |path| match (keyword.as_str(), value) {
            ("properties" | "$defs" | "definitions" | "patternProperties", Value::Object(map)) => {
                for (name, schema) in map {
                    path.within(name, |path| collect(schema, path, parts));
                }
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(list)) => {
                for (index, schema) in list.iter().enumerate() {
                    path.within(&index.to_string(), |path| collect(schema, path, parts));
                }
            }
            ("items" | "additionalItems" | "additionalProperties", schema) => collect(schema, path, parts),
            _ => {}
        });
    }
    parts.push(path.text());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(schema: &str) -> String {
        prepared(schema).unwrap_err().message
    }

    #[test]
    fn unsupported_keywords_are_refused_with_their_path() {
        assert_eq!(
            refusal(r#"{"properties":{"a/b":{"items":{"not":{}}}}}"#),
            "'not' at #/properties/a~1b/items is not supported"
        );
        assert!(refusal(r#"{"x-guidance":{"lenient":true}}"#).starts_with("'x-guidance' at #"));
        assert!(refusal(r#"{"$defs":{"a":{"format":"iri"}}}"#).contains("no format 'iri'"));
        assert!(refusal(r#"{"minProperties":2}"#).starts_with("'minProperties' at # "));
        assert!(refusal(r#"{"enum":[1e300]}"#).contains("53 bits"));
        assert!(refusal(r#"{"components":{"pattern":"(?=a)"}}"#).contains("#/components"));
    }

    #[test]
    fn what_says_nothing_is_accepted() {
        assert!(prepared(r#"{"uniqueItems":false,"unevaluatedProperties":true,"then":{"not":{}}}"#).is_ok());
        assert!(prepared("true").is_ok());
        assert!(prepared("false").is_err());
    }
}
