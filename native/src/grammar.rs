//! Compiled grammars, and the states of sequences.
//!
//! The lexer of a grammar learns states while it runs. The sequences of a grammar share what it has learnt, in a
//! generation. If one sequence breaks the shared lexer, by a mask that needs too many steps or by the last state that
//! the lexer may have, it goes on or fails in a lexer of its own, and the others repeat their tokens in a new
//! generation. Each repetition is limited. So are all repetitions together that a sequence has caused itself; those
//! that others have caused are not counted among them.
//!
//! A generation that exceeds its memory is replaced if most of it is left from sequences that have ended. Otherwise
//! those sequences fail that have added more than their share.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use llguidance::api::{ParserLimits, StopReason, TopLevelGrammar};
use llguidance::earley::{BiasComputer, ParserError, ParserRecognizer};
use llguidance::toktrie::{SimpleVob, TokTrie};
use llguidance::TokenParser;

use crate::failure::{guarded, Failure, INTERNAL, TOO_LARGE, TOO_SLOW, UNSUPPORTED};
use crate::lark;
use crate::memory;
use crate::regex;
use crate::schema;
use crate::tokenizer::Tokenizer;

pub const JSON_SCHEMA: i32 = 0;
pub const REGEX: i32 = 1;
pub const CHOICE: i32 = 2;
pub const LARK: i32 = 3;

/// llguidance spends about so much fuel in a millisecond; with many different classes of characters, the slowest formats
/// that were measured, 1,100 to 4,000. `regex.rs` limits those.
const COMPILE_FUEL: u64 = 50_000;
const STEP_FUEL: u64 = 10_000;
const STEP_ITEMS: u64 = 20_000;
/// A lexer state takes about so many bytes.
const STATE_BYTES: u64 = 2_000;
/// A symbol of a grammar takes about so many bytes while the grammar is compiled, with the parts of a schema that it is
/// made of and the copies of it. No schema of up to 64 KiB in SchemaStore has more than 18,000 symbols.
const SYMBOL_BYTES: u64 = 2_000;
/// llguidance numbers the symbols with 16 bits, and panics at more.
const MAX_SYMBOLS: usize = 65_000;
/// Compilation recurses; the stack of a JVM's thread may be small. Only touched pages take memory. Rules that name each
/// other take about 600 bytes of stack for a byte of the format.
const STACK_BYTES: usize = 256 << 20;
const STACK_BYTES_A_BYTE: usize = 2_000;
/// A compilation that has allocated more than this gives back what it has freed. The C library keeps that for threads to
/// come, and each compilation may be in another one of its arenas.
const RETURNED_BYTES: i64 = 4 << 20;
/// How large the terminals of a Lark grammar become, compared with the limit of its text.
const TERMINALS: u64 = 2;

#[derive(Clone, Copy)]
pub struct Limits {
    pub format_bytes: u64,
    pub compile_millis: u64,
    pub grammar_bytes: u64,
    pub mask_micros: u64,
    /// Of all grammars of a tokenizer.
    pub total_bytes: u64,
}

impl Limits {
    fn parser(&self) -> ParserLimits {
        ParserLimits {
            initial_lexer_fuel: self.compile_millis.saturating_mul(COMPILE_FUEL),
            step_lexer_fuel: self.mask_micros.saturating_mul(STEP_FUEL) / 1000,
            step_max_items: (self.mask_micros.saturating_mul(STEP_ITEMS) / 1000) as usize,
            max_lexer_states: (self.grammar_bytes / STATE_BYTES) as usize,
            max_grammar_size: ((self.grammar_bytes / SYMBOL_BYTES) as usize).min(MAX_SYMBOLS),
            verbose_errors: false,
            ..ParserLimits::default()
        }
    }
}

/// Bytes of a grammar with its sequences, which are counted for all grammars of the tokenizer, too.
struct Usage {
    tokenizer: Arc<Tokenizer>,
    own: AtomicI64,
}

impl Usage {
    fn add(&self, bytes: i64) {
        self.own.fetch_add(bytes, Relaxed);
        self.tokenizer.bytes.fetch_add(bytes, Relaxed);
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.tokenizer.bytes.fetch_sub(self.own.load(Relaxed), Relaxed);
    }
}

pub struct Grammar {
    tokenizer: Arc<Tokenizer>,
    limits: Limits,
    /// Never advances, so that a generation can be copied from it; with the newest generation.
    shared: Mutex<(TokenParser, Option<Arc<Generation>>)>,
    usage: Arc<Usage>,
    /// The bytes of the compiled parser.
    compiled: i64,
}

/// What sequences share: the lexer behind a parser before its first token.
struct Generation {
    template: Mutex<TokenParser>,
    /// Held in a step, so that no other sequence spends the fuel of its calls.
    turn: Mutex<()>,
    usage: Arc<Usage>,
    /// The bytes of the lexer before the first token.
    fresh: i64,
    /// All bytes, and those that the steps of open sequences have added.
    bytes: AtomicI64,
    owned: AtomicI64,
    open: AtomicI64,
    broken: AtomicBool,
}

impl Generation {
    fn of(parser: &TokenParser, usage: &Arc<Usage>) -> Arc<Generation> {
        let before = memory::allocated();
        let template = parser.deep_clone();
        let fresh = memory::allocated() - before;
        usage.add(fresh);
        Arc::new(Generation {
            template: Mutex::new(template),
            turn: Mutex::new(()),
            usage: usage.clone(),
            fresh,
            bytes: AtomicI64::new(fresh),
            owned: AtomicI64::new(0),
            open: AtomicI64::new(0),
            broken: AtomicBool::new(false),
        })
    }

    fn add(&self, bytes: i64) {
        self.bytes.fetch_add(bytes, Relaxed);
        self.usage.add(bytes);
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }

    fn set_broken(&self) {
        self.broken.store(true, Relaxed);
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn parser(&self) -> Result<TokenParser, Failure> {
        let template = self
            .template
            .lock()
            .map_err(|_| Failure::new(INTERNAL, "the grammar is broken"))?;
        Ok(template.clone())
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.usage.add(-self.bytes.load(Relaxed));
    }
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
        let (result, most) = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("tidemark-grammar".to_string())
                .stack_size(STACK_BYTES.max(text.len().saturating_mul(STACK_BYTES_A_BYTE)))
                .spawn_scoped(scope, || {
                    (guarded(|| Self::compile_here(tokenizer, kind, text, limits)), memory::most_allocated())
                })
                .map_err(|error| Failure::new(INTERNAL, format!("no thread: {error}")))?
                .join()
                .map_err(|_| Failure::new(INTERNAL, "the compiling thread failed"))
        })?;
        if most > RETURNED_BYTES {
            memory::give_back();
        }
        result
    }

    fn compile_here(
        tokenizer: Arc<Tokenizer>,
        kind: i32,
        text: &str,
        limits: Limits,
    ) -> Result<Grammar, Failure> {
        let before = memory::allocated();
        let mut prepared = None;
        let grammar = match kind {
            JSON_SCHEMA => {
                let prepared = prepared.insert(schema::prepared(text)?);
                schema::grammar(prepared.schema.clone())
            }
            REGEX => {
                regex::check(text)?;
                TopLevelGrammar::from_regex(text)
            }
            CHOICE => TopLevelGrammar::from_regex(&choice(text)?),
            LARK => {
                lark::check(text, limits.format_bytes.saturating_mul(TERMINALS))?;
                TopLevelGrammar::from_lark(text.to_string())
            }
            other => return Err(Failure::new(INTERNAL, format!("no kind of format: {other}"))),
        };
        let mut parser = tokenizer.parser(grammar, limits.parser()).map_err(|error| match &prepared {
            Some(prepared) => schema::located(&tokenizer, prepared, &limits.parser(), &error),
            None => Failure::of(&error),
        })?;
        drop(prepared);
        parser.start_without_prompt();
        let compiled = memory::allocated() - before;
        let usage = Arc::new(Usage {
            tokenizer: tokenizer.clone(),
            own: AtomicI64::new(0),
        });
        usage.add(compiled);
        let grammar = Grammar {
            tokenizer,
            limits,
            shared: Mutex::new((parser, None)),
            usage,
            compiled,
        };
        grammar.check_bytes()?;
        grammar.check_first_mask()?;
        grammar.check_bytes()?;
        Ok(grammar)
    }

    /// A compiled grammar leaves at least half of its memory to its sequences.
    fn check_bytes(&self) -> Result<(), Failure> {
        let (bytes, limit) = (self.bytes(), self.limits.grammar_bytes as i64 / 2);
        if bytes > limit {
            return Err(Failure::new(
                TOO_LARGE,
                format!("the compiled format has {bytes} bytes, and its limit is {limit}"),
            ));
        }
        Ok(())
    }

    /// A grammar that allows no first token has no text.
    fn check_first_mask(&self) -> Result<(), Failure> {
        let mut state = State::start(self)?;
        let mut mask = vec![0; self.tokenizer.words()];
        match state.advance(self, -1, &mut mask) {
            Ok(_) => Ok(()),
            Err(failure) if failure.code != UNSUPPORTED => Err(failure),
            Err(failure) => Err(Failure::unsupported(format!(
                "no text matches the format: {}",
                failure.message
            ))),
        }
    }

    /// Bytes of the compiled parser, of its generations and of their sequences. Takes no lock.
    pub fn bytes(&self) -> i64 {
        self.usage.own.load(Relaxed)
    }

    /// Whether the grammars of the tokenizer exceed their limit.
    pub fn exceeds_total(&self) -> bool {
        self.tokenizer.bytes.load(Relaxed) > self.limits.total_bytes as i64
    }

    /// The 32-bit words of a mask.
    pub fn words(&self) -> usize {
        self.tokenizer.words()
    }

    fn lock(&self) -> MutexGuard<'_, (TokenParser, Option<Arc<Generation>>)> {
        self.shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The newest generation that is not broken.
    fn generation(&self) -> Arc<Generation> {
        let mut shared = self.lock();
        let usable = shared.1.as_ref().filter(|generation| !generation.is_broken()).cloned();
        usable.unwrap_or_else(|| {
            let generation = Generation::of(&shared.0, &self.usage);
            shared.1 = Some(generation.clone());
            generation
        })
    }

    /// A generation of one sequence.
    fn separate_generation(&self) -> Arc<Generation> {
        Generation::of(&self.lock().0, &self.usage)
    }

    /// Shares the generation of one sequence if there is no other one.
    fn share(&self, generation: &Arc<Generation>) {
        let mut shared = self.lock();
        if shared.1.as_ref().is_none_or(|shared| shared.is_broken()) {
            shared.1 = Some(generation.clone());
        }
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
    /// The bytes that the steps of this sequence have added to its generation.
    added: i64,
    tokens: Vec<u32>,
    /// Whether the tokens were repeated without their masks, so that the lexer knows less than it did.
    cold: bool,
    /// The fuel and the items of the repetitions that this sequence has caused.
    repeated: (u64, u64),
    /// Whether this sequence has broken the lexer of its generation.
    has_broken: bool,
    failed: Option<Failure>,
}

/// Which lexer an attempt of a step uses. The attempts of a step go down this list, so that there are four at most.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lexer {
    /// That of the last step.
    Same,
    /// That of the newest generation.
    Shared,
    /// A new one, which no other sequence can break.
    Separate,
    /// A new one, in which the masks of all tokens are computed again.
    Warmed,
}

/// Why an attempt has failed.
enum Stop {
    /// Another lexer does not help.
    Final(Failure),
    /// Another sequence had broken the lexer before.
    Broken,
    /// The lexer has no fuel left.
    Fuel(Failure),
    /// The lexer has no states left.
    States(Failure),
}

impl State {
    pub fn start(grammar: &Grammar) -> Result<State, Failure> {
        let generation = grammar.generation();
        let before = memory::allocated();
        let parser = generation.parser()?;
        let mut state = State {
            parser: ManuallyDrop::new(parser),
            generation,
            added: 0,
            tokens: Vec::new(),
            cold: false,
            repeated: (0, 0),
            has_broken: false,
            failed: None,
        };
        state.enter();
        state.count(memory::allocated() - before);
        Ok(state)
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
                self.generation.set_broken();
            }
            self.failed = Some(failure.clone());
            mask.fill(0);
        }
        result
    }

    /// Ends a sequence that has added more than its share, when all grammars exceed their memory.
    pub fn reduce(&mut self, grammar: &Grammar) {
        let open = grammar.tokenizer.open.load(Relaxed).max(1);
        if self.failed.is_none() && self.added > grammar.limits.total_bytes as i64 / 4 / open {
            self.failed = Some(Failure::new(
                TOO_LARGE,
                format!("the memory of all formats exceeds {} bytes", grammar.limits.total_bytes),
            ));
        }
    }

    fn try_advance(&mut self, grammar: &Grammar, token: i32, mask: &mut [u32]) -> Result<Step, Failure> {
        if token >= 0 {
            if token as usize >= grammar.tokenizer.vocabulary {
                return Err(Failure::unsupported(format!("token {token} is not in the vocabulary")));
            }
            self.tokens.push(token as u32);
        }
        let mut lexer = Lexer::Same;
        loop {
            mask.fill(0);
            let stop = match self.attempt(grammar, lexer, token >= 0, mask) {
                Ok(step) => {
                    if lexer == Lexer::Separate || lexer == Lexer::Warmed {
                        grammar.share(&self.generation);
                    }
                    self.check_bytes(grammar)?;
                    return Ok(step);
                }
                Err(stop) => stop,
            };
            // What the sequence has broken itself it does not try again in a lexer of others.
            lexer = match (stop, lexer) {
                (Stop::Final(failure), _) => return Err(failure),
                (Stop::Broken, Lexer::Same) => Lexer::Shared,
                (Stop::Broken, Lexer::Shared) => Lexer::Separate,
                (Stop::Broken, _) => return Err(Failure::new(INTERNAL, "a new lexer is broken")),
                (Stop::States(_), Lexer::Same | Lexer::Shared) => Lexer::Separate,
                (Stop::States(failure), _) => return Err(failure),
                (Stop::Fuel(failure), Lexer::Same) if !self.cold => return Err(failure),
                (Stop::Fuel(failure), Lexer::Warmed) => return Err(failure),
                (Stop::Fuel(_), _) => Lexer::Warmed,
            };
        }
    }

    /// A step in a lexer, which no other sequence uses meanwhile.
    fn attempt(&mut self, grammar: &Grammar, lexer: Lexer, token: bool, mask: &mut [u32]) -> Result<Step, Stop> {
        match lexer {
            Lexer::Same => {}
            Lexer::Shared => self.change(grammar.generation()).map_err(Stop::Final)?,
            Lexer::Separate | Lexer::Warmed => self.change(grammar.separate_generation()).map_err(Stop::Final)?,
        }
        let generation = self.generation.clone();
        let _turn = generation.turn();
        if generation.is_broken() || self.exhausted().is_some() {
            generation.set_broken();
            return Err(Stop::Broken);
        }
        // what others have broken is not charged, also where it takes two lexers
        let charged = std::mem::take(&mut self.has_broken);
        let before = memory::allocated();
        let result = guarded(|| {
            match lexer {
                Lexer::Same if token => self.consume(grammar, self.tokens.len() - 1)?,
                Lexer::Same => {}
                Lexer::Shared | Lexer::Separate => self.repeat(grammar, false, charged)?,
                Lexer::Warmed => self.repeat(grammar, true, charged)?,
            }
            self.mask(grammar, self.tokens.len(), mask)
        });
        self.count(memory::allocated() - before);
        // also a step that did not fail may have used up the lexer
        let exhausted = self.exhausted();
        if exhausted.is_some() {
            generation.set_broken();
            self.has_broken = true;
        }
        let failure = match result {
            Ok(step) => {
                if lexer != Lexer::Same {
                    self.cold = lexer != Lexer::Warmed;
                }
                return Ok(step);
            }
            Err(failure) => failure,
        };
        Err(match exhausted {
            _ if failure.code == INTERNAL => Stop::Final(failure),
            Some(true) => Stop::Fuel(failure),
            Some(false) => Stop::States(failure),
            None => Stop::Final(failure),
        })
    }

    /// Whether the lexer is broken; if so, whether by its fuel.
    fn exhausted(&self) -> Option<bool> {
        match guarded(|| Ok(self.parser.parser.get_error())) {
            Ok(Some(ParserError::LexerError(why))) => Some(!why.starts_with("too many states")),
            Ok(_) => None,
            Err(_) => Some(false),
        }
    }

    /// Consumes all tokens, in a lexer that does not know them. What is charged adds up over the life of the sequence,
    /// also of a repetition that fails: another one in another lexer may follow it in the same step.
    fn repeat(&mut self, grammar: &Grammar, masks: bool, charged: bool) -> Result<(), Failure> {
        let limits = grammar.limits;
        let most = (
            limits.compile_millis.saturating_mul(STEP_FUEL),
            limits.compile_millis.saturating_mul(STEP_ITEMS),
        );
        let mut mask = vec![0; if masks { grammar.words() } else { 0 }];
        let mut repeated = if charged { self.repeated } else { (0, 0) };
        // so that what others have spent in this lexer is not counted
        self.refuel();
        let mut spent = self.spent();
        for place in 0..self.tokens.len() {
            let computed = if masks { self.mask(grammar, place, &mut mask).map(drop) } else { Ok(()) };
            let consumed = computed.and_then(|()| self.consume(grammar, place));
            self.refuel();
            let now = self.spent();
            repeated.0 += now.0.saturating_sub(spent.0);
            repeated.1 += now.1.saturating_sub(spent.1);
            spent = now;
            if charged {
                self.repeated = repeated;
            }
            consumed?;
            if repeated.0 > most.0 || repeated.1 > most.1 {
                return Err(Failure::new(TOO_SLOW, "the format needs too many steps to repeat a text"));
            }
        }
        Ok(())
    }

    fn spent(&self) -> (u64, u64) {
        let stats = self.parser.parser.stats();
        (stats.lexer_cost, stats.all_items as u64)
    }

    /// Goes on in another generation, before the first token.
    fn change(&mut self, generation: Arc<Generation>) -> Result<(), Failure> {
        let before = memory::allocated();
        let parser = generation.parser()?;
        let bytes = memory::allocated() - before;
        self.leave();
        let old = std::mem::replace(&mut *self.parser, parser);
        let of = std::mem::replace(&mut self.generation, generation);
        release(old, &of);
        self.enter();
        self.count(bytes);
        Ok(())
    }

    fn enter(&mut self) {
        self.added = 0;
        self.generation.open.fetch_add(1, Relaxed);
        self.generation.usage.tokenizer.open.fetch_add(1, Relaxed);
    }

    fn leave(&mut self) {
        self.generation.owned.fetch_sub(self.added, Relaxed);
        self.generation.open.fetch_sub(1, Relaxed);
        self.generation.usage.tokenizer.open.fetch_sub(1, Relaxed);
    }

    fn count(&mut self, bytes: i64) {
        self.added += bytes;
        self.generation.owned.fetch_add(bytes, Relaxed);
        self.generation.add(bytes);
    }

    /// Ends a sequence that has added more than its share of a generation without room. The share is such that there is
    /// one if open sequences have added half of what there is.
    fn check_bytes(&mut self, grammar: &Grammar) -> Result<(), Failure> {
        let generation = &self.generation;
        let room = grammar.limits.grammar_bytes as i64 - grammar.compiled - generation.fresh;
        let grown = generation.bytes.load(Relaxed) - generation.fresh;
        if grown <= room {
            return Ok(());
        }
        if grown - generation.owned.load(Relaxed) > room / 2 {
            generation.set_broken();
            return Ok(());
        }
        if self.added > room / 2 / generation.open.load(Relaxed).max(1) {
            return Err(Failure::new(
                TOO_LARGE,
                format!("the memory of the format exceeds {} bytes", grammar.limits.grammar_bytes),
            ));
        }
        Ok(())
    }

    /// Gives the next calls of the parser the fuel of one step. llguidance does so for masks only.
    fn refuel(&mut self) {
        let trie = self.parser.token_env.clone();
        self.parser.parser.compute_bias(&NoTokens(trie.tok_trie()), &[0]);
    }

    /// Writes the mask of the token at a place of the text.
    fn mask(&mut self, grammar: &Grammar, place: usize, mask: &mut [u32]) -> Result<Step, Failure> {
        let tokenizer = &grammar.tokenizer;
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
        let first = tokenizer.first.as_ref().filter(|_| place == 0);
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

    /// Consumes the token at a place of the text.
    fn consume(&mut self, grammar: &Grammar, place: usize) -> Result<(), Failure> {
        self.refuel();
        let token = self.tokens[place];
        let tokenizer = &grammar.tokenizer;
        let parser = &mut *self.parser;
        let spelled: Vec<u32> = match &tokenizer.first {
            Some(first) if place == 0 => tokenizer.spell(first.bytes(token)),
            _ => vec![token],
        };
        for each in spelled {
            if parser.stopped() {
                return Err(Failure::unsupported("a token follows a complete text"));
            }
            parser.consume_token(each).map_err(|error| stopped(parser, &error))?;
        }
        Ok(())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.leave();
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
    generation.add(memory::allocated() - before);
}

/// Computes no mask.
struct NoTokens<'a>(&'a TokTrie);

impl BiasComputer for NoTokens<'_> {
    fn compute_bias(&self, _: &mut ParserRecognizer<'_>, _: &[u8]) -> SimpleVob {
        self.0.alloc_token_set()
    }

    fn trie(&self) -> &TokTrie {
        self.0
    }
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

fn choice(text: &str) -> Result<String, Failure> {
    let texts: Vec<String> = serde_json::from_str(text)
        .map_err(|error| Failure::unsupported(format!("not a list of texts: {error}")))?;
    if texts.is_empty() {
        return Err(Failure::unsupported("a choice needs a text"));
    }
    let escaped: Vec<String> = texts.iter().map(|text| regex_syntax::escape(text)).collect();
    Ok(format!("(?:{})", escaped.join("|")))
}

#[cfg(test)]
mod tests;
