//! Regular expressions: in Rust's syntax as a format, and in JSON Schema's as a pattern.

use regex_syntax::ast::ErrorKind;
use regex_syntax::hir::{Hir, HirKind, Look};

use crate::failure::{Failure, TOO_LARGE};

/// How deep a regular expression nests.
const NESTING: u32 = 100;

/// A regular expression in Rust's syntax that matches a whole text, without `^` at its start and `$` at its end.
pub fn anchored(text: &str) -> Result<String, Failure> {
    let hir = parse(text)?;
    let (from, to) = (starts_with_anchor(&hir), ends_with_anchor(&hir));
    if !from && !to {
        return Ok(text.to_string());
    }
    let mut parts = match hir.into_kind() {
        HirKind::Concat(parts) => parts,
        other => vec![Hir::concat(vec![kind(other)])],
    };
    if from {
        parts.remove(0);
    }
    if to && !parts.is_empty() {
        parts.pop();
    }
    Ok(Hir::concat(parts).to_string())
}

fn kind(kind: HirKind) -> Hir {
    match kind {
        HirKind::Look(look) => Hir::look(look),
        _ => Hir::empty(),
    }
}

fn parse(text: &str) -> Result<Hir, Failure> {
    regex_syntax::ParserBuilder::new()
        .nest_limit(NESTING)
        .build()
        .parse(text)
        .map_err(|error| {
            let (text, nests) = match &error {
                regex_syntax::Error::Parse(error) => {
                    (error.kind().to_string(), matches!(error.kind(), ErrorKind::NestLimitExceeded(_)))
                }
                regex_syntax::Error::Translate(error) => (error.kind().to_string(), false),
                other => (other.to_string(), false),
            };
            if nests {
                Failure::new(TOO_LARGE, format!("the regular expression nests deeper than {NESTING}"))
            } else {
                Failure::unsupported(format!("the regular expression is not supported: {text}"))
            }
        })
}

fn starts_with_anchor(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Look(look) => *look == Look::Start,
        HirKind::Concat(parts) => matches!(parts[0].kind(), HirKind::Look(Look::Start)),
        _ => false,
    }
}

fn ends_with_anchor(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Concat(parts) => matches!(parts[parts.len() - 1].kind(), HirKind::Look(Look::End)),
        _ => false,
    }
}

/// A space in any of the usual readings of `\s`; `\S` excludes all of them, `\s` allows what all of them allow.
const NO_SPACE: &str = r"[^\s\u{1c}-\u{1f}\u{180e}\u{feff}]";
const SPACE: &str = r"[ \t\n\r\f\v]";
const NO_LINE_END: &str = r"[^\n\r\u{85}\u{2028}\u{2029}]";

/// A pattern of a JSON Schema in Rust's syntax. Dialects differ in what `.`, `\d`, `\w` and `\s` mean: the result matches
/// only texts that the pattern matches in ECMAScript and in the regular expressions of Java and Python.
pub fn of_pattern(pattern: &str) -> Result<String, String> {
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
    let hir = parse(&result).map_err(|failure| failure.message)?;
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
    fn anchors_at_the_ends_are_removed() {
        assert_eq!(anchored("^a+$").unwrap(), "a+");
        assert_eq!(anchored("a|b").unwrap(), "a|b");
        assert_eq!(anchored("^$").unwrap(), "(?:)");
        assert!(anchored("(").is_err());
        assert_eq!(anchored(&format!("{}a{}", "(".repeat(1000), ")".repeat(1000))).unwrap_err().code, TOO_LARGE);
    }

    #[test]
    fn patterns_keep_their_meaning_in_all_dialects() {
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
