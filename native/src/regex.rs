//! Regular expressions: in Rust's syntax as a format, and in JSON Schema's as a pattern.

use std::collections::HashSet;

use regex_syntax::ast::{self, Ast, ClassPerlKind, ClassSetItem, ErrorKind, FlagsItemKind};
use regex_syntax::hir::{translate::Translator, Hir, HirKind};

use crate::failure::{Failure, TOO_LARGE};

/// How deep a regular expression nests.
const NESTING: u32 = 100;
/// What the classes of characters of a format cost while they are parsed and compiled: about a nanosecond each. This
/// bounds their memory, too.
const WORK: u64 = 50_000_000;
/// A class with a name such as `\w`: it takes up to 10 kB while it is parsed.
const NAMED: u64 = 12_500;
/// One in brackets that differ from all brackets before, such as `[\w-]`. derivre compiles it anew, for little of its
/// fuel: it takes up to 20 kB.
const DIFFERING: u64 = 150_000;
/// All characters, whose cases are folded one by one.
const ALL: u64 = 0x11_0000;

/// What all regular expressions of a format may still cost.
pub struct Work {
    left: u64,
    /// The brackets that are compiled already.
    brackets: HashSet<String>,
}

impl Work {
    pub fn new() -> Work {
        Work { left: WORK, brackets: HashSet::new() }
    }
}

/// Refuses a regular expression in Rust's syntax that is not supported or takes too much memory or time. The whole text
/// of an answer matches it: `^` at its start and `$` at its end say nothing.
pub fn check(text: &str) -> Result<(), Failure> {
    parse(text, &mut Work::new()).map(drop)
}

/// The same for one in a Lark grammar, of which llguidance says what is wrong. It shares the work of the grammar.
pub fn check_literal(pattern: &str, flags: &str, work: &mut Work) -> Result<(), Failure> {
    let text = if flags.is_empty() { pattern.to_string() } else { format!("(?{flags}){pattern}") };
    match parse(&text, work) {
        Err(failure) if failure.code == TOO_LARGE => Err(failure),
        _ => Ok(()),
    }
}

/// Parses a regular expression if its classes cost less than the work that is left.
fn parse(text: &str, work: &mut Work) -> Result<Hir, Failure> {
    let unsupported = |why: &str| Failure::unsupported(format!("the regular expression is not supported: {why}"));
    let parsed = ast::parse::ParserBuilder::new().nest_limit(NESTING).build().parse(text);
    let parsed = parsed.map_err(|error| match error.kind() {
        ErrorKind::NestLimitExceeded(_) => {
            Failure::new(TOO_LARGE, format!("the regular expression nests deeper than {NESTING}"))
        }
        kind => unsupported(&kind.to_string()),
    })?;
    let cost = Classes::cost(text, &parsed, work);
    if cost > work.left {
        return Err(Failure::new(TOO_LARGE, "the regular expression has too many or too large classes of characters"));
    }
    work.left -= cost;
    Translator::new().translate(text, &parsed).map_err(|error| unsupported(&error.kind().to_string()))
}

/// Adds up what the classes of an expression cost.
struct Classes<'a> {
    text: &'a str,
    brackets: &'a mut HashSet<String>,
    /// What a class with a name costs at this place.
    each: u64,
    named: u64,
    /// What it costs to fold the cases of all classes.
    folded: u64,
    ignores_case: bool,
}

impl Classes<'_> {
    fn cost(text: &str, ast: &Ast, work: &mut Work) -> u64 {
        let brackets = &mut work.brackets;
        let classes = Classes { text, brackets, each: NAMED, named: 0, folded: 0, ignores_case: false };
        let (named, folded) = ast::visit(ast, classes).unwrap_or_else(|never| match never {});
        named.saturating_add(folded)
    }

    fn add(&mut self, named: u64, folded: u64) {
        self.named = self.named.saturating_add(named.saturating_mul(self.each));
        self.folded = self.folded.saturating_add(folded);
    }

    fn flags(&mut self, flags: &ast::Flags) {
        self.ignores_case |=
            flags.items.iter().any(|item| item.kind == FlagsItemKind::Flag(ast::Flag::CaseInsensitive));
    }
}

impl ast::Visitor for Classes<'_> {
    type Output = (u64, u64);
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<(u64, u64), Self::Err> {
        Ok((self.named, if self.ignores_case { self.folded } else { 0 }))
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::Flags(set) => self.flags(&set.flags),
            Ast::Group(group) => group.flags().into_iter().for_each(|flags| self.flags(flags)),
            Ast::ClassUnicode(_) => self.add(1, ALL),
            Ast::ClassPerl(_) => self.add(1, 0),
            Ast::ClassBracketed(class) => {
                let text = &self.text[class.span.start.offset..class.span.end.offset];
                if !self.brackets.contains(text) {
                    self.brackets.insert(text.to_string());
                    self.each = DIFFERING;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_post(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        if let Ast::ClassBracketed(_) = ast {
            self.each = NAMED;
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ClassSetItem::Range(range) => self.add(0, (range.end.c as u64).saturating_sub(range.start.c as u64)),
            ClassSetItem::Unicode(_) => self.add(1, ALL),
            ClassSetItem::Perl(class) if class.negated => self.add(1, ALL),
            ClassSetItem::Perl(class) => self.add(1, if class.kind == ClassPerlKind::Word { ALL / 8 } else { 0 }),
            _ => {}
        }
        Ok(())
    }
}

/// A space in any of the usual readings of `\s`; `\S` excludes all of them, `\s` allows what all of them allow.
const NO_SPACE: &str = r"[^\s\u{1c}-\u{1f}\u{180e}\u{feff}]";
const SPACE: &str = r"[ \t\n\r\f\v]";
const NO_LINE_END: &str = r"[^\n\r\u{85}\u{2028}\u{2029}]";

/// A pattern of a JSON Schema in Rust's syntax. Dialects differ in what `.`, `\d`, `\w` and `\s` mean: the result matches
/// only texts that the pattern matches in ECMAScript and in the regular expressions of Java and Python.
pub fn of_pattern(pattern: &str, work: &mut Work) -> Result<String, String> {
    let mut result = String::new();
    let mut characters = pattern.chars().peekable();
    let mut class: Option<bool> = None; // inside of [...]: whether it is negated
    let mut quantified = false;
    while let Some(character) = characters.next() {
        let after_quantifier = std::mem::replace(&mut quantified, false);
        match (character, class) {
            ('\\', _) => {
                let escaped = characters.next().ok_or("it ends with a backslash")?;
                match escaped {
                    'd' if class == Some(true) => result.push_str(r"0-9\p{Nd}"),
                    'w' if class == Some(true) => result.push_str(r"0-9A-Za-z_\w"),
                    'd' => result.push_str(if class.is_some() { "0-9" } else { "[0-9]" }),
                    'w' => result.push_str(if class.is_some() { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                    's' if class == Some(true) => result.push_str(r"\s\u{1c}-\u{1f}\u{180e}\u{feff}"),
                    's' if class.is_some() => result.push_str(r" \t\n\r\f\v"),
                    's' => result.push_str(SPACE),
                    'D' | 'W' | 'S' if class.is_some() => {
                        return Err(format!("\\{escaped} in brackets is not supported"))
                    }
                    'D' => result.push_str(r"[^0-9\p{Nd}]"),
                    'W' => result.push_str(r"[^0-9A-Za-z_\w]"),
                    'S' => result.push_str(NO_SPACE),
                    't' | 'n' | 'r' | 'f' | 'v' => {
                        result.push('\\');
                        result.push(escaped);
                    }
                    '0' if !characters.peek().is_some_and(char::is_ascii_digit) => literal(&mut result, 0)?,
                    'x' => literal(&mut result, hex(&mut characters, 2)?)?,
                    'u' if characters.peek() == Some(&'{') => {
                        return Err("\\u{...} is not supported".to_string())
                    }
                    'u' => {
                        let unit = hex(&mut characters, 4)?;
                        let point = if (0xD800..0xDC00).contains(&unit) {
                            if characters.next() != Some('\\') || characters.next() != Some('u') {
                                return Err("half of a surrogate pair is not supported".to_string());
                            }
                            let low = hex(&mut characters, 4)?;
                            if !(0xDC00..0xE000).contains(&low) {
                                return Err("half of a surrogate pair is not supported".to_string());
                            }
                            0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
                        } else {
                            unit
                        };
                        literal(&mut result, point)?;
                    }
                    'p' | 'P' => {
                        result.push('\\');
                        result.push(escaped);
                    }
                    'b' | 'B' | 'c' | 'k' | '0'..='9' => return Err(format!("\\{escaped} is not supported")),
                    other if other.is_ascii_alphabetic() => return Err(format!("\\{other} is not supported")),
                    other => literal(&mut result, other as u32)?,
                }
            }
            ('[', None) => {
                let negated = characters.peek() == Some(&'^');
                result.push('[');
                if negated {
                    characters.next();
                    result.push('^');
                }
                if characters.peek() == Some(&']') {
                    return Err("empty brackets are not supported".to_string());
                }
                class = Some(negated);
            }
            (']', Some(_)) => {
                result.push(']');
                class = None;
            }
            // syntax of Rust and Java that ECMAScript does not have
            ('[', Some(_)) => return Err("a bracket in brackets is not supported".to_string()),
            ('&' | '~', Some(_)) if characters.peek() == Some(&character) => {
                return Err(format!("{character}{character} in brackets is not supported"))
            }
            ('-', Some(_)) if characters.peek() == Some(&'-') => {
                return Err("-- in brackets is not supported".to_string())
            }
            (other, Some(_)) => result.push(other),
            ('.', None) => result.push_str(NO_LINE_END),
            ('(', None) if characters.peek() == Some(&'?') => {
                characters.next();
                match characters.next() {
                    Some(':') => result.push_str("(?:"),
                    _ => return Err("groups with ? other than (?:...) are not supported".to_string()),
                }
            }
            ('(', None) => result.push_str("(?:"),
            ('+', None) if after_quantifier => return Err("possessive quantifiers are not supported".to_string()),
            (other, None) => {
                quantified = matches!(other, '*' | '+' | '?' | '}');
                result.push(other);
            }
        }
    }
    let hir = parse(&result, work).map_err(|failure| failure.message)?;
    if has_unwritable(&hir) {
        return Err("a control character is not supported".to_string());
    }
    Ok(result)
}

/// Whether a text of the expression needs a control character: derivre drops it from the text instead of matching nothing.
fn has_unwritable(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().any(|&byte| is_unwritable(byte as char)),
        HirKind::Repetition(repetition) => has_unwritable(&repetition.sub),
        HirKind::Capture(capture) => has_unwritable(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(has_unwritable),
        _ => false,
    }
}

fn hex(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize) -> Result<u32, String> {
    let mut value = 0;
    for _ in 0..digits {
        let digit = characters.next().and_then(|each| each.to_digit(16));
        value = value * 16 + digit.ok_or("a hexadecimal escape is not complete")?;
    }
    Ok(value)
}

/// Control characters that JSON writes as `\u` only, which answers do not have.
pub fn is_unwritable(character: char) -> bool {
    character.is_ascii_control() && !matches!(character, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r')
}

fn literal(result: &mut String, point: u32) -> Result<(), String> {
    let character = char::from_u32(point).ok_or("half of a surrogate pair is not supported")?;
    result.push_str(&format!("\\x{{{:x}}}", character as u32));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_nests_too_deeply_or_is_not_supported_is_refused() {
        for accepted in ["^a+$", "a|b", "^$", r"(?i)[\w.-]+@\w+"] {
            assert_eq!(check(accepted), Ok(()), "{accepted}");
        }
        assert!(check("(").is_err());
        assert_eq!(check(&format!("{}a{}", "(".repeat(1000), ")".repeat(1000))).unwrap_err().code, TOO_LARGE);
    }

    fn differing(first: u32, count: u32) -> String {
        (first..first + count).map(|point| format!(r"[^\W\x{{{point:x}}}]")).collect()
    }

    #[test]
    fn an_expression_with_many_large_classes_is_refused() {
        for refused in [
            r"\w".repeat(30_000),
            r"[^\W\x{2190}]".repeat(5_000),
            differing(0x4e00, 400),
            r"\p{L}".repeat(10_000),
            // the cases of a million characters each
            format!("(?i){}", r"[\x00-\x{10ffff}]".repeat(3_000)),
            format!("(?i:{})", r"[\x00-\x{10ffff}]".repeat(3_000)),
            format!("(?i){}", r"[\W]".repeat(1_000)),
            format!("(?x-s) (?i){}", r"\PL".repeat(10_000)),
        ] {
            assert_eq!(check(&refused).unwrap_err().code, TOO_LARGE, "{}", &refused[..20]);
            let failure = check_literal(&refused, "", &mut Work::new()).unwrap_err();
            assert_eq!(failure.code, TOO_LARGE, "{}", &refused[..20]);
        }
        assert_eq!(check(&r"\w".repeat(3_000)), Ok(()));
        assert_eq!(check(&r"[\x00-\x{10ffff}]".repeat(3_000)), Ok(()));
        assert_eq!(check(&differing(0x4e00, 300).repeat(2)), Ok(()), "brackets that are repeated");
        assert_eq!(check(&(0..5_000).map(|i| format!(r"[\x{{{:x}}}a]", 0x4e00 + i)).collect::<String>()), Ok(()));
        let part = r"\w".repeat(3_000);
        let mut work = Work::new();
        assert_eq!(check_literal(&differing(0x4e00, 200), "", &mut work), Ok(()));
        assert_eq!(check_literal(&differing(0x4e00, 300), "", &mut work), Ok(()), "a hundred of them anew");
        assert_eq!(check_literal(&differing(0x5e00, 200), "", &mut work).unwrap_err().code, TOO_LARGE);
        let mut work = Work::new();
        assert_eq!(check_literal(&part, "", &mut work), Ok(()));
        assert_eq!(check_literal(&part, "", &mut work).unwrap_err().code, TOO_LARGE, "two together");
        assert_eq!(check_literal(&r"[\S]".repeat(1_000), "i", &mut Work::new()).unwrap_err().code, TOO_LARGE);
    }

    #[test]
    fn patterns_keep_their_meaning_in_all_dialects() {
        let of_pattern = |pattern: &str| of_pattern(pattern, &mut Work::new());
        assert_eq!(of_pattern(r"^\d+$").unwrap(), "^[0-9]+$");
        assert_eq!(of_pattern(r"\++").unwrap(), r"\x{2b}+");
        assert_eq!(of_pattern(r"a/b\/").unwrap(), r"a/b\x{2f}");
        assert_eq!(of_pattern(r"[\w.-]").unwrap(), "[0-9A-Za-z_.-]");
        assert_eq!(of_pattern(r"\ud83d\ude00").unwrap(), r"\x{1f600}");
        assert!(of_pattern(r"^[^\x00-\x1f]*$").is_ok());
        for refused in [r"a++", r"(?=a)", r"(?i)a", r"\bword", r"(a)\1", r"[a&&b]", r"a\x01b", r"\0", r"[\v]", "a\u{7f}", r"[[:alpha:]]", "[]", r"\"] {
            assert!(of_pattern(refused).is_err(), "{refused}");
        }
    }
}
