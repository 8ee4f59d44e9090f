//! Grammars in llguidance's dialect of Lark before it reads them: what answers can't have is refused, and so are
//! terminals that become too large. llguidance copies a terminal into each one that names it, so that a grammar of a
//! kilobyte can become gigabytes.

use std::collections::HashMap;

use serde_json::{Deserializer, Value};

use crate::failure::{Failure, TOO_LARGE, TOO_SLOW};
use crate::regex;
use crate::weight::MAX_PREDICTIONS;

/// How deep brackets nest: the parser of llguidance recurses.
const BRACKETS: usize = 100;
/// How deep terminals nest with their brackets: derivre recurses, also in a step on a thread of Java, and a step takes
/// time with the square of the depth: 10 s for 5,000 levels.
const NESTING: usize = 250;

/// The name of what a directive defines.
const DIRECTIVE: &str = "%";

/// Refuses a grammar that answers can't have, or that would take too much memory or time. The terminals, each with
/// those that it names, have at most `most` characters in all.
pub fn check(grammar: &str, most: u64) -> Result<(), Failure> {
    let tokens = tokens(grammar);
    let mut brackets: usize = 0;
    let mut work = regex::Work::new();
    for (place, token) in tokens.iter().enumerate() {
        match token {
            Token::Symbol('<') => {
                return Err(Failure::unsupported(
                    "'<' in a grammar is not supported: answers have no special tokens",
                ))
            }
            Token::Directive(name, _) if name.starts_with("json") => {
                return Err(Failure::unsupported(
                    "'%json' in a grammar is not supported: send the schema as a JSON Schema",
                ))
            }
            Token::Directive(name, rest) if name.starts_with("llguidance") => options(rest)?,
            Token::Directive("regex", rest) => substring(rest)?,
            // llguidance makes an item of each value of a parameter before it counts them
            Token::Symbol(':') if tokens.get(place + 1) == Some(&Token::Symbol(':')) => {
                return Err(Failure::unsupported(
                    "'::' in a grammar is not supported: rules with parameters have no limit of their size",
                ))
            }
            Token::Symbol('(' | '[' | '{') => brackets += 1,
            Token::Symbol(')' | ']' | '}') => brackets = brackets.saturating_sub(1),
            Token::Regex(pattern, flags) => regex::check_literal(pattern, flags, &mut work)?,
            _ => {}
        }
        if brackets > BRACKETS {
            return Err(Failure::new(TOO_LARGE, format!("brackets nest deeper than {BRACKETS}")));
        }
    }
    let definitions = Definitions::of(&tokens);
    definitions.check_predictions()?;
    definitions.check_terminals(most)
}

/// The options of a grammar are JSON, in which a name has several spellings.
fn options(text: &str) -> Result<(), Failure> {
    let value = Deserializer::from_str(text).into_iter::<Value>().next();
    match value {
        Some(Ok(Value::Object(options))) if options.contains_key("allow_invalid_utf8") => Err(Failure::unsupported(
            "'allow_invalid_utf8' in a grammar is not supported: answers are UTF-8",
        )),
        // what is no object llguidance refuses
        _ => Ok(()),
    }
}

/// llguidance fails at a chunk without characters.
fn substring(text: &str) -> Result<(), Failure> {
    let value = Deserializer::from_str(text).into_iter::<Value>().next();
    let has_empty = match &value {
        Some(Ok(value)) => value["substring_chunks"].as_array().is_some_and(|chunks| chunks.contains(&Value::from(""))),
        // what is no JSON llguidance refuses
        _ => false,
    };
    if has_empty {
        return Err(Failure::unsupported("'substring_chunks' with an empty text is not supported: remove that text"));
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Line,
    /// Of a terminal or of a rule.
    Name(&'a str),
    /// What is between quotation marks, with its escapes.
    Text(&'a str),
    /// What is between slashes, and the flags behind them.
    Regex(&'a str, &'a str),
    /// Without its percent sign, and all that follows.
    Directive(&'a str, &'a str),
    Symbol(char),
}

/// The tokens of a grammar, without white space, comments and numbers. Texts and expressions end where they end for
/// llguidance; what it can't read it refuses.
fn tokens(grammar: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = grammar;
    while let Some(first) = rest.chars().next() {
        let inner = &rest[first.len_utf8()..];
        rest = match first {
            '\n' => {
                tokens.push(Token::Line);
                inner
            }
            '#' => after_line(inner),
            '/' if inner.starts_with('/') => after_line(inner),
            '/' | '"' => {
                let end = end_of(inner, first);
                let (content, behind) = (&inner[..end], inner.get(end + 1..).unwrap_or_default());
                if first == '"' {
                    tokens.push(Token::Text(content));
                    behind
                } else {
                    let (flags, behind) = split(behind, |each| "imslux".contains(each));
                    tokens.push(Token::Regex(content, flags));
                    behind
                }
            }
            '%' => {
                let (name, behind) = split(inner, |each| each.is_ascii_lowercase());
                tokens.push(Token::Directive(name, behind));
                behind
            }
            '0'..='9' => split(rest, |each| each.is_ascii_alphanumeric()).1,
            '_' | 'a'..='z' | 'A'..='Z' => {
                let upper = rest.trim_start_matches('_').starts_with(|each: char| each.is_ascii_uppercase());
                let (name, behind) = split(rest, |each| match each {
                    'A'..='Z' => upper,
                    'a'..='z' => !upper,
                    _ => each.is_ascii_digit() || each == '_' || each == '-',
                });
                tokens.push(Token::Name(name));
                behind
            }
            symbol => {
                if !symbol.is_whitespace() {
                    tokens.push(Token::Symbol(symbol));
                }
                inner
            }
        };
    }
    tokens
}

fn split(text: &str, within: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|each| !within(each)).unwrap_or(text.len()))
}

fn after_line(text: &str) -> &str {
    &text[text.find('\n').unwrap_or(text.len())..]
}

/// Where a character that is not behind a backslash stands; the end if there is none.
fn end_of(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (place, each) in text.char_indices() {
        match each {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if each == end => return place,
            _ => {}
        }
    }
    text.len()
}

/// A terminal or a rule.
#[derive(Default)]
struct Definition<'a> {
    /// Whether it is a terminal, or a rule that llguidance may read as one.
    is_terminal: bool,
    /// The bars in it, and how often other definitions and its own name it.
    bars: u64,
    mentions: u64,
    characters: u64,
    /// The names in it, each with the depth of the brackets around it.
    names: Vec<(&'a str, usize)>,
    /// With those that it names; none while they are added up.
    total: Option<Total>,
    visited: bool,
}

#[derive(Clone, Copy, Default)]
struct Total {
    characters: u64,
    depth: usize,
}

/// The definitions by their names. Those of nested grammars with the same name are taken together.
struct Definitions<'a>(HashMap<&'a str, Definition<'a>>);

impl<'a> Definitions<'a> {
    fn of(tokens: &[Token<'a>]) -> Self {
        let mut definitions: HashMap<&'a str, Definition<'a>> = HashMap::new();
        let mut current = "";
        let mut brackets: usize = 0;
        let mut starts = true;
        for (place, token) in tokens.iter().enumerate() {
            let next = tokens.get(place + 1);
            let opens = match token {
                // with parameters, a priority or attributes before the colon; a line of JSON has none of them
                Token::Name(name) => {
                    matches!(next, Some(Token::Symbol(':' | '{' | '.' | '['))).then_some(*name)
                }
                Token::Directive(name, _) if !matches!(*name, "regex" | "lark" | "if") => Some(DIRECTIVE),
                _ => None,
            };
            if let Some(name) = opens.filter(|_| starts) {
                current = name;
                brackets = 0;
                // a rule with attributes may be a terminal
                let is_terminal = !is_rule(name) || next != Some(&Token::Symbol(':'));
                definitions.entry(name).or_default().is_terminal |= is_terminal;
            }
            starts = match token {
                Token::Line => true,
                Token::Symbol('?' | '!') => starts,
                Token::Symbol('{') => place > 0 && matches!(tokens[place - 1], Token::Directive("lark", _)),
                _ => false,
            };
            let definition = definitions.entry(current).or_default();
            match token {
                Token::Name(name) if is_rule(name) => definitions.entry(name).or_default().mentions += 1,
                Token::Name(name) => {
                    definition.characters += 1;
                    definition.names.push((name, brackets));
                }
                Token::Text(text) => definition.characters += text.len() as u64,
                Token::Regex(pattern, _) => definition.characters += pattern.len() as u64,
                Token::Symbol('(' | '[' | '{') => brackets += 1,
                Token::Symbol(')' | ']' | '}') => brackets = brackets.saturating_sub(1),
                Token::Symbol('|') => definition.bars += 1,
                // what is negated is a terminal
                Token::Symbol('~') => definition.is_terminal = true,
                _ => {}
            }
        }
        Definitions(definitions)
    }

    /// Wherever a rule may follow, each of its alternatives is looked for among what may follow already.
    fn check_predictions(&self) -> Result<(), Failure> {
        let rules = self.0.values().filter(|each| each.mentions > 1);
        let predictions: u64 = rules.map(|each| (each.mentions - 1) * (each.bars + 1)).sum();
        if predictions > MAX_PREDICTIONS {
            return Err(Failure::new(TOO_SLOW, "the grammar names rules with many alternatives too often"));
        }
        Ok(())
    }

    fn check_terminals(mut self, most: u64) -> Result<(), Failure> {
        let names: Vec<&str> = self.0.iter().filter(|(_, each)| each.is_terminal).map(|(name, _)| *name).collect();
        let mut characters: u64 = 0;
        for name in names {
            characters = characters.saturating_add(self.total(name, 0)?.characters);
            if characters > most {
                return Err(Failure::new(
                    TOO_LARGE,
                    format!("the terminals of the grammar, with those that they name, have more than {most} characters"),
                ));
            }
        }
        Ok(())
    }

    fn total(&mut self, name: &'a str, level: usize) -> Result<Total, Failure> {
        let Some(definition) = self.0.get_mut(name) else {
            return Ok(Total::default());
        };
        if std::mem::replace(&mut definition.visited, true) {
            // llguidance refuses a terminal that names itself
            return Ok(definition.total.unwrap_or_default());
        }
        let mut total = Total { characters: definition.characters, depth: 0 };
        let names = std::mem::take(&mut definition.names);
        for (each, brackets) in names {
            let deep = || Failure::new(TOO_LARGE, format!("terminals nest deeper than {NESTING}"));
            if level >= NESTING {
                return Err(deep());
            }
            let inner = self.total(each, level + 1)?;
            total.characters = total.characters.saturating_add(inner.characters);
            total.depth = total.depth.max(inner.depth + brackets + 1);
            if total.depth > NESTING {
                return Err(deep());
            }
        }
        if let Some(definition) = self.0.get_mut(name) {
            definition.total = Some(total);
        }
        Ok(total)
    }
}

/// Names of rules are lower case.
fn is_rule(name: &str) -> bool {
    !name.contains(|each: char| each.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 100_000;

    fn code(grammar: &str) -> Option<i32> {
        check(grammar, MOST).err().map(|failure| failure.code)
    }

    #[test]
    fn tokens_end_where_they_end_for_llguidance() {
        let found = tokens("# \"\n?a: \"//\\\"\" /[#]\\//is~2..3 // <b>\n  | _B-1 %ignore x:0xAB");
        let expected = [
            Token::Line,
            Token::Symbol('?'),
            Token::Name("a"),
            Token::Symbol(':'),
            Token::Text("//\\\""),
            Token::Regex("[#]\\/", "is"),
            Token::Symbol('~'),
            Token::Symbol('.'),
            Token::Symbol('.'),
            Token::Line,
            Token::Symbol('|'),
            Token::Name("_B-1"),
            Token::Directive("ignore", " x:0xAB"),
            Token::Name("x"),
            Token::Symbol(':'),
        ];
        assert_eq!(found, expected);
        for open in ["\"a", "/a", "/a\\", "\"", "/", "%", "_", "é", "# a"] {
            tokens(open);
        }
    }

    #[test]
    fn what_answers_do_not_have_is_refused_wherever_it_stands() {
        for refused in [
            "start: <|im_end|>",
            "start: \"a\" <[0]>",
            "// \"\nstart: <a>",
            "# \"\nstart: <a>\n# \"",
            "start: /\\// <a>",
            "start: %json {\"x-guidance\": {\"lenient\": true}}",
            "start: p::0\np::_: e p::incr(_) | \"x\"\ne: \"\" | \"z\"",
            "start: /\n/ %json{}",
            "start: /a/\n%llguidance {\"allow_invalid_utf8\": true}",
            "start: /a/\n%llguidance\n {\"no_forcing\": true, \"allow_invalid\\u005futf8\": true}",
            "start: %regex {\"substring_chunks\": [\"\"]}",
            "start: A\nA: %regex\n{\"substring\\u005fchunks\": [\"a\", \"\", \"b\"]} \"c\"",
        ] {
            assert_eq!(code(refused), Some(crate::failure::UNSUPPORTED), "{refused}");
        }
        for accepted in [
            "start: \"<a>::\"",
            "start: /<a>\\/<b>/",
            "// <a>\nstart: \"a\\\"<a>\"",
            "# <a> %json\nstart: \"%json\"",
            "start: /a/\n%llguidance {\"no_forcing\": true}",
            "start: %regex {\"substring_chunks\": [\"a\", \" \"]}",
            "start: %regex {\"substring_chunks\": []}",
            "start: %regex {\"substring_chars\": \"\"}",
        ] {
            assert_eq!(code(accepted), None, "{accepted}");
        }
    }

    #[test]
    fn rules_with_many_alternatives_are_named_only_so_often() {
        let alternatives = |count: usize, form: &str| {
            (0..count).map(|i| format!(" | {}", form.replace('#', &i.to_string()))).collect::<String>()
        };
        for refused in [
            format!("start: s\ns: \"x\"{}", alternatives(300, "s \"#\"")),
            format!("start: s\ns: \"x\"\n{}", alternatives(300, "\"a\" s \"#\"\n")),
            format!("start: s\n!?s: ({}) \"x\"", &alternatives(300, "\"a\" s \"#\"")[2..]),
            format!("start: {}\nt: \"x\"{}", &alternatives(300, "t \"#\"")[2..], alternatives(300, "\"#\"")),
        ] {
            assert_eq!(code(&refused), Some(TOO_SLOW), "{}", &refused[..40]);
        }
        for accepted in [
            format!("start: s\ns: \"x\"{}", alternatives(200, "s \"#\"")),
            format!("start: s s s s s\ns: \"x\"{}", alternatives(5_000, "\"#\"")),
            format!("start: s\ns: \"x\"{}", alternatives(5_000, "/s t s/")),
        ] {
            assert_eq!(code(&accepted), None, "{}", &accepted[..40]);
        }
    }

    /// Terminals of which each has the next one in a form.
    fn chain(count: usize, form: &str) -> String {
        let definition = |i: usize| format!("A{i}: {}\n", form.replace('A', &format!("A{}", i + 1)));
        (0..count).map(definition).collect::<String>() + &format!("A{count}: \"a\"\n")
    }

    #[test]
    fn terminals_that_become_too_large_are_refused() {
        let heavy = chain(20, "A A");
        for refused in [
            format!("start: A0\n{heavy}"),
            format!("start: A0\n{}", chain(20, "(A | \"b\")? A")),
            format!("start: %lark {{ start: A0\n{heavy} }} \"x\""),
            // the names of a nested grammar are its own
            format!("start: A0 %lark {{ A0: \"a\"\n A1: \"b\"\n start: A0 A1\n}}\n{heavy}"),
            format!("start: %lark {{ A0: {}\n start: A0\n {} }}", "A1 ".repeat(400), &chain(10, "A A")[10..]),
            format!("start: \"a\"\n%ignore {}\n{}", "A0 ".repeat(400), chain(9, "A A")),
            // each of two terminals in a third one, and many copies in a rule that is a terminal
            format!("start: x\nx[lazy]: {}\n{}", "A0 ".repeat(400), chain(9, "A A")),
            format!("start: x\nx: ~({})\n{}", "A0 ".repeat(400), chain(9, "A A")),
            format!("start: A0\nA0: {}", "/a/ ".repeat(110_000)),
            // a line of JSON ends no definition
            format!("start: A0\n{}", chain(20, "%regex {\"substring_chars\":\"a\",\"substring_words\":\nnull} A A")),
        ] {
            assert_eq!(code(&refused), Some(TOO_LARGE), "{}", &refused[..60]);
        }
        for accepted in [
            format!("start: A0\n{}", chain(12, "A A")),
            format!("start: {}\n{}", "A0 ".repeat(400), chain(9, "A A")),
            format!("start: A0\n{}", chain(200, "A \"b\"")),
            "start: A\nA: B\nB: A".to_string(),
        ] {
            assert_eq!(code(&accepted), None, "{}", &accepted[..20]);
        }
    }

    #[test]
    fn terminals_and_brackets_that_nest_too_deeply_are_refused() {
        for refused in [
            format!("start: A0\n{}", chain(5_000, "A{2,3}")),
            format!("start: A0\n{}", chain(20, "((((((((((((((A?)?)?)?)?)?)?)?)?)?)?)?)?)?)?")),
            format!("start: {}\"a\"{}", "(".repeat(101), ")".repeat(101)),
            format!("start: {}\"a\"", "( \")\"".repeat(101)),
            format!("start: /{}a{}/", "(".repeat(101), ")".repeat(101)),
        ] {
            assert_eq!(code(&refused), Some(TOO_LARGE), "{}", &refused[..20]);
        }
        assert_eq!(code(&format!("start: A0\n{}", chain(200, "A{2,3}"))), None);
    }

    #[test]
    fn the_expressions_of_a_grammar_share_what_their_classes_may_cost() {
        let part = format!("/{}/", r"\w".repeat(3_000));
        assert_eq!(code(&format!("start: {part}")), None);
        assert_eq!(code(&format!("start: {part} {part}")), Some(TOO_LARGE));
        assert_eq!(code(&format!("start: /{}/i", r"[\x00-\x{10ffff}]".repeat(100))), Some(TOO_LARGE));
    }
}
