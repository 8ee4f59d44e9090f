//! Errors as values: a code, which the caller's language knows, and a message.

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

pub const UNSUPPORTED: i32 = 1;
pub const TOO_LARGE: i32 = 2;
pub const TOO_SLOW: i32 = 3;
pub const INTERNAL: i32 = 4;

/// What llguidance says when one of its limits is exceeded.
const LARGE: [&str; 5] = [
    "schema too large",
    "number of symbols) too big",
    "lexer states",
    "stack level exceeded",
    "recursion limit exceeded",
];
const SLOW: [&str; 6] = [
    "too big (limit",
    "fuel",
    "too complex",
    "precomputation failed",
    "can't determine if patternProperty",
    "exceeds size limit",
];

/// Panics of llguidance that only a format causes which has too much of something: what they say, and what to do.
const PANICS: [(&str, i32, &str); 2] = [
    (
        "class too large",
        UNSUPPORTED,
        "the grammar has more than 255 nested grammars that differ in what '%ignore' leaves out, or in '%llguidance'; \
         give them the same, or send fewer",
    ),
    ("assertion failed: grammar.symbols.len() <", TOO_LARGE, "the format has more than 65,000 symbols"),
];

/// The longest message in characters: messages may quote a part of the format.
const CHARACTERS: usize = 400;

#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub code: i32,
    pub message: String,
}

impl Failure {
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
        }
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(UNSUPPORTED, message)
    }

    /// An error of llguidance: its limits are told apart by their messages.
    pub fn of(error: &anyhow::Error) -> Self {
        let text = error.to_string();
        if let Some(panic) = text.strip_prefix("panic: ") {
            return Self::panicked(panic);
        }
        let all = format!("{error:#}");
        let code = if LARGE.iter().any(|part| all.contains(part)) {
            TOO_LARGE
        } else if SLOW.iter().any(|part| all.contains(part)) {
            TOO_SLOW
        } else {
            UNSUPPORTED
        };
        Self::new(code, shortened(&text))
    }

    fn panicked(message: &str) -> Self {
        match PANICS.iter().find(|(panic, _, _)| message.starts_with(panic)) {
            Some((_, code, what)) => Self::new(*code, *what),
            None => Self::new(INTERNAL, shortened(message)),
        }
    }
}

/// Without back traces and dumps of state, which llguidance writes between tags on lines of their own.
fn shortened(text: &str) -> String {
    let end = ["\n<backtrace>", "\n<state>", "\n<non-verbose/>"]
        .iter()
        .filter_map(|tag| text.find(tag))
        .min()
        .unwrap_or(text.len());
    text[..end].chars().take(CHARACTERS).collect()
}

/// Runs a function of the border; a panic becomes an internal error.
pub fn guarded<T>(action: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    static QUIET: Once = Once::new();
    // The default hook prints to the error stream. The library has its own copy of std, so that this hook is private.
    QUIET.call_once(|| {
        if !cfg!(test) {
            std::panic::set_hook(Box::new(|_| {}));
        }
    });
    match catch_unwind(AssertUnwindSafe(action)) {
        Ok(result) => result,
        Err(panic) => Err(Failure::panicked(&panic_message(panic.as_ref()))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| text.to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}
