//! How large a schema becomes when llguidance combines its parts. The intersection of alternatives has all pairs of them,
//! each with copies of the parts of both, also within properties and items. A short schema can become gigabytes; this is
//! known before it does, from a model that does the same with shared parts. llguidance limits the number of combinations
//! and, after them, of symbols, but neither what a combination copies nor the work for a number or a text.

use std::collections::HashMap;
use std::rc::Rc;

use llguidance::derivre::{Regex, RegexBuilder};
use llguidance::regex_to_lark;
use serde_json::{Map, Value};

use crate::failure::{Failure, TOO_LARGE, TOO_SLOW};
use crate::multiple::Multiple;

/// Parts of a schema after all combinations. Each takes up to 400 bytes and 7 microseconds. No schema of up to 64 KiB in
/// SchemaStore has more than 6,000, and none copies more than 14,000.
const MAX_PARTS: f64 = 25_000.0;
/// Parts that are copied meanwhile, and pairs of parts that are combined: llguidance has the second limit, too.
const MAX_COPIES: f64 = 150_000.0;
const MAX_COMBINATIONS: usize = 50_000;
const MAX_DEPTH: usize = 128;
/// Pairs that are compared: patterns of keys (each may need a product of automata), and alternatives of `oneOf`.
const MAX_PATTERN_PAIRS: f64 = 1_000.0;
const MAX_ONE_OF_PAIRS: f64 = 250_000.0;
/// Compiling an object takes time with the square of its properties.
const MAX_PROPERTY_PAIRS: f64 = 1_000_000.0;
/// How often alternatives are predicted at one place of a text: each of those that a reference may lead to, for each
/// reference. llguidance looks for each of them among all: 40,000 take some 20 ms in a step.
pub const MAX_PREDICTIONS: u64 = 50_000;
/// What a pair of patterns costs, in parts.
const PATTERN_PAIR: f64 = 20.0;
/// The bytes of a name or a constant that take as long to copy, or to match with a pattern, as a part to copy.
const COPIED: f64 = 100.0;
/// The bytes of a pattern that take as long to compile as a part: each part of the grammar compiles its own.
const COMPILED: f64 = 10.0;
/// What it costs to find out whether any text has both a pattern and a length or another pattern, in parts.
const NARROWED: f64 = 15.0;
/// The square of a bound's digits that takes as long to compile as a part.
const BOUND: f64 = 8.0;
/// The fuel that llguidance gives each pattern of names.
const PATTERN_FUEL: u64 = 10_000;

/// Keywords that llguidance applies one after the other. It combines what they say with what the keywords between two of
/// them say together.
const APPLIED: [&str; 6] = ["const", "enum", "allOf", "anyOf", "oneOf", "$ref"];
/// The other keywords that say something.
const OWN: [&str; 20] = [
    "type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "pattern", "minItems", "maxItems", "prefixItems", "items", "additionalItems", "properties", "patternProperties",
    "additionalProperties", "required", "minProperties", "maxProperties",
];
/// Keywords that say nothing, and that llguidance leaves out. It lists the types of a schema that has any other one beside
/// those that are applied, also an unknown one.
const ANNOTATIONS: [&str; 15] = [
    "$anchor", "$defs", "definitions", "$schema", "$id", "id", "$comment", "title", "description", "default", "readOnly",
    "writeOnly", "examples", "contentMediaType", "contentEncoding",
];

/// Refuses a prepared schema that would take too much memory or time, or in which `multipleOf` can't be combined.
/// `original` gives the path in the document of a JSON pointer in the schema.
pub fn check(schema: &Value, original: impl Fn(&str) -> String) -> Result<(), Failure> {
    Weigher::of(schema, &original).document().map(|_| ())
}

/// What it costs to compile a prepared schema, in parts.
pub fn of(schema: &Value) -> f64 {
    let original = |pointer: &str| pointer.to_string();
    let mut weigher = Weigher::of(schema, &original);
    match weigher.document() {
        Ok(parts) => parts + weigher.copies + PATTERN_PAIR * weigher.pattern_pairs,
        Err(_) => f64::INFINITY,
    }
}

fn too_large() -> Failure {
    Failure::new(TOO_LARGE, "the schema is too large when its alternatives are combined")
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Null,
    Boolean,
    /// With its `multipleOf`.
    Number(Option<Multiple>),
    Text,
}

/// What llguidance makes of a schema, as far as sizes depend on it.
#[derive(Clone)]
enum Form {
    Any,
    Nothing,
    Leaf(Kind),
    Array(Rc<Array>),
    Object(Rc<Object>),
    Options(Rc<Options>),
    /// To a definition that is not combined with anything.
    Reference(Rc<str>),
}

struct Array {
    prefix: Vec<Part>,
    items: Option<Part>,
}

#[derive(Default)]
struct Object {
    properties: Vec<(Rc<str>, Part)>,
    patterns: Vec<(Rc<str>, Part)>,
    additional: Option<Part>,
    /// The size of the names of required properties.
    required: f64,
}

struct Options {
    parts: Vec<Part>,
    one: bool,
}

/// A part with its size, and with the pairs of properties in it.
#[derive(Clone)]
struct Part {
    form: Form,
    size: f64,
    pairs: f64,
}

impl Part {
    const ANY: Part = Part { form: Form::Any, size: 1.0, pairs: 0.0 };
    const NOTHING: Part = Part { form: Form::Nothing, size: 1.0, pairs: 0.0 };

    fn leaf(kind: Kind, size: f64) -> Part {
        Part { form: Form::Leaf(kind), size, pairs: 0.0 }
    }

    fn array(prefix: Vec<Part>, items: Option<Part>) -> Part {
        let (size, pairs) = sums(prefix.iter().chain(&items));
        Part { form: Form::Array(Rc::new(Array { prefix, items })), size, pairs }
    }

    /// The alternatives that are rules of the grammar; the others are one regular expression.
    fn alternatives(&self) -> u64 {
        match &self.form {
            Form::Options(options) => options.parts.iter().map(Part::alternatives).sum(),
            Form::Array(_) | Form::Object(_) | Form::Reference(_) => 1,
            _ => 0,
        }
    }

    fn object(object: Object) -> Part {
        let named = object.properties.iter().chain(&object.patterns).map(|(_, part)| part);
        let (size, pairs) = sums(named.chain(&object.additional));
        let count = (object.properties.len() + object.patterns.len()) as f64;
        let names: f64 = object.properties.iter().chain(&object.patterns).map(|(name, _)| size_of(name)).sum();
        Part {
            size: size + names + object.required,
            pairs: pairs + count * count,
            form: Form::Object(Rc::new(object)),
        }
    }
}

fn size_of(name: &str) -> f64 {
    1.0 + name.len() as f64 / COPIED
}

fn sums<'a>(parts: impl Iterator<Item = &'a Part>) -> (f64, f64) {
    parts.fold((1.0, 0.0), |(size, pairs), part| (size + part.size, pairs + part.pairs))
}

struct Weigher<'a> {
    root: &'a Value,
    original: &'a dyn Fn(&str) -> String,
    /// The steps of the pointer to the part that is read.
    path: Vec<String>,
    /// The patterns of names; none if llguidance refuses it.
    patterns: HashMap<Rc<str>, Option<Regex>>,
    /// None while a definition is being made.
    definitions: HashMap<Rc<str>, Option<Part>>,
    /// How often each definition is referred to.
    references: HashMap<Rc<str>, u64>,
    combinations: usize,
    copies: f64,
    pattern_pairs: f64,
    one_of_pairs: f64,
}

impl<'a> Weigher<'a> {
    fn of(root: &'a Value, original: &'a dyn Fn(&str) -> String) -> Self {
        Weigher {
            root,
            original,
            path: Vec::new(),
            patterns: HashMap::new(),
            definitions: HashMap::new(),
            references: HashMap::new(),
            combinations: 0,
            copies: 0.0,
            pattern_pairs: 0.0,
            one_of_pairs: 0.0,
        }
    }

    /// The parts of the schema with its definitions.
    fn document(&mut self) -> Result<f64, Failure> {
        let root = self.part(self.root)?;
        let (size, pairs) = sums(self.definitions.values().flatten().chain([&root]));
        if size > MAX_PARTS {
            return Err(too_large());
        }
        if pairs > MAX_PROPERTY_PAIRS {
            return Err(Failure::new(TOO_SLOW, "'properties' has too many properties"));
        }
        if self.predictions() > MAX_PREDICTIONS {
            return Err(Failure::new(TOO_SLOW, "the schema refers too often to parts with many alternatives"));
        }
        Ok(size)
    }

    fn predictions(&self) -> u64 {
        let count = |(definition, part): (&Rc<str>, &Option<Part>)| {
            let references = self.references.get(definition).copied().unwrap_or(0);
            references * part.as_ref().map_or(0, Part::alternatives)
        };
        self.definitions.iter().map(count).sum()
    }

    /// A part of llguidance is not larger than all of them may be.
    fn checked(&self, part: Part) -> Result<Part, Failure> {
        if part.size > MAX_PARTS || self.copies > MAX_COPIES || self.combinations > MAX_COMBINATIONS {
            return Err(too_large());
        }
        if self.pattern_pairs > MAX_PATTERN_PAIRS {
            return Err(Failure::new(TOO_SLOW, "'patternProperties' has too many patterns"));
        }
        if self.one_of_pairs > MAX_ONE_OF_PAIRS {
            return Err(Failure::new(TOO_SLOW, "'oneOf' has too many alternatives"));
        }
        Ok(part)
    }

    /// Reads what stands below the part that is read.
    fn within<T>(&mut self, steps: &[&str], read: impl FnOnce(&mut Self) -> T) -> T {
        let depth = self.path.len();
        self.path.extend(steps.iter().map(|step| step.replace('~', "~0").replace('/', "~1")));
        let result = read(self);
        self.path.truncate(depth);
        result
    }

    /// The keywords are taken in their order, as llguidance does: which definitions are made already depends on it.
    fn part(&mut self, schema: &Value) -> Result<Part, Failure> {
        let keywords = match schema {
            Value::Bool(false) => return Ok(Part::NOTHING),
            Value::Object(keywords) => keywords,
            _ => return Ok(Part::ANY),
        };
        if !keywords.keys().any(|keyword| OWN.contains(&keyword.as_str()) || APPLIED.contains(&keyword.as_str())) {
            return Ok(Part::ANY);
        }
        // in place of the properties and items that stand on the other side of an applied keyword
        let known = |keyword: &str| match keywords.get(keyword) {
            Some(Value::Object(map)) => Value::Object(map.keys().map(|name| (name.clone(), Value::Bool(true))).collect()),
            Some(Value::Array(list)) => Value::Array(vec![Value::Bool(true); list.len()]),
            _ => Value::Null,
        };
        let (properties, prefix) = (known("properties"), known("prefixItems"));
        let mut result = Part::ANY;
        let mut together: HashMap<&str, &Value> = HashMap::new();
        for (keyword, value) in keywords {
            let keyword = keyword.as_str();
            if APPLIED.contains(&keyword) {
                result = self.with_simple(result, std::mem::take(&mut together), keywords)?;
                result = self.applied(result, keyword, value)?;
            } else if !ANNOTATIONS.contains(&keyword) {
                together.insert(keyword, value);
                match keyword {
                    "additionalProperties" => together.entry("properties").or_insert(&properties),
                    "items" => together.entry("prefixItems").or_insert(&prefix),
                    _ => continue,
                };
            }
        }
        let result = self.with_simple(result, together, keywords)?;
        self.checked(result)
    }

    fn applied(&mut self, result: Part, keyword: &str, value: &Value) -> Result<Part, Failure> {
        match (keyword, value) {
            ("const", value) => self.both(result, constant(value), 0),
            ("enum", Value::Array(list)) => self.distributed(result, list.iter().map(constant).collect(), false),
            ("allOf", Value::Array(list)) => {
                let mut result = result;
                for (index, each) in list.iter().enumerate() {
                    let part = self.within(&[keyword, &index.to_string()], |own| own.part(each))?;
                    result = self.both(result, part, 0)?;
                }
                Ok(result)
            }
            ("anyOf" | "oneOf", Value::Array(list)) => {
                let parts = self.list(keyword, list)?;
                self.distributed(result, parts, keyword == "oneOf")
            }
            ("$ref", Value::String(reference)) => {
                self.define(reference)?;
                self.both(result, Part { form: Form::Reference(reference.as_str().into()), size: 1.0, pairs: 0.0 }, 0)
            }
            _ => Ok(result),
        }
    }

    fn list(&mut self, keyword: &str, list: &[Value]) -> Result<Vec<Part>, Failure> {
        list.iter()
            .enumerate()
            .map(|(index, each)| self.within(&[keyword, &index.to_string()], |own| own.part(each)))
            .collect()
    }

    /// What matches a part and one of some alternatives. llguidance combines it with each, also if another one of them
    /// accepts everything.
    fn distributed(&mut self, part: Part, alternatives: Vec<Part>, one: bool) -> Result<Part, Failure> {
        let combined = match part.form {
            Form::Any => alternatives,
            _ => alternatives.iter().map(|each| self.copied(each, &part, 0)).collect::<Result<_, _>>()?,
        };
        self.options(combined, one)
    }

    /// A part with keywords that are not applied: a part for each type.
    fn with_simple<'v>(
        &mut self,
        result: Part,
        mut together: HashMap<&'v str, &'v Value>,
        keywords: &'v Map<String, Value>,
    ) -> Result<Part, Failure> {
        if together.is_empty() {
            return Ok(result);
        }
        if let Some(types) = keywords.get("type") {
            together.insert("type", types);
        }
        let types: Vec<&str> = match together.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => vec!["null", "boolean", "number", "string", "array", "object"],
        };
        let parts = types
            .into_iter()
            .map(|each| match each {
                "array" => self.array(&together),
                "object" => self.object(&together),
                "null" => Ok(Part::leaf(Kind::Null, 1.0)),
                "boolean" => Ok(Part::leaf(Kind::Boolean, 1.0)),
                "string" => {
                    let pattern = together.get("pattern").and_then(|value| value.as_str()).map(str::len);
                    let has_length = together.contains_key("minLength") || together.contains_key("maxLength");
                    let length = if pattern.is_some() && has_length { NARROWED } else { 0.0 };
                    Ok(Part::leaf(Kind::Text, 1.0 + pattern.unwrap_or(0) as f64 / COMPILED + length))
                }
                _ => {
                    let bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
                    let digits = bounds.iter().filter_map(|bound| together.get(bound)).map(|value| value.to_string().len());
                    let squares: usize = digits.map(|digits| digits * digits).sum();
                    let multiple = together.get("multipleOf").and_then(|value| value.as_f64()).and_then(Multiple::of);
                    Ok(Part::leaf(Kind::Number(multiple), 1.0 + squares as f64 / BOUND))
                }
            })
            .collect::<Result<_, _>>()?;
        let simple = self.options(parts, false)?;
        self.both(result, simple, 0)
    }

    fn array(&mut self, keywords: &HashMap<&str, &Value>) -> Result<Part, Failure> {
        let mut prefix = Vec::new();
        let mut items = None;
        for keyword in ["prefixItems", "items", "additionalItems"] {
            match keywords.get(keyword) {
                Some(Value::Array(list)) => prefix.extend(self.list(keyword, list)?),
                Some(Value::Null) | None => {}
                Some(value) => items = Some(self.within(&[keyword], |own| own.part(value))?),
            }
        }
        self.checked(Part::array(prefix, items))
    }

    fn object(&mut self, keywords: &HashMap<&str, &Value>) -> Result<Part, Failure> {
        let mut properties = self.named(keywords, "properties")?;
        let patterns = self.named(keywords, "patternProperties")?;
        self.compare_patterns(patterns.len());
        for (name, part) in &mut properties {
            if let Some(pattern) = self.matching(&patterns, name) {
                self.copies += pattern.size;
                let own = std::mem::replace(part, Part::NOTHING);
                *part = self.within(&["properties", name], |weigher| weigher.both(own, pattern.clone(), 0))?;
            }
            self.checked(Part::NOTHING)?;
        }
        let additional = keywords.get("additionalProperties");
        let additional =
            additional.map(|value| self.within(&["additionalProperties"], |own| own.part(value))).transpose()?;
        let required = keywords.get("required").and_then(|value| value.as_array()).into_iter().flatten();
        let required = required.filter_map(Value::as_str).map(size_of).sum();
        self.checked(Part::object(Object { properties, patterns, additional, required }))
    }

    fn named(&mut self, keywords: &HashMap<&str, &Value>, keyword: &str) -> Result<Vec<(Rc<str>, Part)>, Failure> {
        let map = keywords.get(keyword).and_then(|value| value.as_object());
        map.into_iter()
            .flatten()
            .map(|(name, value)| Ok((name.as_str().into(), self.within(&[keyword, name], |own| own.part(value))?)))
            .collect()
    }

    /// The part of the first pattern that a name matches. llguidance does the same, and refuses patterns with a name in
    /// common.
    fn matching<'p>(&mut self, patterns: &'p [(Rc<str>, Part)], name: &str) -> Option<&'p Part> {
        let found = patterns.iter().find(|(pattern, _)| {
            self.copies += size_of(name);
            let regex = self.patterns.entry(pattern.clone()).or_insert_with(|| regex_of(pattern));
            regex.as_mut().is_some_and(|regex| regex.is_match(name))
        });
        found.map(|(_, part)| part)
    }

    fn compare_patterns(&mut self, count: usize) {
        self.pattern_pairs += (count * count.saturating_sub(1)) as f64;
    }

    /// Alternatives without those that nothing matches, and without nested ones of the same kind.
    fn options(&mut self, parts: Vec<Part>, one: bool) -> Result<Part, Failure> {
        let mut left = Vec::new();
        for part in parts {
            match &part.form {
                Form::Nothing => {}
                Form::Any if !one => return Ok(Part::ANY),
                Form::Options(nested) if nested.one == one => left.extend(nested.parts.iter().cloned()),
                _ => left.push(part),
            }
        }
        if one {
            self.one_of_pairs += (left.len() * left.len()) as f64;
        }
        match left.len() {
            0 => Ok(Part::NOTHING),
            1 => Ok(left.swap_remove(0)),
            _ => {
                let (size, pairs) = sums(left.iter());
                self.checked(Part { form: Form::Options(Rc::new(Options { parts: left, one })), size, pairs })
            }
        }
    }

    fn define(&mut self, reference: &str) -> Result<(), Failure> {
        let key: Rc<str> = reference.into();
        *self.references.entry(key.clone()).or_default() += 1;
        if self.definitions.contains_key(&key) {
            return Ok(());
        }
        self.definitions.insert(key.clone(), None);
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        let steps = pointer.split('/').skip(1).map(str::to_string).collect();
        let before = std::mem::replace(&mut self.path, steps);
        let part = self.root.pointer(pointer).map_or(Ok(Part::ANY), |target| self.part(target))?;
        self.path = before;
        self.definitions.insert(key, Some(part));
        Ok(())
    }

    /// What matches both of two parts.
    fn both(&mut self, one: Part, other: Part, depth: usize) -> Result<Part, Failure> {
        self.combinations += 1;
        if depth > MAX_DEPTH {
            return Err(Failure::new(TOO_LARGE, "combined parts of the schema nest too deeply"));
        }
        let part = match (&one.form, &other.form) {
            (Form::Any, _) => other,
            (_, Form::Any) => one,
            (Form::Nothing, _) | (_, Form::Nothing) => Part::NOTHING,
            (Form::Reference(reference), _) => {
                let target = self.target(reference);
                self.both(target, other, depth + 2)?
            }
            (_, Form::Reference(reference)) => {
                let target = self.target(reference);
                self.both(one, target, depth + 2)?
            }
            (Form::Options(options), _) => {
                let options = options.clone();
                let parts = options.parts.iter().map(|part| self.copied(part, &other, depth)).collect::<Result<_, _>>()?;
                self.options(parts, options.one)?
            }
            (_, Form::Options(options)) => {
                let options = options.clone();
                let parts = options.parts.iter().map(|part| self.copied(part, &one, depth)).collect::<Result<_, _>>()?;
                self.options(parts, options.one)?
            }
            (Form::Leaf(Kind::Number(first)), Form::Leaf(Kind::Number(second))) => {
                let multiple = match (first, second) {
                    (Some(first), Some(second)) => Some(first.both(*second).ok_or_else(|| self.too_many_digits())?),
                    _ => first.or(*second),
                };
                Part::leaf(Kind::Number(multiple), one.size + other.size - 1.0)
            }
            (Form::Leaf(Kind::Text), Form::Leaf(Kind::Text)) => {
                // any text narrows a pattern at no cost, and a short constant at little
                let narrowed = NARROWED * (one.size.min(other.size) - 1.0).min(1.0);
                Part::leaf(Kind::Text, one.size + other.size - 1.0 + narrowed)
            }
            (Form::Leaf(first), Form::Leaf(second)) if first == second => Part::leaf(*first, 1.0),
            (Form::Array(first), Form::Array(second)) => self.arrays(first, second, depth)?,
            (Form::Object(first), Form::Object(second)) => self.objects(first, second, depth)?,
            _ => Part::NOTHING,
        };
        self.checked(part)
    }

    fn too_many_digits(&self) -> Failure {
        let pointer: String = self.path.iter().map(|step| format!("/{step}")).collect();
        Failure::unsupported(format!(
            "'multipleOf' at {} is not supported: the product of two that are combined there has too many digits",
            (self.original)(&pointer)
        ))
    }

    /// What matches a part and a copy of another one.
    fn copied(&mut self, part: &Part, copy: &Part, depth: usize) -> Result<Part, Failure> {
        self.copies += copy.size;
        self.both(part.clone(), copy.clone(), depth + 1)
    }

    /// A copy of a definition. llguidance refuses one that is being made.
    fn target(&mut self, reference: &str) -> Part {
        let target = self.definitions.get(reference).cloned().flatten().unwrap_or(Part::ANY);
        self.copies += target.size;
        target
    }

    fn arrays(&mut self, one: &Array, other: &Array, depth: usize) -> Result<Part, Failure> {
        let mut prefix = Vec::new();
        for index in 0..one.prefix.len().max(other.prefix.len()) {
            let first = one.prefix.get(index).or(one.items.as_ref()).cloned().unwrap_or(Part::ANY);
            let second = other.prefix.get(index).or(other.items.as_ref()).cloned().unwrap_or(Part::ANY);
            prefix.push(self.copied(&first, &second, depth)?);
        }
        let items = self.either(&one.items, &other.items, depth)?;
        Ok(Part::array(prefix, items))
    }

    fn either(&mut self, one: &Option<Part>, other: &Option<Part>, depth: usize) -> Result<Option<Part>, Failure> {
        match (one, other) {
            (Some(one), Some(other)) => self.copied(one, other, depth).map(Some),
            _ => Ok(one.clone().or(other.clone())),
        }
    }

    fn objects(&mut self, one: &Object, other: &Object, depth: usize) -> Result<Part, Failure> {
        let mut properties = self.merged(&one.properties, other, true, depth)?;
        let known: HashMap<&str, ()> = one.properties.iter().map(|(name, _)| (name.as_ref(), ())).collect();
        let rest: Vec<(Rc<str>, Part)> =
            other.properties.iter().filter(|(name, _)| !known.contains_key(name.as_ref())).cloned().collect();
        properties.extend(self.merged(&rest, one, true, depth)?);
        let mut patterns = self.merged(&one.patterns, other, false, depth)?;
        let rest: Vec<(Rc<str>, Part)> = other
            .patterns
            .iter()
            .filter(|(pattern, _)| one.patterns.iter().all(|(own, _)| own != pattern))
            .cloned()
            .collect();
        patterns.extend(self.merged(&rest, one, false, depth)?);
        self.compare_patterns(patterns.len());
        let additional = self.either(&one.additional, &other.additional, depth)?;
        Ok(Part::object(Object { properties, patterns, additional, required: one.required + other.required }))
    }

    /// Properties or patterns, combined with what another object says of them.
    fn merged(
        &mut self,
        own: &[(Rc<str>, Part)],
        other: &Object,
        properties: bool,
        depth: usize,
    ) -> Result<Vec<(Rc<str>, Part)>, Failure> {
        let same: HashMap<&str, &Part> = if properties { &other.properties } else { &other.patterns }
            .iter()
            .map(|(name, part)| (name.as_ref(), part))
            .collect();
        let rest = other.additional.as_ref().unwrap_or(&Part::ANY);
        own.iter()
            .map(|(name, part)| {
                let with = match same.get(name.as_ref()) {
                    Some(same) => same,
                    None if properties => self.matching(&other.patterns, name).unwrap_or(rest),
                    None => rest,
                };
                Ok((name.clone(), self.copied(part, with, depth)?))
            })
            .collect()
    }
}

/// A pattern of names as llguidance reads it.
fn regex_of(pattern: &str) -> Option<Regex> {
    let mut builder = RegexBuilder::new();
    let expression = builder.mk_regex_for_serach(&regex_to_lark(pattern, "dw")).ok()?;
    builder.to_regex_limited(expression, PATTERN_FUEL).ok()
}

fn constant(value: &Value) -> Part {
    match value {
        Value::Null => Part::leaf(Kind::Null, 1.0),
        Value::Bool(_) => Part::leaf(Kind::Boolean, 1.0),
        Value::Number(_) => Part::leaf(Kind::Number(None), 1.0),
        Value::String(text) => Part::leaf(Kind::Text, size_of(text)),
        Value::Array(list) => Part::array(list.iter().map(constant).collect(), Some(Part::NOTHING)),
        Value::Object(map) => Part::object(Object {
            properties: map.iter().map(|(name, value)| (name.as_str().into(), constant(value))).collect(),
            additional: Some(Part::NOTHING),
            required: map.keys().map(|name| size_of(name)).sum(),
            ..Object::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::UNSUPPORTED;
    use serde_json::json;

    fn code(schema: Value) -> Option<i32> {
        check(&schema, |pointer| format!("#{pointer}")).err().map(|failure| failure.code)
    }

    fn options(count: usize) -> Value {
        json!({ "anyOf": (0..count).map(|i| json!({ "required": [i.to_string()] })).collect::<Vec<_>>() })
    }

    fn properties(count: usize) -> Value {
        let properties: Map<String, Value> = (0..count).map(|i| (i.to_string(), json!({}))).collect();
        json!({ "properties": { "x": { "properties": properties } } })
    }

    #[test]
    fn products_of_alternatives_are_refused() {
        assert_eq!(code(options(900)), None);
        assert_eq!(code(properties(900)), None);
        assert_eq!(code(json!({ "allOf": [options(900), properties(900)] })), Some(TOO_LARGE));
        assert_eq!(code(json!({ "allOf": [options(30), properties(100)] })), None);
    }

    #[test]
    fn products_are_found_within_properties_and_items() {
        let (a, b) = (options(900), properties(900));
        for (one, other) in [
            (json!({ "properties": { "p": a } }), json!({ "properties": { "p": b } })),
            (json!({ "properties": { "p": a } }), json!({ "additionalProperties": b })),
            (json!({ "items": a }), json!({ "items": b })),
            (json!({ "prefixItems": [true, a] }), json!({ "items": b })),
            (json!({ "prefixItems": vec![json!({}); 900] }), json!({ "items": b })),
            (json!({ "patternProperties": { "^p": a } }), json!({ "patternProperties": { "^p": b } })),
            (json!({ "$ref": "#/$defs/0" }), b.clone()),
        ] {
            let schema = json!({ "allOf": [one, other], "$defs": { "0": a } });
            assert_eq!(code(schema.clone()), Some(TOO_LARGE), "{}", &schema.to_string()[..60]);
        }
        let many: Map<String, Value> = (0..900).map(|i| (i.to_string(), json!({}))).collect();
        let schema = json!({ "properties": many, "patternProperties": { "^[0-9]": properties(800) } });
        assert_eq!(code(schema), Some(TOO_LARGE));
        let composed: Vec<Value> = (0..10).map(|_| properties(100)).collect();
        assert_eq!(code(json!({ "allOf": composed })), None, "parts with the same names");
    }

    #[test]
    fn multiples_that_llguidance_combines_wrongly_are_refused() {
        let multiple = |value: u32| json!({ "multipleOf": value });
        for (one, other) in [
            (multiple(65_536), multiple(65_536)),
            (json!({ "items": multiple(65_536) }), json!({ "items": multiple(65_537) })),
            (json!({ "properties": { "p": multiple(100_000) } }), json!({ "additionalProperties": multiple(100_000) })),
            (json!({ "$ref": "#/$defs/0" }), multiple(100_000)),
            (multiple(65_536), json!({ "minimum": 2, "allOf": [multiple(65_537)] })),
            (json!({ "minimum": 2, "allOf": [multiple(65_537)] }), multiple(65_536)),
        ] {
            let schema = json!({ "allOf": [one, other], "$defs": { "0": multiple(100_000) } });
            assert_eq!(code(schema.clone()), Some(UNSUPPORTED), "{schema}");
        }
        assert_eq!(code(json!({ "allOf": [multiple(65_536), { "multipleOf": 0.01, "minimum": 1 }, { "minimum": 2 }] })), None);
        let apart = json!({ "properties": { "p": multiple(100_000), "q": multiple(100_000) } });
        assert_eq!(code(apart), None);
    }

    #[test]
    fn multiples_that_meet_in_any_way_are_refused_with_their_path() {
        let k = || json!({ "multipleOf": 100_000 });
        let large = || json!({ "enum": (0..900).collect::<Vec<_>>() });
        let y = |value: Value| json!({ "properties": { "y": value } });
        let circle = json!({
            "$ref": "#/$defs/0",
            "properties": { "q": { "$ref": "#/$defs/1" } },
            "$defs": {
                "0": { "$ref": "#/$defs/1", "properties": { "y": k() } },
                "1": { "properties": { "x": { "$ref": "#/$defs/0" }, "y": k() } },
            },
        });
        for (schema, path) in [
            (json!({ "multipleOf": 100_000, "anyOf": [{}, k()] }), "#"),
            (json!({ "items": { "oneOf": [k(), { "type": "string" }], "anyOf": [true, k()] } }), "#/items"),
            (json!({ "items": { "x-none": 1, "multipleOf": 100_000 }, "allOf": [{ "prefixItems": [{}, k()] }] }), "#"),
            (json!({ "patternProperties": { "^q": large(), "^p": k() }, "properties": { "p": k() } }), "#/properties/p"),
            (json!({ "properties": { "p": k() }, "allOf": [{ "patternProperties": { "^q": large(), "^p": k() } }] }), "#"),
            (json!({ "properties": { "p": k() }, "allOf": [{ "patternProperties": { "^q": large() }, "additionalProperties": k() }] }), "#"),
            (json!({ "patternProperties": { "^p": k() }, "allOf": [{}], "additionalProperties": k() }), "#"),
            (json!({ "allOf": [
                { "properties": { "p": k() } },
                { "patternProperties": { "^q": { "type": "string", "pattern": "a".repeat(1_000) } } },
                { "properties": { "p": k() } },
            ] }), "#"),
            (json!({ "$defs": { "0": y(k()) }, "allOf": [{ "$ref": "#/$defs/0" }, y(k())] }), "#"),
            (json!({ "items": { "$ref": "#/$defs/0" }, "$defs": { "0": { "items": { "allOf": [k(), k()] } } } }), "#/$defs/0/items"),
            (circle, "#/$defs/0"),
        ] {
            let failure = check(&schema, |pointer| format!("#{pointer}")).expect_err(&schema.to_string());
            let expected = format!(
                "'multipleOf' at {path} is not supported: the product of two that are combined there has too many digits"
            );
            assert_eq!(failure, Failure::unsupported(expected), "{schema}");
        }
        for accepted in [
            json!({ "patternProperties": { "^q": k() }, "properties": { "p": k() } }),
            json!({ "patternProperties": { "^p": k() }, "properties": { "p": large() }, "additionalProperties": k() }),
            json!({ "properties": { "p": k() }, "allOf": [{ "patternProperties": { "^q": k() } }] }),
            json!({ "properties": { "p": k() }, "allOf": [{ "additionalProperties": { "type": "string" } }, { "items": k() }] }),
            json!({ "anyOf": [k(), { "type": "string" }], "minimum": 3 }),
            json!({ "anyOf": [{}, k()], "multipleOf": 100_000 }),
        ] {
            assert_eq!(code(accepted.clone()), None, "{accepted}");
        }
    }

    #[test]
    fn products_are_found_behind_what_a_larger_part_hides() {
        let (a, b) = (options(900), properties(900));
        for schema in [
            json!({ "allOf": [a], "anyOf": [{}, b] }),
            json!({ "allOf": [
                { "properties": { "p": a } },
                { "patternProperties": { "^q": { "type": "string" } } },
                { "properties": { "p": b } },
            ] }),
            json!({ "properties": { "p": a }, "patternProperties": { "^q": { "enum": (0..90_000).collect::<Vec<_>>() }, "^p": b } }),
            json!({ "allOf": [{ "x": 1, "$ref": "#/$defs/0" }, { "x": 1, "$ref": "#/$defs/1" }], "$defs": { "0": a, "1": b } }),
        ] {
            assert_eq!(code(schema.clone()), Some(TOO_LARGE), "{}", &schema.to_string()[..60]);
        }
        // a name is matched with a pattern each time
        let name = "a".repeat(30_000);
        let parts = vec![json!({ "type": "object", "patternProperties": { "^b": {} } }); 4_000];
        let named = |name: String| json!({ "type": "object", "properties": { name: {} }, "allOf": parts });
        assert_eq!((code(named("a".repeat(100))), code(named(name))), (None, Some(TOO_LARGE)));
    }

    #[test]
    fn branching_references_are_refused() {
        for depth in [31, 60] {
            let mut definitions = Map::new();
            for i in 0..depth {
                let next = json!({ "$ref": format!("#/$defs/{}", i + 1) });
                let each = json!({ "allOf": [{ "properties": { "a": next } }, { "properties": { "b": next, "a": next } }] });
                definitions.insert(i.to_string(), each);
            }
            definitions.insert(depth.to_string(), json!({ "type": "string" }));
            let schema = json!({ "$ref": "#/$defs/0", "$defs": definitions });
            assert_eq!(code(schema), Some(TOO_LARGE), "{depth}");
        }
    }

    #[test]
    fn parts_with_many_alternatives_are_referred_to_only_so_often() {
        let tree = |count: usize, form: fn(usize) -> Value| {
            let options: Vec<Value> = (0..count).map(form).collect();
            json!({ "$ref": "#/$defs/0", "$defs": { "0": { "anyOf": options } } })
        };
        let array = |i: usize| json!({ "type": "array", "items": { "$ref": "#/$defs/0" }, "minItems": i });
        let object = |i: usize| json!({ "properties": { "a": { "$ref": "#/$defs/0" } }, "required": [i.to_string()] });
        assert_eq!(code(tree(300, array)), Some(TOO_SLOW));
        assert_eq!(code(tree(300, object)), Some(TOO_SLOW));
        assert_eq!(code(tree(200, array)), None);
        let codes: Vec<Value> = (0..1_000).map(|i| json!(i.to_string())).collect();
        let properties: Map<String, Value> = (0..900).map(|i| (i.to_string(), json!({ "$ref": "#/$defs/0" }))).collect();
        let schema = json!({ "properties": properties, "$defs": { "0": { "enum": codes } } });
        assert_eq!(code(schema), None, "texts are one alternative");
    }

    #[test]
    fn recursion_ends() {
        assert_eq!(code(json!({ "$ref": "#/$defs/0", "$defs": { "0": { "$ref": "#/$defs/0", "title": "x" } } })), None);
        let tree = json!({ "properties": { "a": { "$ref": "#/$defs/0" }, "b": { "$ref": "#/$defs/0" } } });
        assert_eq!(code(json!({ "$ref": "#/$defs/0", "$defs": { "0": tree } })), None);
        let twice = json!({ "allOf": [{ "$ref": "#/$defs/0" }, { "properties": { "a": tree } }], "$defs": { "0": tree } });
        assert_eq!(code(twice), Some(TOO_LARGE));
    }
}
