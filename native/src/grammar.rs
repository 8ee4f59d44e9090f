//! Compiled grammars, and the states of sequences.
//!
//! The lexer of a grammar learns states while it runs. All sequences of a grammar share what it has learnt, in a
//! generation. If one sequence breaks the shared lexer or fills its memory, the grammar starts another generation, and
//! the other sequences repeat their tokens there: the failure stays with the sequence that caused it.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use llguidance::api::{GrammarInit, GrammarWithLexer, ParserLimits, StopReason, TopLevelGrammar};
use llguidance::earley::ParserError;
use llguidance::toktrie::InferenceCapabilities;
use llguidance::{Logger, TokenParser};
use serde_json::{json, Value};

use crate::failure::{guarded, Failure, INTERNAL, TOO_LARGE, TOO_SLOW};
use crate::memory;
use crate::regex;
use crate::schema;
use crate::tokenizer::Tokenizer;

pub const JSON_SCHEMA: i32 = 0;
pub const REGEX: i32 = 1;
pub const CHOICE: i32 = 2;
pub const LARK: i32 = 3;

/// llguidance spends about so much fuel in a millisecond.
const COMPILE_FUEL: u64 = 50_000;
const STEP_FUEL: u64 = 10_000;
const STEP_ITEMS: u64 = 20_000;
/// A lexer state takes about so many bytes.
const STATE_BYTES: u64 = 2_000;
/// A symbol of a grammar, with the rows that it adds.
const SYMBOL_BYTES: u64 = 200;
/// Compilation recurses; the stack of a JVM's thread may be small. Only touched pages take memory.
const STACK_BYTES: usize = 256 << 20;
/// How deep brackets of a Lark grammar nest: its parser recurses.
const LARK_NESTING: usize = 100;
/// How often a sequence may repeat its tokens in a new generation.
const GENERATIONS: u32 = 3;

#[derive(Clone, Copy)]
pub struct Limits {
    pub format_bytes: u64,
    pub compile_millis: u64,
    pub grammar_bytes: u64,
    pub mask_micros: u64,
}

impl Limits {
    fn parser(&self) -> ParserLimits {
        ParserLimits {
            initial_lexer_fuel: self.compile_millis.saturating_mul(COMPILE_FUEL),
            step_lexer_fuel: self.mask_micros.saturating_mul(STEP_FUEL) / 1000,
            step_max_items: (self.mask_micros.saturating_mul(STEP_ITEMS) / 1000) as usize,
            max_lexer_states: (self.grammar_bytes / STATE_BYTES) as usize,
            max_grammar_size: ((self.grammar_bytes / SYMBOL_BYTES) as usize).min(500_000),
            verbose_errors: false,
            ..ParserLimits::default()
        }
    }
}

pub struct Grammar {
    tokenizer: Arc<Tokenizer>,
    limits: Limits,
    /// Never advances, so that a generation can be copied from it; with the newest generation.
    shared: Mutex<(TokenParser, Option<Arc<Generation>>)>,
    /// The bytes of the compiled parser.
    bytes: i64,
}

/// What sequences share: the lexer behind a parser before its first token.
struct Generation {
    template: Mutex<TokenParser>,
    /// The bytes that steps have added and closed sequences have not freed.
    grown: AtomicI64,
    broken: AtomicBool,
}

impl Grammar {
    /// Compiles on a thread of its own, which has a large stack.
    pub fn compile(
        tokenizer: Arc<Tokenizer>,
        kind: i32,
        text: &str,
        limits: Limits,
    ) -> Result<Grammar, Failure> {
        if text.len() as u64 > limits.format_bytes {
            return Err(Failure::new(
                TOO_LARGE,
                format!(
                    "the format has {} bytes, and its limit is {}",
                    text.len(),
                    limits.format_bytes
                ),
            ));
        }
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("tidemark-grammar".to_string())
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || {
                    guarded(|| Self::compile_here(tokenizer, kind, text, limits))
                })
                .map_err(|error| Failure::new(INTERNAL, format!("no thread: {error}")))?
                .join()
                .unwrap_or_else(|_| Err(Failure::new(INTERNAL, "the compiling thread failed")))
        })
    }

    fn compile_here(
        tokenizer: Arc<Tokenizer>,
        kind: i32,
        text: &str,
        limits: Limits,
    ) -> Result<Grammar, Failure> {
        let before = memory::allocated();
        let grammar = match kind {
            JSON_SCHEMA => json_schema(text)?,
            REGEX => TopLevelGrammar::from_regex(&regex::anchored(text)?),
            CHOICE => TopLevelGrammar::from_regex(&choice(text)?),
            LARK => lark(text)?,
            other => return Err(Failure::new(INTERNAL, format!("no kind of format: {other}"))),
        };
        let mut parser = tokenizer
            .factory
            .create_parser_from_init_ext(
                GrammarInit::Serialized(grammar),
                Logger::new(0, 0),
                InferenceCapabilities::default(),
                limits.parser(),
            )
            .map_err(|error| match kind {
                JSON_SCHEMA => schema::located(&tokenizer, text, limits.parser(), &error),
                _ => Failure::of(&error),
            })?;
        parser.start_without_prompt();
        let bytes = memory::allocated() - before;
        if bytes > limits.grammar_bytes as i64 {
            return Err(Failure::new(
                TOO_LARGE,
                format!(
                    "the compiled format has {bytes} bytes, and its limit is {}",
                    limits.grammar_bytes
                ),
            ));
        }
        let grammar = Grammar {
            tokenizer,
            limits,
            shared: Mutex::new((parser, None)),
            bytes,
        };
        grammar.check_first_mask()?;
        Ok(grammar)
    }

    /// A grammar that allows no first token has no text.
    fn check_first_mask(&self) -> Result<(), Failure> {
        // the generation of this check may be broken; the next sequence starts another one
        let mut state = State::start(self)?;
        let mut mask = vec![0; self.tokenizer.words()];
        match state.step(self, -1, &mut mask) {
            Ok(_) => Ok(()),
            Err(failure) if failure.code == INTERNAL => Err(failure),
            Err(failure) if failure.code == TOO_SLOW => Err(failure),
            Err(failure) if failure.code == TOO_LARGE => Err(failure),
            Err(failure) => Err(Failure::unsupported(format!(
                "no text matches the format: {}",
                failure.message
            ))),
        }
    }

    /// Bytes of the compiled parser and of the newest generation.
    pub fn bytes(&self) -> i64 {
        let shared = self.lock();
        let generation = shared
            .1
            .as_ref()
            .map_or(0, |generation| self.bytes + generation.grown.load(Ordering::Relaxed));
        self.bytes + generation
    }

    /// The 32-bit words of a mask.
    pub fn words(&self) -> usize {
        self.tokenizer.words()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (TokenParser, Option<Arc<Generation>>)> {
        self.shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn generation(&self) -> Arc<Generation> {
        let mut shared = self.lock();
        let usable = shared
            .1
            .as_ref()
            .filter(|generation| !generation.broken.load(Ordering::Relaxed))
            .cloned();
        usable.unwrap_or_else(|| {
            let generation = Arc::new(Generation {
                template: Mutex::new(shared.0.deep_clone()),
                grown: AtomicI64::new(0),
                broken: AtomicBool::new(false),
            });
            shared.1 = Some(generation.clone());
            generation
        })
    }
}

/// What a row of a step may do.
#[derive(Debug, PartialEq)]
pub enum Step {
    Continues,
    Ended,
}

pub struct State {
    parser: ManuallyDrop<TokenParser>,
    generation: Arc<Generation>,
    generations: u32,
    tokens: Vec<u32>,
    failed: Option<Failure>,
}

impl State {
    pub fn start(grammar: &Grammar) -> Result<State, Failure> {
        let generation = grammar.generation();
        let before = memory::allocated();
        let parser = template(&generation)?;
        generation
            .grown
            .fetch_add(memory::allocated() - before, Ordering::Relaxed);
        Ok(State {
            parser: ManuallyDrop::new(parser),
            generation,
            generations: 1,
            tokens: Vec::new(),
            failed: None,
        })
    }

    /// Whether the text so far is complete; false after a failure.
    pub fn is_accepting(&mut self) -> bool {
        self.failed.is_none() && guarded(|| Ok(self.parser.is_accepting())).unwrap_or(false)
    }

    /// Consumes the last token, or none if it is negative, and writes the mask of the next. A failure is final.
    pub fn advance(&mut self, grammar: &Grammar, token: i32, mask: &mut [u32]) -> Result<Step, Failure> {
        mask.fill(0);
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let result = guarded(|| self.try_advance(grammar, token, mask));
        if let Err(failure) = &result {
            if failure.code == INTERNAL {
                // a panic may have left the shared lexer locked
                self.generation.broken.store(true, Ordering::Relaxed);
            }
            self.failed = Some(failure.clone());
            mask.fill(0);
        }
        result
    }

    fn try_advance(&mut self, grammar: &Grammar, token: i32, mask: &mut [u32]) -> Result<Step, Failure> {
        if self.generation.broken.load(Ordering::Relaxed) {
            self.repeat(grammar)?;
        }
        let first = guarded(|| self.measured(grammar, token, mask));
        let error = match first {
            Ok(step) => return Ok(step),
            Err(failure) => failure,
        };
        let of_lexer = self.generation.broken.load(Ordering::Relaxed)
            || matches!(guarded(|| Ok(self.parser.get_parser_error())), Ok(Some(true)) | Err(_));
        if !of_lexer || error.code == INTERNAL {
            return Err(error);
        }
        // Other sequences may have filled the lexer: once more with an empty one.
        self.generation.broken.store(true, Ordering::Relaxed);
        self.repeat(grammar)?;
        mask.fill(0);
        let again = self.measured(grammar, token, mask);
        if again.is_err() {
            self.generation.broken.store(true, Ordering::Relaxed);
        }
        again
    }

    /// A step, with the memory that it adds.
    fn measured(&mut self, grammar: &Grammar, token: i32, mask: &mut [u32]) -> Result<Step, Failure> {
        let before = memory::allocated();
        let result = self.step(grammar, token, mask);
        let added = memory::allocated() - before;
        let grown = self.generation.grown.fetch_add(added, Ordering::Relaxed) + added;
        if grown + grammar.bytes > grammar.limits.grammar_bytes as i64 {
            self.generation.broken.store(true, Ordering::Relaxed);
            if self.generations >= GENERATIONS {
                return Err(Failure::new(
                    TOO_LARGE,
                    format!("the memory of the format exceeds {} bytes", grammar.limits.grammar_bytes),
                ));
            }
        }
        result
    }

    /// Goes on in another generation, with the same tokens.
    fn repeat(&mut self, grammar: &Grammar) -> Result<(), Failure> {
        if self.generations >= GENERATIONS {
            return Err(Failure::new(TOO_SLOW, "the format needs too many lexer states"));
        }
        let generation = grammar.generation();
        let before = memory::allocated();
        let parser = template(&generation)?;
        self.replace(parser, generation.clone());
        self.generations += 1;
        let tokens = std::mem::take(&mut self.tokens);
        for &token in &tokens {
            self.consume(grammar, token)?;
        }
        generation
            .grown
            .fetch_add(memory::allocated() - before, Ordering::Relaxed);
        Ok(())
    }

    fn replace(&mut self, parser: TokenParser, generation: Arc<Generation>) {
        let old = std::mem::replace(&mut *self.parser, parser);
        let of = std::mem::replace(&mut self.generation, generation);
        release(old, &of);
    }

    pub(crate) fn step(&mut self, grammar: &Grammar, token: i32, mask: &mut [u32]) -> Result<Step, Failure> {
        let tokenizer = &grammar.tokenizer;
        if token >= 0 {
            self.consume(grammar, token as u32)?;
        }
        let parser = &mut *self.parser;
        if !parser.stopped() {
            parser.check_stop().map_err(|error| Failure::of(&error))?;
        }
        if parser.stopped() {
            return match parser.stop_reason() {
                StopReason::NoExtension | StopReason::EndOfSentence => {
                    mask.copy_from_slice(&tokenizer.ends);
                    Ok(Step::Ended)
                }
                reason => Err(Failure::unsupported(format!("the parser has stopped: {reason}"))),
            };
        }
        let first = self.tokens.is_empty().then_some(tokenizer.first.as_ref()).flatten();
        let usual = parser.bias_computer.clone();
        if let Some(first) = first {
            parser.bias_computer = first.clone();
        }
        let computed = parser.compute_mask();
        if first.is_some() {
            parser.bias_computer = usual;
            // a first token may add no byte, and then the next mask would be taken from the cache
            parser.invalidate_bias_cache();
        }
        let accepting = parser.is_accepting();
        let mut any = 0;
        match computed {
            Ok(set) => {
                for ((word, allowed), plain) in mask.iter_mut().zip(set.as_slice()).zip(&tokenizer.plain) {
                    *word = allowed & plain;
                    any |= *word;
                }
            }
            Err(_) if parser.stop_reason() == StopReason::NoExtensionBias => {}
            Err(error) => return Err(stopped(parser, &error)),
        }
        if accepting {
            mask.iter_mut().zip(&tokenizer.ends).for_each(|(word, ends)| *word |= ends);
        }
        match (any != 0, accepting) {
            (true, _) => Ok(Step::Continues),
            (false, true) => Ok(Step::Ended),
            (false, false) => Err(Failure::unsupported("no token of the vocabulary continues the text")),
        }
    }

    fn consume(&mut self, grammar: &Grammar, token: u32) -> Result<(), Failure> {
        let tokenizer = &grammar.tokenizer;
        if token as usize >= tokenizer.vocabulary {
            return Err(Failure::unsupported(format!("token {token} is not in the vocabulary")));
        }
        let parser = &mut *self.parser;
        let spelled: Vec<u32> = match &tokenizer.first {
            Some(first) if self.tokens.is_empty() => tokenizer.spell(first.bytes(token)),
            _ => vec![token],
        };
        for each in spelled {
            if parser.stopped() {
                return Err(Failure::unsupported("a token follows a complete text"));
            }
            parser.consume_token(each).map_err(|error| stopped(parser, &error))?;
        }
        self.tokens.push(token);
        Ok(())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // Safety: the parser is not used after this.
        let parser = unsafe { ManuallyDrop::take(&mut self.parser) };
        let _ = guarded(|| {
            release(parser, &self.generation);
            Ok(())
        });
    }
}

/// Frees a parser, and counts what it frees.
fn release(parser: TokenParser, generation: &Generation) {
    let before = memory::allocated();
    drop(parser);
    generation
        .grown
        .fetch_add(memory::allocated() - before, Ordering::Relaxed);
}

fn template(generation: &Generation) -> Result<TokenParser, Failure> {
    let template = generation
        .template
        .lock()
        .map_err(|_| Failure::new(INTERNAL, "the grammar is broken"))?;
    Ok(template.clone())
}

/// Why a parser has stopped: too much work, or a token that does not fit.
fn stopped(parser: &TokenParser, error: &anyhow::Error) -> Failure {
    match parser.stop_reason() {
        StopReason::LexerTooComplex | StopReason::ParserTooComplex
            if !error.to_string().contains("doesn't satisfy") =>
        {
            Failure::new(TOO_SLOW, "a mask of the format needs too many steps")
        }
        _ => Failure::of(error),
    }
}

trait LexerErrors {
    /// Whether the error of the parser, if there is one, is of the lexer that sequences share.
    fn get_parser_error(&self) -> Option<bool>;
}

impl LexerErrors for TokenParser {
    fn get_parser_error(&self) -> Option<bool> {
        self.parser
            .get_error()
            .map(|error| matches!(error, ParserError::LexerError(_)))
    }
}

fn json_schema(text: &str) -> Result<TopLevelGrammar, Failure> {
    Ok(TopLevelGrammar::from_grammar(GrammarWithLexer {
        json_schema: Some(with_options(schema::prepared(text)?)),
        ..GrammarWithLexer::default()
    }))
}

/// The options of llguidance travel in the schema. At most one space between tokens; each character of a string has one
/// spelling, so that a key can't be repeated in another spelling.
pub fn with_options(mut schema: Value) -> Value {
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
    schema
}

fn choice(text: &str) -> Result<String, Failure> {
    let texts: Vec<String> = serde_json::from_str(text)
        .map_err(|error| Failure::unsupported(format!("not a list of texts: {error}")))?;
    if texts.is_empty() {
        return Err(Failure::unsupported("a choice needs a text"));
    }
    let escaped: Vec<String> = texts.iter().map(|text| regex_syntax::escape(text)).collect();
    Ok(format!("(?:{})", escaped.join("|")))
}

fn lark(text: &str) -> Result<TopLevelGrammar, Failure> {
    for (part, why) in [
        ("%json", "send the schema as a JSON Schema"),
        ("allow_invalid_utf8", "answers are UTF-8"),
    ] {
        if text.contains(part) {
            return Err(Failure::unsupported(format!("'{part}' in a grammar is not supported: {why}")));
        }
    }
    let mut depth: usize = 0;
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > LARK_NESTING {
            return Err(Failure::new(
                TOO_LARGE,
                format!("brackets nest deeper than {LARK_NESTING}"),
            ));
        }
    }
    Ok(TopLevelGrammar::from_lark(text.to_string()))
}
