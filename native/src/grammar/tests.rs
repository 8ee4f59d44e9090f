//! What one sequence does to another one of the same grammar.

use llguidance::toktrie::Recognizer;
use serde_json::{json, Value};

use super::*;

/// The letters of a token that makes masks expensive.
const LETTERS: usize = 8;

/// Each byte is a token, and each text of eight `a` and `b`.
fn tokenizer() -> Arc<Tokenizer> {
    let mut words: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    words.extend((0..1 << LETTERS).map(|bits| (0..LETTERS).map(|bit| b'a' + (bits >> bit & 1) as u8).collect::<Vec<u8>>()));
    words.push(Vec::new());
    let end = words.len() as u32 - 1;
    Arc::new(Tokenizer::new(words, None, &[end]).unwrap())
}

fn limits() -> Limits {
    Limits {
        format_bytes: 64 << 10,
        compile_millis: 100,
        grammar_bytes: 64 << 20,
        mask_micros: 10_000,
        total_bytes: 256 << 20,
    }
}

/// A sequence with the mask of its next token.
struct Walk<'a> {
    grammar: &'a Grammar,
    state: State,
    mask: Vec<u32>,
}

impl<'a> Walk<'a> {
    fn start(grammar: &'a Grammar) -> Walk<'a> {
        let mut walk = Walk {
            grammar,
            state: State::start(grammar).unwrap(),
            mask: vec![0; grammar.words()],
        };
        walk.next(-1).unwrap();
        walk
    }

    fn next(&mut self, token: i32) -> Result<Step, Failure> {
        self.state.advance(self.grammar, token, &mut self.mask)
    }

    fn text(&mut self, text: &str) -> Result<Step, Failure> {
        let mut last = Ok(Step::Continues);
        for byte in text.bytes() {
            assert!(self.allows(byte as i32), "'{}' is not allowed", byte as char);
            last = self.next(byte as i32);
            if last.is_err() {
                break;
            }
        }
        last
    }

    fn allows(&self, token: i32) -> bool {
        self.mask[token as usize / 32] >> (token % 32) & 1 != 0
    }
}

#[test]
fn a_repeated_step_consumes_its_token_once() {
    // each of the sequences needs 80 states of the lexer; together they need more than there may be
    let forms: Vec<String> = ('a'..'k')
        .map(|letter| format!("(?:{letter}{}){{1,40}};", letter.to_ascii_uppercase()))
        .collect();
    let states = 300;
    let limits = Limits { grammar_bytes: states * STATE_BYTES, ..limits() };
    let grammar = Grammar::compile(tokenizer(), REGEX, &forms.join("|"), limits).unwrap();
    let mut moved = 0;
    for letter in 'a'..'k' {
        let mut walk = Walk::start(&grammar);
        let before = Arc::as_ptr(&walk.state.generation);
        for i in 0..40 {
            let pair = format!("{letter}{}", letter.to_ascii_uppercase());
            assert_eq!(walk.text(&pair), Ok(Step::Continues), "pair {i} of {letter}");
            let end = walk.allows(';' as i32);
            assert!(end, "pair {i} of {letter}");
        }
        assert!(!walk.allows(letter as i32), "more than 40 pairs of {letter}");
        assert_eq!(walk.text(";"), Ok(Step::Ended));
        moved += (before != Arc::as_ptr(&walk.state.generation)) as usize;
    }
    assert!(moved > 0, "no sequence has filled the lexer");
}

/// Masks after `x` become too expensive; those after `y` are cheap, and leave work to the step that consumes a token.
const EXPENSIVE: &str = r#"x(?:a|b)*a(?:a|b){60}|y[^"\\\x00-\x1f\x7f]{1,300}""#;

fn walk_until_failure(grammar: &Grammar) -> Failure {
    let mut walk = Walk::start(grammar);
    walk.text("x").unwrap();
    for i in 0..2000 {
        let letter = if (i * i / 7) % 3 == 0 { "a" } else { "b" };
        if let Err(failure) = walk.text(letter) {
            return failure;
        }
    }
    panic!("no failure");
}

#[test]
fn sequences_that_fail_by_their_own_text_fail_no_other() {
    let limits = Limits { mask_micros: 500, ..limits() };
    let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits).unwrap();
    let mut other = Walk::start(&grammar);
    other.text("y1").unwrap();
    for i in 0..20 {
        walk_until_failure(&grammar);
        assert_eq!(other.text("7"), Ok(Step::Continues), "after {} failures", i + 1);
    }
    assert_eq!(other.text("\""), Ok(Step::Ended));
}

#[test]
fn a_sequence_fares_beside_others_as_it_fares_alone() {
    let outcome = |micros: u64, beside: bool| {
        let limits = Limits { mask_micros: micros, ..limits() };
        let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits).ok()?;
        let mut own = Walk::start(&grammar);
        let mut others: Vec<Walk> = (0..if beside { 3 } else { 0 }).map(|_| Walk::start(&grammar)).collect();
        others.iter_mut().for_each(|other| {
            let _ = other.text("x");
        });
        let mut result = own.text("y");
        for i in 0..200 {
            for (index, other) in others.iter_mut().enumerate() {
                if other.state.failed.is_none() {
                    let _ = other.text(if (i * i / 7 + index) % 3 == 0 { "a" } else { "b" });
                }
            }
            if result.is_ok() {
                result = own.text("5");
            }
        }
        Some(result)
    };
    let mut compared = 0;
    for micros in (20..420).step_by(20) {
        let alone = outcome(micros, false);
        if let Some(Ok(_)) = alone {
            assert_eq!(outcome(micros, true), alone, "with {micros} microseconds");
            compared += 1;
        }
    }
    assert!(compared > 5, "{compared} limits");
}

/// Each open bracket adds to the memory of its sequence.
const BRACKETS: &str = "start: s\ns: \"(\" s \")\" | \"x\" | \"y\" s";

#[test]
fn memory_is_counted_until_the_last_byte_is_freed() {
    let tokenizer = tokenizer();
    let grammar = Grammar::compile(tokenizer.clone(), LARK, BRACKETS, limits()).unwrap();
    let compiled = grammar.bytes();
    assert_eq!(tokenizer.bytes.load(Relaxed), compiled);
    let mut walks: Vec<Walk> = (0..3).map(|_| Walk::start(&grammar)).collect();
    walks.iter_mut().for_each(|walk| assert!(walk.text(&"(".repeat(500)).is_ok()));
    let grown = grammar.bytes();
    assert!(grown > compiled + 100_000, "{compiled} bytes, then {grown}");
    assert_eq!(tokenizer.open.load(Relaxed), 3);
    // a lexer of its own for one of them
    grammar.generation().set_broken();
    assert!(walks[0].text("(").is_ok());
    assert!(grammar.bytes() > grown);
    drop(walks);
    assert!(grammar.bytes() < grown / 2, "{} bytes", grammar.bytes());
    drop(grammar);
    assert_eq!(tokenizer.bytes.load(Relaxed), 0);
    assert_eq!(tokenizer.open.load(Relaxed), 0);
    assert!(Grammar::compile(tokenizer.clone(), LARK, "start: start", limits()).is_err());
    assert_eq!(tokenizer.bytes.load(Relaxed), 0);
}

#[test]
fn only_a_sequence_with_more_than_its_share_fails_when_a_grammar_has_no_memory_left() {
    let limits = Limits { grammar_bytes: 3 << 20, ..limits() };
    let grammar = Grammar::compile(tokenizer(), LARK, BRACKETS, limits).unwrap();
    let mut small = Walk::start(&grammar);
    for _ in 0..5 {
        let mut large = Walk::start(&grammar);
        let failure = (0..50_000).find_map(|_| large.text("(").err()).expect("no failure");
        assert_eq!(failure.code, TOO_LARGE, "{failure:?}");
        assert!(grammar.bytes() < 4 << 20, "{} bytes", grammar.bytes());
        assert_eq!(small.text("y"), Ok(Step::Continues));
    }
    assert_eq!(small.text("x"), Ok(Step::Ended));
}

#[test]
fn what_ended_sequences_have_left_fails_no_other() {
    // each text has states of its own, which the lexer keeps
    let limits = Limits { grammar_bytes: 8 << 20, ..limits() };
    let grammar = Grammar::compile(tokenizer(), REGEX, "(?:a|b)*a(?:a|b){14}c", limits).unwrap();
    let mut lasting = Walk::start(&grammar);
    let mut changes = 0;
    for i in 0..200 {
        let before = Arc::as_ptr(&lasting.state.generation);
        let text: String = (0..6).map(|bit| if (i * 37 >> bit) & 1 == 0 { 'a' } else { 'b' }).collect();
        assert_eq!(Walk::start(&grammar).text(&text), Ok(Step::Continues), "{i}");
        assert_eq!(lasting.text("b"), Ok(Step::Continues), "{i}");
        assert!(grammar.bytes() < 12 << 20, "{} bytes", grammar.bytes());
        changes += (before != Arc::as_ptr(&lasting.state.generation)) as usize;
    }
    assert!((1..50).contains(&changes), "{changes} changes");
}

#[test]
fn only_sequences_with_more_than_their_share_are_ended_when_all_grammars_exceed_their_memory() {
    let tokenizer = tokenizer();
    let limits = Limits { total_bytes: 4 << 20, ..limits() };
    let grammars: Vec<Grammar> = (0..3)
        .map(|_| Grammar::compile(tokenizer.clone(), LARK, BRACKETS, limits).unwrap())
        .collect();
    let mut small = Walk::start(&grammars[0]);
    let mut large: Vec<Walk> = grammars[1..].iter().map(Walk::start).collect();
    for _ in 0..50_000 {
        for walk in &mut large {
            if grammars[0].exceeds_total() {
                walk.state.reduce(walk.grammar);
            }
            let _ = walk.text("(");
        }
        if large.iter().all(|walk| walk.state.failed.is_some()) {
            break;
        }
    }
    assert!(large.iter().any(|walk| walk.state.failed.is_some()));
    assert!(tokenizer.bytes.load(Relaxed) < 5 << 20);
    small.state.reduce(&grammars[0]);
    assert_eq!(small.text("yx"), Ok(Step::Ended));
}

#[test]
fn anchors_at_the_ends_of_an_expression_say_nothing() {
    for (expression, text) in [("^a{2}$", "aa"), ("^a|b$", "b"), ("(^a|b)c$", "bc"), (r"\Aa?b\z", "ab"), ("^^a$$", "a")] {
        let grammar = Grammar::compile(tokenizer(), REGEX, expression, limits()).unwrap();
        assert_eq!(Walk::start(&grammar).text(text), Ok(Step::Ended), "{expression}");
    }
    for refused in ["a^b", "a$b", "(?m)^a", "a?^b"] {
        let failure = Grammar::compile(tokenizer(), REGEX, refused, limits()).err().expect(refused);
        assert_eq!(failure.code, UNSUPPORTED, "{refused}: {failure:?}");
    }
}

#[test]
fn what_becomes_too_large_is_refused_before_it_is_compiled() {
    let doubled: String = (0..40).map(|i| format!("A{i}: A{0} A{0}\n", i + 1)).collect();
    for (kind, format, why) in [
        (REGEX, format!("^{}", r"\w".repeat(30_000)), "classes"),
        (LARK, format!("start: /{}/", r"\PL".repeat(20_000)), "classes"),
        (LARK, format!("start: A0\n{doubled}A40: \"a\""), "the terminals of the grammar"),
        (JSON_SCHEMA, r#"{"allOf":[{"multipleOf":65536},{"multipleOf":65537}]}"#.to_string(), "'multipleOf' at # "),
    ] {
        let failure = Grammar::compile(tokenizer(), kind, &format, limits()).err().expect("accepted");
        assert!(failure.message.contains(why), "{failure:?}");
    }
}

/// What matches one of some alternatives of each of several lists, which the objects that they require tell apart.
fn product(lists: &[&str], count: usize, properties: usize) -> String {
    let alternatives = |list: &&str| {
        let each = |i| json!({ "type": "object", "required": [format!("{list}{i}")] });
        json!({ "anyOf": (0..count).map(each).collect::<Vec<_>>() })
    };
    let names: serde_json::Map<String, Value> =
        (0..properties).map(|i| (format!("p{i}"), json!({ "type": "integer" }))).collect();
    json!({ "properties": names, "allOf": lists.iter().map(alternatives).collect::<Vec<_>>() }).to_string()
}

#[test]
fn a_schema_that_becomes_too_many_symbols_is_refused_before_they_are_all_made() {
    for schema in [product(&["a", "b"], 50, 15), product(&["a", "b", "c"], 20, 0)] {
        let (result, most) = std::thread::scope(|scope| {
            let compiling = || (Grammar::compile_here(tokenizer(), JSON_SCHEMA, &schema, limits()), memory::most_allocated());
            scope.spawn(compiling).join().unwrap()
        });
        let failure = result.err().expect("accepted");
        assert_eq!(failure.code, TOO_LARGE, "{failure:?}");
        assert!(most < limits().grammar_bytes as i64, "{most} bytes");
    }
    // published schemas have half as many symbols
    assert!(Grammar::compile(tokenizer(), JSON_SCHEMA, &product(&["a", "b"], 35, 0), limits()).is_ok());
}

#[test]
fn more_symbols_than_llguidance_can_number_are_the_fault_of_the_format() {
    let compile = |limits: Limits, max_grammar_size: usize| {
        let grammar = TopLevelGrammar::from_lark(format!("start: {}\nr: \"x\" r | \"y\"", "(\"a\"|r) ".repeat(66_000)));
        guarded(|| {
            let parser = tokenizer().parser(grammar, ParserLimits { max_grammar_size, ..limits.parser() });
            parser.map(drop).map_err(|error| Failure::of(&error))
        })
    };
    let large = Limits { grammar_bytes: 1 << 30, ..limits() };
    let failure = compile(large, 500_000).expect_err("accepted");
    assert_eq!(failure, Failure::new(TOO_LARGE, "the format has more than 65,000 symbols"));
    let failure = compile(large, large.parser().max_grammar_size).expect_err("accepted");
    assert_eq!(failure.code, TOO_LARGE);
    assert!(failure.message.contains("number of symbols"), "{failure:?}");
}

#[test]
fn nested_grammars_that_differ_in_what_they_ignore_are_limited() {
    let nested = |count: usize, ignored: fn(usize) -> usize| {
        let each = |i| format!("%lark {{ start: \"a\"\n %ignore \"x{}\"\n }}", ignored(i));
        let grammar = format!("start: {}", (0..count).map(each).collect::<Vec<_>>().join(" "));
        Grammar::compile(tokenizer(), LARK, &grammar, limits()).err()
    };
    assert_eq!(nested(255, |i| i), None);
    assert_eq!(nested(300, |_| 0), None);
    let failure = nested(256, |i| i).expect("accepted");
    assert_eq!(failure.code, UNSUPPORTED);
    assert!(failure.message.contains("more than 255 nested grammars"), "{failure:?}");
    assert!(failure.message.contains("give them the same"), "{failure:?}");
}

#[test]
fn sizes_are_read_while_the_grammar_is_in_use() {
    let grammar = Grammar::compile(tokenizer(), LARK, BRACKETS, limits()).unwrap();
    let generation = grammar.generation();
    let (_shared, _turn, _template) = (grammar.lock(), generation.turn(), generation.template.lock());
    // a lock would never be given
    assert!(grammar.bytes() > 0);
    assert!(!grammar.exceeds_total());
}

/// Makes the lexer learn an expensive text, and leaves what fuel is left.
struct Spender<'a>(&'a TokTrie, usize);

impl BiasComputer for Spender<'_> {
    fn compute_bias(&self, recognizer: &mut ParserRecognizer<'_>, _: &[u8]) -> SimpleVob {
        recognizer.trie_started("spend");
        let letters = (0..self.1).map(|i| if (i * i / 7) % 3 == 0 { b'a' } else { b'b' });
        let pushed = std::iter::once(b'x').chain(letters).take_while(|&byte| recognizer.try_push_byte(byte)).count();
        recognizer.pop_bytes(pushed);
        recognizer.trie_finished();
        self.0.alloc_token_set()
    }

    fn trie(&self) -> &TokTrie {
        self.0
    }
}

#[test]
fn a_step_has_all_of_its_fuel_whatever_the_last_one_has_left() {
    let mut spent = 0;
    for micros in (100..300).step_by(7) {
        let limits = Limits { mask_micros: micros, ..limits() };
        let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits).unwrap();
        for letters in 0.. {
            grammar.generation().set_broken();
            let mut other = Walk::start(&grammar);
            let mut own = Walk::start(&grammar);
            own.text("y").unwrap();
            let environment = other.state.parser.token_env.clone();
            other.state.parser.parser.compute_bias(&Spender(environment.tok_trie(), letters), &[0]);
            if other.state.exhausted().is_some() {
                break;
            }
            spent = spent.max(letters);
            assert_eq!(own.text("5"), Ok(Step::Continues), "after {letters} letters with {micros} microseconds");
        }
    }
    assert!(spent > 10, "{spent} letters");
}

/// Letters of a text that becomes expensive.
fn letters(from: usize, to: usize) -> String {
    (from..to).map(|i| if (i * i / 7) % 3 == 0 { 'a' } else { 'b' }).collect()
}

#[test]
fn a_sequence_pays_for_no_repetition_that_others_have_caused() {
    let limits = Limits { compile_millis: 5, ..limits() };
    let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits).unwrap();
    let mut own = Walk::start(&grammar);
    own.text(&format!("y{}", "5".repeat(200))).unwrap();
    for i in 0..60 {
        grammar.generation().set_broken();
        assert_eq!(own.text("6"), Ok(Step::Continues), "repetition {i}");
    }
    // those that it causes itself add up
    let failure = (0..60).find_map(|_| {
        grammar.generation().set_broken();
        own.state.has_broken = true;
        own.text("6").err()
    });
    assert_eq!(failure.expect("no failure").message, "the format needs too many steps to repeat a text");
}

#[test]
fn a_repetition_is_not_charged_with_what_others_have_spent_in_the_lexer() {
    let limits = Limits { compile_millis: 5, ..limits() };
    let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits).unwrap();
    let mut own = Walk::start(&grammar);
    own.text("y5").unwrap();
    grammar.generation().set_broken();
    let mut others = 0;
    while others < limits.compile_millis * STEP_FUEL {
        let mut other = Walk::start(&grammar);
        other.text(&format!("x{}", letters(0, 30))).unwrap();
        others = other.state.spent().0;
    }
    assert_eq!(own.text("6"), Ok(Step::Continues));
}

#[test]
fn a_sequence_whose_lexer_others_have_broken_goes_on_as_it_would_alone() {
    let mut warmed = 0;
    for micros in (200..2000).step_by(200) {
        let limits = Limits { mask_micros: micros, ..limits() };
        let Ok(grammar) = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits) else {
            continue;
        };
        for length in [10, 20, 30, 40, 50] {
            let mut alone = Walk::start(&grammar);
            if alone.next(b'x' as i32).is_err() || alone.text(&letters(0, length + 1)).is_err() {
                break;
            }
            grammar.generation().set_broken();
            let mut beside = Walk::start(&grammar);
            beside.text("x").unwrap();
            beside.text(&letters(0, length)).unwrap();
            grammar.generation().set_broken();
            assert_eq!(
                beside.text(&letters(length, length + 1)),
                Ok(Step::Continues),
                "{length} letters, {micros} microseconds"
            );
            warmed += !beside.state.cold as usize;
        }
    }
    assert!(warmed > 0, "no lexer was warmed");
}

#[test]
fn an_attempt_in_a_lexer_of_its_own_breaks_none_of_the_others() {
    let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits()).unwrap();
    let mut other = Walk::start(&grammar);
    other.text("y1").unwrap();
    for lexer in [Lexer::Separate, Lexer::Warmed] {
        let mut own = Walk::start(&grammar);
        own.text("x").unwrap();
        assert!(Arc::ptr_eq(&own.state.generation, &other.state.generation));
        assert!(own.state.attempt(&grammar, lexer, false, &mut own.mask).is_ok());
        own.state.generation.set_broken();
        assert_eq!(other.text("7"), Ok(Step::Continues));
        assert!(!other.state.cold, "the other one repeats its text after {lexer:?}");
    }
}

#[test]
fn a_generation_that_is_full_of_what_ended_sequences_have_left_is_replaced() {
    let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits()).unwrap();
    let mut lasting = Walk::start(&grammar);
    lasting.text("y1").unwrap();
    let full = lasting.state.generation.clone();
    full.add(limits().grammar_bytes as i64);
    assert_eq!(lasting.text("2"), Ok(Step::Continues));
    assert!(full.is_broken());
    assert_eq!(lasting.text("3"), Ok(Step::Continues));
    assert!(!Arc::ptr_eq(&full, &lasting.state.generation));
    drop(full);
    assert!(grammar.bytes() < limits().grammar_bytes as i64, "{} bytes", grammar.bytes());
}

/// Texts that need 80 states of the lexer each, which permits so few that it holds three of them.
fn pairs(letters: std::ops::Range<char>) -> Grammar {
    let forms: Vec<String> =
        letters.map(|letter| format!("(?:{letter}{}){{1,40}};", letter.to_ascii_uppercase())).collect();
    Grammar::compile(tokenizer(), REGEX, &forms.join("|"), Limits { grammar_bytes: 300 * STATE_BYTES, ..limits() }).unwrap()
}

#[test]
fn a_repetition_that_uses_up_its_lexer_is_charged_with_the_next_one() {
    let walk = |grammar: &Grammar, others: &[char]| {
        let mut own = Walk::start(grammar);
        own.text(&"aA".repeat(39)).unwrap();
        // a lexer of its own, or one in which others have left fewer states than the text needs
        grammar.generation().set_broken();
        own.state.has_broken = true;
        let before = own.state.generation.clone();
        for letter in others {
            Walk::start(grammar).text(&format!("{letter}{}", letter.to_ascii_uppercase()).repeat(40)).unwrap();
        }
        let shared = grammar.generation();
        assert_eq!(own.text("a"), Ok(Step::Continues));
        assert!(!Arc::ptr_eq(&before, &own.state.generation));
        assert_eq!(shared.is_broken(), !others.is_empty(), "whether the shared lexer was used up");
        own.state.repeated
    };
    let once = walk(&pairs('a'..'k'), &[]);
    let twice = walk(&pairs('a'..'k'), &['b', 'c', 'd']);
    assert!(once.0 > 0, "{once:?}");
    // the first attempt has repeated a part of the text
    assert!(twice.0 > once.0 + once.0 / 4, "{once:?} for one repetition, {twice:?} with the one before it");
}

#[test]
fn a_sequence_pays_for_no_lexer_of_its_own_that_it_needs_because_of_others() {
    let grammar = Grammar::compile(tokenizer(), REGEX, EXPENSIVE, limits()).unwrap();
    let mut own = Walk::start(&grammar);
    own.text("y5").unwrap();
    grammar.generation().set_broken();
    let shared = grammar.generation();
    std::thread::scope(|scope| {
        let turn = shared.turn();
        let step = scope.spawn(|| own.text("6"));
        // others break the next lexer, too, while the sequence waits for it
        while shared.open.load(Relaxed) == 0 {
            std::thread::yield_now();
        }
        shared.set_broken();
        drop(turn);
        assert_eq!(step.join().unwrap(), Ok(Step::Continues));
    });
    assert!(!Arc::ptr_eq(&shared, &own.state.generation));
    assert_eq!(own.state.repeated, (0, 0));
}

/// Whether a whole text matches a grammar.
fn accepts(grammar: &Grammar, text: &str) -> bool {
    let mut walk = Walk::start(grammar);
    text.bytes().all(|byte| walk.allows(byte as i32) && walk.next(byte as i32).is_ok())
        && walk.allows(grammar.tokenizer.vocabulary as i32 - 1)
}

#[test]
fn keywords_on_both_sides_of_an_applied_one_keep_their_meaning() {
    let draft7 = r#""$schema":"http://json-schema.org/draft-07/schema#""#;
    let draft4 = r#""$schema":"http://json-schema.org/draft-04/schema#""#;
    for (schema, valid, invalid) in [
        (format!(r#"{{{draft7},"items":[{{"type":"null"}}],"allOf":[{{}}],"additionalItems":{{"type":"boolean"}}}}"#), "[null,true]", "[null,null]"),
        (format!(r#"{{{draft7},"additionalItems":false,"allOf":[{{}}],"items":[{{"type":"null"}}]}}"#), "[null]", "[null,null]"),
        (r#"{"prefixItems":[{"type":"null"}],"additionalItems":false}"#.to_string(), "[null,1]", "[1]"),
        (r#"{"prefixItems":[{"type":"null"}],"items":{"type":"boolean"},"additionalItems":true}"#.to_string(), "[null,true]", "[true]"),
        (format!(r#"{{{draft7},"prefixItems":[{{"type":"null"}}],"items":{{"type":"boolean"}}}}"#), "[true]", "[null]"),
        (r#"{"patternProperties":{"^a":{"type":"null"}},"allOf":[{}],"additionalProperties":false}"#.to_string(), r#"{"a":null}"#, r#"{"b":null}"#),
        (format!(r#"{{{draft4},"minimum":5,"allOf":[{{}}],"exclusiveMinimum":true,"type":"integer"}}"#), "6", "5"),
        (format!(r#"{{{draft4},"exclusiveMaximum":true,"allOf":[{{}}],"maximum":5,"type":"integer"}}"#), "4", "5"),
    ] {
        let grammar = Grammar::compile(tokenizer(), JSON_SCHEMA, &schema, limits()).map_err(|failure| failure.message).unwrap();
        assert!(accepts(&grammar, valid), "{schema}");
        assert!(!accepts(&grammar, invalid), "{schema}");
    }
    for (schema, why) in [
        (format!(r#"{{"items":{{{draft4},"const":1}},{draft4}}}"#), "'const' at #/items is not supported: draft 4"),
        (r#"{"items":[{}],"prefixItems":[{}]}"#.to_string(), "'items' at # is not supported: a list beside"),
    ] {
        let failure = Grammar::compile(tokenizer(), JSON_SCHEMA, &schema, limits()).err().expect("accepted");
        assert!(failure.message.starts_with(why), "{failure:?}");
    }
}

#[test]
fn a_multiple_that_is_accepted_is_enforced() {
    let schema = r#"{"multipleOf":40000,"anyOf":[{},{"multipleOf":60000}]}"#;
    let grammar = Grammar::compile(tokenizer(), JSON_SCHEMA, schema, limits()).map_err(|failure| failure.message).unwrap();
    assert!(accepts(&grammar, "80000"));
    assert!(!accepts(&grammar, "60000"));
}

/// Numbers that depend on a seed only.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize].clone()
    }

    /// A schema in which multiples meet in many ways.
    fn schema(&mut self, depth: u64) -> Value {
        let mut schema = serde_json::Map::new();
        for _ in 0..1 + self.below(3) {
            let keyword = self.one_of(&[
                "multipleOf", "multipleOf", "allOf", "anyOf", "oneOf", "properties", "patternProperties",
                "additionalProperties", "items", "prefixItems", "$ref", "x-none", "type", "enum",
            ]);
            let inner = |own: &mut Random| if depth == 0 { json!({ "multipleOf": 100_000 }) } else { own.schema(depth - 1) };
            let value = match keyword {
                "multipleOf" => self.one_of(&[json!(3), json!(1_000), json!(100_000), json!(70_001), json!(0.001)]),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    let mut list: Vec<Value> = (0..1 + self.below(2)).map(|_| inner(self)).collect();
                    if self.below(3) == 0 {
                        list.push(json!({}));
                    }
                    Value::Array(list)
                }
                "properties" => json!({ self.one_of(&["a", "b", "ab"]): inner(self) }),
                "patternProperties" => {
                    json!({ "^a": inner(self), "^b": self.one_of(&[json!({ "enum": [1, 2, 3, 4, 5, 6, 7, 8, 9] }), json!({})]) })
                }
                "$ref" => json!(self.one_of(&["#/$defs/p", "#/$defs/q", "#/$defs/r"])),
                "type" => self.one_of(&[json!("number"), json!("object"), json!(["array", "integer", "object"])]),
                "enum" => json!([{ "a": 1 }, 7, [1]]),
                "x-none" => json!(1),
                _ => inner(self),
            };
            schema.insert(keyword.to_string(), value);
        }
        Value::Object(schema)
    }
}

/// A multiple that exceeds 32 bits in llguidance panics in this build.
#[test]
fn no_schema_that_is_accepted_has_a_multiple_that_overflows() {
    let tokenizer = tokenizer();
    let mut random = Random(11);
    let (mut accepted, mut refused) = (0, 0);
    for case in 0..400 {
        let mut schema = random.schema(2);
        schema["$defs"] = json!({ "p": random.schema(1), "q": random.schema(1), "r": random.schema(1) });
        match schema::prepared(&schema.to_string()) {
            Err(failure) => refused += failure.message.starts_with("'multipleOf' at ") as usize,
            Ok(prepared) => {
                let result = guarded(|| {
                    let parser = tokenizer.parser(schema::grammar(prepared.schema), limits().parser());
                    parser.map(drop).map_err(|error| Failure::of(&error))
                });
                let failed = result.err().filter(|failure| failure.code == INTERNAL);
                assert_eq!(failed, None, "case {case}: {schema}");
                accepted += 1;
            }
        }
    }
    assert!(accepted > 100 && refused > 50, "{accepted} accepted, {refused} refused");
}
