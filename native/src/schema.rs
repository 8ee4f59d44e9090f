//! JSON Schemas before llguidance compiles them: what can't be enforced exactly is refused with keyword and path, and
//! patterns and formats are replaced by regular expressions that mean the same everywhere.

use llguidance::api::{GrammarWithLexer, ParserLimits, TopLevelGrammar};
use serde_json::{json, Map, Value};
use std::collections::{HashMap, HashSet};

use crate::failure::{Failure, TOO_LARGE};
use crate::formats;
use crate::multiple::Multiple;
use crate::regex;
use crate::tokenizer::Tokenizer;
use crate::weight;

/// Numbers above this are not exact as 64-bit floating point numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;
/// Bounds on repetitions: each repetition adds symbols to the grammar.
const MAX_REPEAT: u64 = 100_000;
/// Parts of a schema with those that references repeat.
const MAX_PARTS: usize = 200_000;
/// Values of the definitions, which are copies of what references point to.
const MAX_VALUES: usize = 500_000;
/// The weight of all parts of a refused schema that are compiled alone to find the path of the error.
const SEARCHED: f64 = 20_000.0;
/// What it costs to copy a value, compared with the weight of a part.
const COPIED: f64 = 0.02;
/// What llguidance takes a schema without an identifier for.
const BASE: &str = "json-schema:///";

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema";
/// The drafts in which the items of a list are the value of `items`.
const OLD_DRAFTS: [&str; 4] = [
    DRAFT_4,
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
];

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

/// A schema that llguidance can compile without approximation. It has no part but those that it uses: what a reference
/// points to is a definition of it, wherever it stands in the document.
#[derive(Debug)]
pub struct Prepared {
    pub schema: Value,
    /// Where the definitions stand in the document, as JSON pointers.
    definitions: Vec<String>,
}

/// Prepares a schema in JSON.
pub fn prepared(text: &str) -> Result<Prepared, Failure> {
    let document: Value = serde_json::from_str(text).map_err(|error| {
        let failure = Failure::of(&anyhow::Error::new(error));
        Failure::new(failure.code, format!("the schema is not JSON: {}", failure.message))
    })?;
    let document = if document == Value::Bool(true) { json!({}) } else { document };
    if !document.is_object() {
        return Err(Failure::unsupported("the schema is not an object, or accepts no value"));
    }
    let prepared = Preparation::of(&document).document()?;
    weight::check(&prepared.schema, |pointer| prepared.original(pointer))?;
    Ok(prepared)
}

/// A prepared schema, or a part of one, as llguidance reads it. The options of llguidance travel in the schema. At most one
/// space between tokens; each character of a string has one spelling, so that a key can't be repeated in another spelling.
pub fn grammar(mut schema: Value) -> TopLevelGrammar {
    if let Some(keywords) = schema.as_object_mut() {
        keywords.insert(
            "x-guidance".to_string(),
            json!({
                "whitespace_pattern": " ",
                "lenient": false,
                "coerce_one_of": false,
                "json_allowed_escapes": "nrbtf\\\"",
            }),
        );
    }
    TopLevelGrammar::from_grammar(GrammarWithLexer {
        json_schema: Some(schema),
        ..GrammarWithLexer::default()
    })
}

impl Prepared {
    /// A message of llguidance, with references as in the document.
    fn named(&self, message: &str) -> String {
        let mut named = message.to_string();
        for (index, pointer) in self.definitions.iter().enumerate().rev() {
            named = named.replace(&format!("{BASE}#/$defs/{index}"), &format!("#{pointer}"));
        }
        named
    }

    /// A JSON pointer of this schema, as the path in the document.
    fn original(&self, pointer: &str) -> String {
        if let Some(inner) = pointer.strip_prefix("/$defs/") {
            let (index, rest) = inner.split_at(inner.find('/').unwrap_or(inner.len()));
            if let Some(original) = index.parse().ok().and_then(|index: usize| self.definitions.get(index)) {
                return format!("#{original}{rest}");
            }
        }
        format!("#{pointer}")
    }
}

/// A JSON pointer as a URI fragment: `#/properties/name`.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn of(pointer: &str) -> Path {
        Path(pointer.split('/').skip(1).map(str::to_string).collect())
    }

    fn within<T>(&mut self, step: &str, action: impl FnOnce(&mut Path) -> T) -> T {
        self.0.push(encoded(step));
        let result = action(self);
        self.0.pop();
        result
    }

    fn pointer(&self) -> String {
        self.0.iter().map(|step| format!("/{step}")).collect()
    }

    fn text(&self) -> String {
        format!("#{}", self.pointer())
    }
}

fn refused(keyword: &str, path: &Path, why: &str) -> Failure {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    Failure::unsupported(format!("'{keyword}' at {} is not supported{why}", path.text()))
}

/// Walks the parts of a schema that are used: from its root, and from what the references point to. A reference to a
/// value that is no schema by its place, such as one in `default`, makes it a schema.
struct Preparation<'a> {
    document: &'a Value,
    /// The identifier of the document without its fragment, and its dialect.
    identifier: Option<&'a str>,
    dialect: Option<&'a str>,
    /// What references point to, as JSON pointers in the document, and the places of the pointers in the list.
    definitions: Vec<String>,
    places: HashMap<String, usize>,
    /// Where the anchors are; two with one name are none.
    anchors: HashMap<String, Option<String>>,
    /// The first part that has an identifier.
    inner: Option<Failure>,
    parts: usize,
    values: usize,
    /// Of all patterns.
    work: regex::Work,
}

impl<'a> Preparation<'a> {
    fn of(document: &'a Value) -> Self {
        let dialect = document.get("$schema").and_then(Value::as_str);
        let mut preparation = Preparation {
            document,
            identifier: None,
            dialect,
            definitions: Vec::new(),
            places: HashMap::new(),
            anchors: HashMap::new(),
            inner: None,
            parts: 0,
            values: 0,
            work: regex::Work::new(),
        };
        preparation.identifier = preparation.identifier_of(document).map(without_fragment);
        preparation.find_anchors(document, &mut Path::default());
        preparation
    }

    fn document(mut self) -> Result<Prepared, Failure> {
        let mut root = self.document.clone();
        self.schema(&mut root, &mut Path::default())?;
        let mut definitions = Map::new();
        let mut next = 0;
        while let Some(pointer) = self.definitions.get(next).cloned() {
            let part = self.document.pointer(&pointer).unwrap_or(&Value::Null);
            self.values += values(part);
            if self.values > MAX_VALUES {
                return Err(too_often());
            }
            let mut definition = part.clone();
            self.schema(&mut definition, &mut Path::of(&pointer))?;
            definitions.insert(next.to_string(), definition);
            next += 1;
        }
        // a reference is resolved against the identifier of its part
        if let Some(failure) = self.inner.take().filter(|_| !definitions.is_empty()) {
            return Err(failure);
        }
        // a schema that refers to itself is a definition: once is enough
        if let Some(&index) = self.places.get("") {
            root = json!({ "$ref": format!("#/$defs/{index}") });
        }
        if let Some(keywords) = root.as_object_mut() {
            if let Some(dialect) = self.dialect {
                keywords.insert("$schema".to_string(), json!(dialect));
            }
            if !definitions.is_empty() {
                keywords.insert("$defs".to_string(), Value::Object(definitions));
            }
        }
        Ok(Prepared { schema: root, definitions: self.definitions })
    }

    fn schema(&mut self, schema: &mut Value, path: &mut Path) -> Result<(), Failure> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(too_often());
        }
        let Some(keywords) = schema.as_object_mut() else {
            return match schema {
                Value::Bool(_) => Ok(()),
                _ => Err(Failure::unsupported(format!(
                    "{} is no schema: neither an object nor true or false",
                    path.text()
                ))),
            };
        };
        self.identity(keywords, path)?;
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
        self.dependent(keywords, path)?;
        numbers(keywords, path)?;
        min_properties(keywords, path)?;
        constants(keywords, path)?;
        texts(keywords, path, &mut self.work)?;
        if let Some(reference) = keywords.get_mut("$ref") {
            *reference = self.reference(reference, path)?;
        }
        for (keyword, value) in keywords.iter_mut() {
            path.within(keyword, |path| self.keyword(keyword, value, path))?;
        }
        Ok(())
    }

    /// Keywords that depend on each other come together: llguidance reads the keywords before `allOf` and the like apart
    /// from those behind it. What has no effect beside other keywords, or in the dialect, is removed, because some of it
    /// has an effect there.
    fn dependent(&self, keywords: &mut Map<String, Value>, path: &Path) -> Result<(), Failure> {
        let dialect = self.dialect.map_or("", |dialect| dialect.trim_end_matches('#'));
        if dialect == DRAFT_4 && keywords.contains_key("const") {
            return Err(refused("const", path, "draft 4 does not have it; write 'enum' with one value"));
        }
        if OLD_DRAFTS.contains(&dialect) {
            keywords.shift_remove("prefixItems");
        }
        if !keywords.get("items").is_some_and(Value::is_array) {
            keywords.shift_remove("additionalItems");
        } else if keywords.contains_key("prefixItems") {
            return Err(refused("items", path, "a list beside 'prefixItems'; write one of them"));
        }
        for (keyword, other) in [
            ("additionalItems", "items"),
            ("additionalProperties", "patternProperties"),
            ("exclusiveMinimum", "minimum"),
            ("exclusiveMaximum", "maximum"),
        ] {
            if keywords.contains_key(other) {
                if let Some(value) = keywords.shift_remove(keyword) {
                    let place = keywords.keys().take_while(|key| *key != other).count() + 1;
                    keywords.shift_insert(place, keyword.to_string(), value);
                }
            }
        }
        Ok(())
    }

    /// Removes what names a part, and the parts that are used by reference only.
    fn identity(&mut self, keywords: &mut Map<String, Value>, path: &Path) -> Result<(), Failure> {
        if let Some(Value::String(dialect)) = keywords.get("$schema") {
            if !path.0.is_empty() && Some(dialect.trim_end_matches('#')) != self.dialect.map(|own| own.trim_end_matches('#')) {
                return Err(refused("$schema", path, "a part has the dialect of the schema"));
            }
        }
        let value = Value::Object(std::mem::take(keywords));
        if let Some((keyword, _)) = self.named(&value).filter(|(_, own)| !path.0.is_empty() && is_base(own)) {
            self.inner.get_or_insert_with(|| {
                let why = "a schema with '$ref' has no other identifier than that of its root; remove it";
                refused(keyword, path, why)
            });
        }
        if let Value::Object(map) = value {
            *keywords = map;
        }
        for keyword in ["$schema", "$id", "$anchor", "$defs", "definitions", "default", "examples"] {
            keywords.shift_remove(keyword);
        }
        if keywords.get("id").is_some_and(Value::is_string) {
            keywords.shift_remove("id");
        }
        Ok(())
    }

    /// The identifier of a part.
    fn identifier_of<'v>(&self, part: &'v Value) -> Option<&'v str> {
        self.named(part).map(|(_, identifier)| identifier)
    }

    /// The identifier of a part with its keyword: that of draft 4 has another name.
    fn named<'v>(&self, part: &'v Value) -> Option<(&'static str, &'v str)> {
        let draft4 = self.dialect.is_some_and(|dialect| dialect.contains("draft-04") || dialect.contains("draft-03"));
        let keyword = if draft4 && part.get("id").is_some() { "id" } else { "$id" };
        Some((keyword, part.get(keyword)?.as_str()?))
    }

    fn find_anchors(&mut self, value: &Value, path: &mut Path) {
        match value {
            Value::Object(map) => {
                let identifier = self.identifier_of(value);
                if !path.0.is_empty() && identifier.is_some_and(is_base) {
                    return;
                }
                let names = [
                    map.get("$anchor").and_then(Value::as_str),
                    identifier.and_then(|own| own.strip_prefix('#')),
                ];
                for name in names.into_iter().flatten() {
                    let pointer = path.pointer();
                    self.anchors
                        .entry(name.to_string())
                        .and_modify(|other| *other = other.take().filter(|other| *other == pointer))
                        .or_insert(Some(pointer.clone()));
                }
                for (key, each) in map {
                    if !matches!(key.as_str(), "const" | "enum" | "default" | "examples") {
                        path.within(key, |path| self.find_anchors(each, path));
                    }
                }
            }
            Value::Array(list) => {
                for (index, each) in list.iter().enumerate() {
                    path.within(&index.to_string(), |path| self.find_anchors(each, path));
                }
            }
            _ => {}
        }
    }

    /// A reference of the part at a path to the definition that it points to.
    fn reference(&mut self, reference: &Value, path: &Path) -> Result<Value, Failure> {
        let refused = |why: String| refused("$ref", path, &why);
        let Some(reference) = reference.as_str() else {
            return Err(refused("it is not a text".to_string()));
        };
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if !document.is_empty() && Some(document) != self.identifier {
            let is_own = self.identifier.is_some_and(|own| own.ends_with(&format!("/{document}")));
            return Err(refused(if is_own {
                format!("'{reference}' is relative to the identifier of this schema; write '#{fragment}'")
            } else {
                format!("'{reference}' is in another document; copy that part into '$defs' and write '#/$defs/NAME'")
            }));
        }
        let fragment =
            decoded(fragment).ok_or_else(|| refused(format!("'{reference}' is not encoded as in a URI")))?;
        let pointer = if fragment.is_empty() || fragment.starts_with('/') {
            fragment
        } else {
            let anchor = self.anchors.get(&fragment).cloned().flatten();
            anchor.ok_or_else(|| refused(format!("the schema has not one anchor '{fragment}'")))?
        };
        if self.document.pointer(&pointer).is_none() {
            return Err(refused(format!("the schema has no part '{reference}'")));
        }
        for (end, _) in pointer.match_indices('/').skip(1) {
            let part = self.document.pointer(&pointer[..end]).and_then(|part| self.named(part));
            if let Some((keyword, _)) = part.filter(|(_, own)| is_base(own)) {
                let part = &pointer[..end];
                return Err(refused(format!("'{reference}' leads through #{part}, which has an '{keyword}'; remove it")));
            }
        }
        let pointer = canonical(&pointer);
        let index = *self.places.entry(pointer.clone()).or_insert(self.definitions.len());
        if index == self.definitions.len() {
            self.definitions.push(pointer);
        }
        Ok(json!(format!("#/$defs/{index}")))
    }

    fn keyword(&mut self, keyword: &str, value: &mut Value, path: &mut Path) -> Result<(), Failure> {
        match keyword {
            "properties" => self.map(value, path),
            "patternProperties" => {
                let Some(map) = value.as_object_mut() else {
                    return Err(Failure::unsupported(format!("{} is not an object", path.text())));
                };
                let mut prepared = Map::new();
                for (pattern, mut schema) in std::mem::take(map) {
                    path.within(&pattern, |path| {
                        let regex = regex::of_pattern(&pattern, &mut self.work)
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
            "const" | "enum" | "required" | "type" => Ok(()),
            _ => {
                // a keyword that llguidance ignores or refuses by its name
                if value.is_object() || value.is_array() {
                    *value = Value::Null;
                }
                Ok(())
            }
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
}

fn too_often() -> Failure {
    Failure::new(TOO_LARGE, "the schema refers too often to parts that hold each other")
}

fn values(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(values).sum::<usize>() + 1,
        Value::Object(map) => map.values().map(values).sum::<usize>() + 1,
        _ => 1,
    }
}

fn without_fragment(identifier: &str) -> &str {
    identifier.split('#').next().unwrap_or_default()
}

/// Whether references are resolved against an identifier; a fragment is a name only.
fn is_base(identifier: &str) -> bool {
    !identifier.starts_with('#')
}

/// A JSON pointer in one of its spellings: `~` alone is also a spelling of `~0`.
fn canonical(pointer: &str) -> String {
    let steps: Vec<String> =
        pointer.split('/').map(|step| encoded(&step.replace("~1", "/").replace("~0", "~"))).collect();
    steps.join("/")
}

/// A name as a step of a JSON pointer.
fn encoded(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Decodes a fragment of a URI.
fn decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = (rest.next()? as char).to_digit(16)?;
                let low = (rest.next()? as char).to_digit(16)?;
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
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
            if keyword == "multipleOf" && Multiple::of(value).is_none() {
                return Err(refused(keyword, path, "the number has too many digits"));
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
fn texts(keywords: &mut Map<String, Value>, path: &Path, work: &mut regex::Work) -> Result<(), Failure> {
    if let Some(Value::String(pattern)) = keywords.get("pattern") {
        let regex = regex::of_pattern(pattern, work).map_err(|why| refused("pattern", path, &why))?;
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

/// llguidance's error for a schema, with the path of the smallest part that fails alone. The parts take no more fuel than
/// the schema: each has a share of it by its weight, to which a copy of the definitions belongs.
pub fn located(tokenizer: &Tokenizer, prepared: &Prepared, limits: &ParserLimits, error: &anyhow::Error) -> Failure {
    let whole = Failure::of(error);
    if whole.code != crate::failure::UNSUPPORTED {
        return whole;
    }
    let mut search = Search {
        tokenizer,
        limits,
        definitions: prepared.schema.get("$defs"),
        dialect: prepared.schema.get("$schema"),
        copied: prepared.schema.get("$defs").map_or(0, values) as f64 * COPIED,
        followed: HashSet::new(),
        line: first_line(&whole),
        left: SEARCHED,
    };
    let found = search.smallest(&prepared.schema, &mut Path::default());
    match found {
        Some(pointer) => Failure::new(
            whole.code,
            format!("{} (at {})", prepared.named(first_line(&whole)), prepared.original(&pointer)),
        ),
        None => Failure::new(whole.code, prepared.named(&whole.message)),
    }
}

fn first_line(failure: &Failure) -> &str {
    failure.message.lines().next().unwrap_or_default()
}

/// Looks for the part of a schema that fails with the error of the schema.
struct Search<'a> {
    tokenizer: &'a Tokenizer,
    limits: &'a ParserLimits,
    definitions: Option<&'a Value>,
    dialect: Option<&'a Value>,
    /// What a copy of the definitions costs.
    copied: f64,
    followed: HashSet<String>,
    line: &'a str,
    left: f64,
}

impl Search<'_> {
    /// The pointer of the smallest part that fails, if this part fails; none if too much has been compiled.
    fn failing(&mut self, part: &Value, path: &mut Path) -> Option<String> {
        if !self.fails(part) {
            return None;
        }
        Some(self.smallest(part, path).unwrap_or_else(|| path.pointer()))
    }

    /// The pointer of the smallest part of a schema that fails.
    fn smallest(&mut self, schema: &Value, path: &mut Path) -> Option<String> {
        let keywords = schema.as_object()?;
        keywords.iter().find_map(|(keyword, value)| {
            path.within(keyword, |path| match (keyword.as_str(), value) {
                ("properties" | "patternProperties", Value::Object(map)) => map
                    .iter()
                    .find_map(|(name, schema)| path.within(name, |path| self.failing(schema, path))),
                ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(list)) => list
                    .iter()
                    .enumerate()
                    .find_map(|(index, schema)| path.within(&index.to_string(), |path| self.failing(schema, path))),
                ("items" | "additionalItems" | "additionalProperties", schema) => self.failing(schema, path),
                ("$ref", Value::String(reference)) if self.followed.insert(reference.clone()) => {
                    let pointer = reference.strip_prefix('#')?;
                    let definition = self.definitions?.get(pointer.rsplit('/').next()?)?;
                    self.failing(definition, &mut Path::of(pointer))
                }
                _ => None,
            })
        })
    }

    fn fails(&mut self, part: &Value) -> bool {
        self.left -= self.copied;
        if self.left <= 0.0 {
            return false;
        }
        let mut part = part.clone();
        let Some(keywords) = part.as_object_mut() else {
            return false;
        };
        for (keyword, value) in [("$defs", self.definitions), ("$schema", self.dialect)] {
            if let Some(value) = value {
                keywords.insert(keyword.to_string(), value.clone());
            }
        }
        let weight = weight::of(&part);
        if weight > self.left {
            self.left = 0.0;
            return false;
        }
        self.left -= weight;
        let limits = ParserLimits {
            initial_lexer_fuel: (self.limits.initial_lexer_fuel as f64 * weight / SEARCHED) as u64,
            precompute_large_lexemes: false,
            ..self.limits.clone()
        };
        self.tokenizer.parser(grammar(part), limits).err().is_some_and(|error| {
            let failure = Failure::of(&error);
            failure.code == crate::failure::UNSUPPORTED && first_line(&failure) == self.line
        })
    }
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
        assert!(refusal(r##"{"$ref":"#/$defs/a","$defs":{"a":{"format":"iri"}}}"##).contains("'format' at #/$defs/a"));
        assert!(refusal(r#"{"minProperties":2}"#).starts_with("'minProperties' at # "));
        assert!(refusal(r#"{"enum":[1e300]}"#).contains("53 bits"));
        assert!(refusal(r#"{"items":{"multipleOf":4e9}}"#).starts_with("'multipleOf' at #/items "));
        assert!(refusal(r##"{"$ref":"#/components","components":{"pattern":"(?=a)"}}"##).contains("#/components"));
    }

    #[test]
    fn what_says_nothing_is_accepted() {
        assert!(prepared(r#"{"uniqueItems":false,"unevaluatedProperties":true,"then":{"not":{}}}"#).is_ok());
        assert!(prepared("true").is_ok());
        assert!(prepared("false").is_err());
    }

    #[test]
    fn what_a_reference_points_to_is_prepared_wherever_it_stands() {
        for place in ["default", "enum", "const", "examples", "x-parts", "$comment"] {
            for part in [r#"{"not":{}}"#, r#"{"format":"iri"}"#, r#"{"pattern":"(?=a)"}"#, r#"{"uniqueItems":true}"#] {
                let schema = format!(r##"{{"properties":{{"a":{{"$ref":"#/{place}/0"}}}},"{place}":[{part}]}}"##);
                let refusal = prepared(&schema).unwrap_err();
                assert!(refusal.message.contains(&format!("at #/{place}/0")), "{schema}: {refusal:?}");
            }
        }
        assert!(prepared(r#"{"default":[{"not":{}}],"x-parts":{"pattern":"(?=a)"},"$defs":{"a":{"not":{}}}}"#).is_ok());
    }

    #[test]
    fn references_are_resolved_in_all_spellings() {
        let parts = r##""$id":"http://x/y","$defs":{"a b":{"$anchor":"n","const":7},"c":{"$id":"#old","const":7}}"##;
        for reference in [
            "#/$defs/a%20b",
            "#/%24defs/a%20b",
            "#/%24%64efs/a b",
            "#n",
            "#%6e",
            "http://x/y#n",
            "http://x/y#/$defs/a%20b",
            "#old",
        ] {
            let schema = prepared(&format!(r#"{{"$ref":"{reference}",{parts}}}"#)).unwrap().schema;
            assert_eq!(schema, json!({"$ref": "#/$defs/0", "$defs": {"0": {"const": 7}}}), "{reference}");
        }
    }

    #[test]
    fn a_part_is_copied_once_in_all_spellings_of_its_pointer() {
        let name = "~".repeat(10);
        let pointers: Vec<String> =
            (0..1 << 10).map(|bits| (0..10).map(|bit| if bits >> bit & 1 == 0 { "~" } else { "~0" }).collect()).collect();
        let references: Vec<Value> = pointers.iter().map(|pointer| json!({"$ref": format!("#/{pointer}")})).collect();
        let schema = json!({"anyOf": references, name: {"a~1b/c": {"enum": [1, 2]}}});
        let prepared = prepared(&schema.to_string()).unwrap().schema;
        assert_eq!(prepared["$defs"].as_object().unwrap().len(), 1);
        for (pointer, expected) in [("/a~1b/~01/~0~", "/a~1b/~01/~0~0"), ("", ""), ("/~", "/~0"), ("/~2", "/~02")] {
            assert_eq!(canonical(pointer), expected);
        }
    }

    #[test]
    fn parts_that_hold_each_other_are_copied_only_so_often() {
        let mut schema = json!({"enum": vec![0; 25_000]});
        let mut references = Vec::new();
        let mut pointer = "#".to_string();
        for _ in 0..25 {
            schema = json!({"items": schema});
            pointer += "/items";
            references.push(json!({"$ref": pointer}));
        }
        schema["anyOf"] = Value::Array(references);
        let refusal = prepared(&schema.to_string()).unwrap_err();
        assert_eq!(refusal, too_often());
    }

    #[test]
    fn references_that_are_not_resolved_are_refused() {
        for (reference, rest) in [
            ("#/$defs/b", r#""$defs":{"a":{}}"#),
            ("#n", r#""$defs":{"a":{"$anchor":"n"},"b":{"$anchor":"n"}}"#),
            ("#n", r#""$defs":{"a":{"const":{"$anchor":"n"}}}"#),
            ("#n", r#""$defs":{"a":{"$id":"x","items":{"$anchor":"n"}}}"#),
            ("x", r#""$defs":{"a":{"$id":"x"}}"#),
            ("#/$defs/a", r#""$defs":{"a":{"$id":"x"}}"#),
            ("#/$defs/a/items", r#""$defs":{"a":{"$id":"x","items":{}}}"#),
            ("#/$defs/a", r##""$defs":{"a":{}},"properties":{"p":{"$id":"x","properties":{"q":{"$ref":"#/$defs/a"}}}}"##),
            ("#/$defs/a", r#""$defs":{"a":{"$schema":"http://json-schema.org/draft-04/schema#"}}"#),
            ("#/$defs/a", r#""$schema":"http://json-schema.org/draft-04/schema#","$defs":{"a":{"id":"x"}}"#),
            ("#/%zz", r#""a":{}"#),
            ("https://json-schema.org/draft/2020-12/schema", r#""a":{}"#),
        ] {
            let schema = format!(r#"{{"allOf":[{{"$ref":"{reference}"}}],{rest}}}"#);
            assert_eq!(prepared(&schema).unwrap_err().code, crate::failure::UNSUPPORTED, "{schema}");
        }
        assert!(prepared(r#"{"properties":{"p":{"$id":"x","type":"null"}}}"#).is_ok());
    }

    #[test]
    fn a_refusal_of_a_reference_names_keyword_place_and_remedy() {
        let draft4 = r#""$schema":"http://json-schema.org/draft-04/schema#""#;
        for (schema, refused) in [
            (
                r##"{"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"$id":"x"}}}"##.to_string(),
                "'$id' at #/$defs/a is not supported: a schema with '$ref' has no other identifier than that of its \
                 root; remove it",
            ),
            (
                format!(r##"{{{draft4},"items":{{"$ref":"#/definitions/a"}},"definitions":{{"a":{{"id":"x"}}}}}}"##),
                "'id' at #/definitions/a is not supported: a schema with '$ref' has no other identifier than that of \
                 its root; remove it",
            ),
            (
                format!(r##"{{{draft4},"$ref":"#/definitions/a/items","definitions":{{"a":{{"id":"x","items":{{}}}}}}}}"##),
                "'$ref' at # is not supported: '#/definitions/a/items' leads through #/definitions/a, which has an \
                 'id'; remove it",
            ),
            (
                r##"{"$id":"http://x/s.json","items":{"$ref":"s.json#/$defs/a"},"$defs":{"a":{}}}"##.to_string(),
                "'$ref' at #/items is not supported: 's.json#/$defs/a' is relative to the identifier of this schema; \
                 write '#/$defs/a'",
            ),
            (
                r##"{"$id":"http://x/s.json","items":{"$ref":"t.json#/$defs/a"},"$defs":{"a":{}}}"##.to_string(),
                "'$ref' at #/items is not supported: 't.json#/$defs/a' is in another document; copy that part into \
                 '$defs' and write '#/$defs/NAME'",
            ),
        ] {
            assert_eq!(refusal(&schema), refused);
        }
    }

    #[test]
    fn a_part_that_is_referred_to_is_weighed_in_all_spellings() {
        let many: Vec<Value> = (0..900).map(|i| json!({"required": [i.to_string()]})).collect();
        let properties: Map<String, Value> = (0..900).map(|i| (i.to_string(), json!({}))).collect();
        for reference in ["#/$defs/a", "#/%24defs/a", "#n", "http://x/y#n", "#/default/b"] {
            let options = json!({"$anchor": "n", "anyOf": many});
            let schema = json!({
                "$id": "http://x/y",
                "allOf": [{"$ref": reference}, {"properties": {"x": {"properties": properties}}}],
                "$defs": {"a": options},
                "default": {"b": {"anyOf": many}},
            });
            assert_eq!(prepared(&schema.to_string()).unwrap_err().code, TOO_LARGE, "{reference}");
        }
    }

    #[test]
    fn the_path_of_an_error_is_found_in_definitions_and_with_limited_work() {
        let mut words: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        words.push(Vec::new());
        let tokenizer = Tokenizer::new(words, None, &[256]).unwrap();
        let locate = |schema: &Value| {
            let prepared = prepared(&schema.to_string()).unwrap();
            let fuel = ParserLimits { initial_lexer_fuel: 5_000_000, verbose_errors: false, ..ParserLimits::default() };
            let error = tokenizer.parser(grammar(prepared.schema.clone()), fuel.clone());
            located(&tokenizer, &prepared, &fuel, &error.err().expect("accepted")).message
        };
        let broken = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "nothing"}}});
        let inner = json!({"items": {"$ref": "#/x/broken"}, "x": {"broken": broken}});
        assert_eq!(locate(&inner), "Invalid type: nothing (at #/x/broken/properties/a)");
        // each of the patterns takes fuel; without a limit for all parts this took minutes
        let mut properties: Map<String, Value> =
            (0..150).map(|i| (format!("p{i}"), json!({"pattern": format!("^(a|b)*a(a|b){{9}}c{{{}}}$", i + 1)}))).collect();
        properties.insert("last".to_string(), json!({"type": "nothing"}));
        assert!(locate(&json!({"properties": properties})).starts_with("Invalid type: nothing"));
        let heavy: Map<String, Value> = (0..900).map(|i| (i.to_string(), json!({}))).collect();
        let locate_behind = |parts: usize| {
            let part = json!({"$ref": "#/$defs/heavy"});
            let mut properties: Map<String, Value> = (0..parts).map(|i| (format!("p{i}"), part.clone())).collect();
            properties.insert("last".to_string(), json!({"type": "nothing"}));
            locate(&json!({"properties": properties, "$defs": {"heavy": {"properties": heavy}}}))
        };
        assert_eq!(locate_behind(3), "Invalid type: nothing (at #/properties/last)");
        // each part is compiled with a copy of the definitions
        let locate_among = |parts: usize, size: usize| {
            let mut options = vec![json!({}); parts];
            options.insert(0, json!({"$ref": "#/$defs/large"}));
            options.push(json!({"type": "nothing"}));
            locate(&json!({"anyOf": options, "$defs": {"large": {"enum": vec![0; size]}}}))
        };
        assert!(locate_among(500, 100).ends_with(" (at #/anyOf/501)"));
        assert_eq!(locate_among(500, 10_000), "Invalid type: nothing", "too much was copied");
        assert_eq!(locate_behind(30), "Invalid type: nothing", "too much was compiled");
    }
}
