//! The border to Java: functions with plain arguments. Errors are return values with a message in the caller's buffer,
//! and a panic is caught. Pointers that a function returns are freed by the function that is named `..._free`.
//!
//! Arguments are checked as far as that is possible here: null pointers, negative lengths, and lengths that do not fit
//! each other give `INTERNAL`. That a pointer points to as much as its length says, and that a handle is not freed, is
//! for the caller to see to.

mod failure;
mod formats;
mod grammar;
mod lark;
mod memory;
mod multiple;
mod regex;
mod schema;
mod tokenizer;
mod weight;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use failure::{guarded, Failure, INTERNAL};
use grammar::{Grammar, Limits, State, Step};
use memory::CountingAllocator;
use tokenizer::Tokenizer;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Raised with each change of the functions below; Java compares.
pub const BORDER_VERSION: i32 = 3;

pub const ROW_CONTINUES: i32 = 0;
pub const ROW_ENDED: i32 = 1;
pub const ROW_FAILED: i32 = 2;

/// Frees a grammar only after its states.
pub struct StateHandle {
    state: State,
    grammar: Arc<Grammar>,
}

#[no_mangle]
pub extern "C" fn tidemark_grammar_version() -> i32 {
    BORDER_VERSION
}

/// Makes a tokenizer.
///
/// `lengths` has the bytes of each of `count` tokens, and `bytes` their contents one after the other, `bytes_length` in
/// all; `first_lengths` and `first_bytes` have those of a first token, or are null. Returns 0, or a code with a message.
///
/// # Safety
/// The pointers point to as many elements as the lengths and counts say; `out` and `message` are writable.
#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn tidemark_tokenizer_new(
    count: i32,
    lengths: *const i32,
    bytes: *const u8,
    bytes_length: i32,
    first_lengths: *const i32,
    first_bytes: *const u8,
    first_bytes_length: i32,
    end_count: i32,
    ends: *const i32,
    out: *mut *mut Arc<Tokenizer>,
    message: *mut u8,
    message_length: i32,
) -> i32 {
    let result = guarded(|| {
        let words = words_of(slice("tokens", lengths, count)?, slice("bytes", bytes, bytes_length)?)?;
        let first = if first_lengths.is_null() {
            None
        } else {
            let bytes = slice("first bytes", first_bytes, first_bytes_length)?;
            Some(words_of(slice("first tokens", first_lengths, count)?, bytes)?)
        };
        let ends: Vec<u32> = slice("ends", ends, end_count)?.iter().map(|&end| end as u32).collect();
        Tokenizer::new(words, first, &ends)
    });
    answer(result.map(Arc::new), out, message, message_length)
}

/// # Safety
/// The pointer is from `tidemark_tokenizer_new` and not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tidemark_tokenizer_free(tokenizer: *mut Arc<Tokenizer>) {
    free(tokenizer);
}

/// The bytes of all grammars of a tokenizer, with their sequences; -1 for a null pointer. Takes no lock.
///
/// # Safety
/// The tokenizer is not freed.
#[no_mangle]
pub unsafe extern "C" fn tidemark_tokenizer_bytes(tokenizer: *const Arc<Tokenizer>) -> i64 {
    tokenizer.as_ref().map_or(-1, |tokenizer| tokenizer.bytes.load(Relaxed))
}

/// Compiles a format: the kinds are those of `grammar.rs`, and the text is UTF-8. Returns 0, or a code with a message.
///
/// # Safety
/// The tokenizer is not freed, `text` has `text_length` bytes, and `out` and `message` are writable.
#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn tidemark_grammar_compile(
    tokenizer: *const Arc<Tokenizer>,
    kind: i32,
    text: *const u8,
    text_length: i32,
    format_bytes: i64,
    compile_millis: i64,
    grammar_bytes: i64,
    mask_micros: i64,
    total_bytes: i64,
    out: *mut *mut Arc<Grammar>,
    message: *mut u8,
    message_length: i32,
) -> i32 {
    let result = guarded(|| {
        let text = std::str::from_utf8(slice("text", text, text_length)?)
            .map_err(|_| Failure::unsupported("the format is not UTF-8"))?;
        let limits = Limits {
            format_bytes: limit("format_bytes", format_bytes)?,
            compile_millis: limit("compile_millis", compile_millis)?,
            grammar_bytes: limit("grammar_bytes", grammar_bytes)?,
            mask_micros: limit("mask_micros", mask_micros)?,
            total_bytes: limit("total_bytes", total_bytes)?,
        };
        Grammar::compile(handle("tokenizer", tokenizer)?.clone(), kind, text, limits)
    });
    answer(result.map(Arc::new), out, message, message_length)
}

/// The bytes of a grammar with its sequences; -1 for a null pointer. Takes no lock.
///
/// # Safety
/// The grammar is not freed.
#[no_mangle]
pub unsafe extern "C" fn tidemark_grammar_bytes(grammar: *const Arc<Grammar>) -> i64 {
    grammar.as_ref().map_or(-1, |grammar| grammar.bytes())
}

/// # Safety
/// The pointer is from `tidemark_grammar_compile` and not yet freed.
#[no_mangle]
pub unsafe extern "C" fn tidemark_grammar_free(grammar: *mut Arc<Grammar>) {
    free(grammar);
}

/// Makes the state of a new sequence. Returns 0, or a code with a message.
///
/// # Safety
/// The grammar is not freed, and `out` and `message` are writable.
#[no_mangle]
pub unsafe extern "C" fn tidemark_state_new(
    grammar: *const Arc<Grammar>,
    out: *mut *mut StateHandle,
    message: *mut u8,
    message_length: i32,
) -> i32 {
    let result = guarded(|| {
        let grammar = handle("grammar", grammar)?.clone();
        let state = State::start(&grammar)?;
        Ok(StateHandle { state, grammar })
    });
    answer(result, out, message, message_length)
}

/// Whether the text of a state is complete; 0 for a null pointer.
///
/// # Safety
/// The state is not freed, and no other thread uses it.
#[no_mangle]
pub unsafe extern "C" fn tidemark_state_accepting(state: *mut StateHandle) -> i32 {
    guarded(|| Ok(state.as_mut().is_some_and(|handle| handle.state.is_accepting()) as i32)).unwrap_or(0)
}

/// # Safety
/// The pointer is from `tidemark_state_new` and not yet freed, and no other thread uses it.
#[no_mangle]
pub unsafe extern "C" fn tidemark_state_free(state: *mut StateHandle) {
    free(state);
}

/// Consumes the last token of each row (-1: none yet) and writes the masks of the next ones.
///
/// A failed row has an empty mask, and its message in its part of `messages`. Returns 0; or a code if the arguments do not
/// fit, and then no row is advanced.
///
/// # Safety
/// There are `rows` distinct states that no other thread uses, `rows` tokens and statuses, `masks_length` mask words, and
/// `messages_length` bytes for messages.
#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn tidemark_states_advance(
    rows: i32,
    states: *const *mut StateHandle,
    tokens: *const i32,
    masks: *mut u32,
    masks_length: i64,
    words: i32,
    statuses: *mut i32,
    messages: *mut u8,
    messages_length: i32,
) -> i32 {
    let result = guarded(|| {
        let states = slice("states", states, rows)?;
        let tokens = slice("tokens", tokens, rows)?;
        let statuses = slice_mut("statuses", statuses, rows)?;
        if rows == 0 {
            return Ok(());
        }
        let used = rows as i64 * words as i64;
        if words < 1 || masks_length < used || used > i32::MAX as i64 {
            let why = format!("{masks_length} mask words for {rows} rows of {words}");
            return Err(Failure::new(INTERNAL, why));
        }
        let masks = slice_mut("mask words", masks, used as i32)?;
        let messages = slice_mut("bytes for messages", messages, messages_length)?;
        for &state in states {
            if handle("state", state)?.grammar.words() != words as usize {
                return Err(Failure::new(INTERNAL, "the mask has not the size of the vocabulary"));
            }
        }
        // before the rows of this call add to it
        let exceeds = handle("state", states[0])?.grammar.exceeds_total();
        let message_length = messages.len() / states.len();
        for (row, mask) in masks.chunks_exact_mut(words as usize).enumerate() {
            let StateHandle { state, grammar } = &mut *states[row];
            if exceeds {
                state.reduce(grammar);
            }
            statuses[row] = match state.advance(grammar, tokens[row], mask) {
                Ok(Step::Continues) => ROW_CONTINUES,
                Ok(Step::Ended) => ROW_ENDED,
                Err(failure) => {
                    write(&failure.message, &mut messages[row * message_length..][..message_length]);
                    ROW_FAILED
                }
            };
        }
        Ok(())
    });
    result.map_or_else(|failure| failure.code, |()| 0)
}

fn words_of(lengths: &[i32], bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut rest = bytes;
    let mut words = Vec::with_capacity(lengths.len());
    for &length in lengths {
        let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let (word, behind) = split.ok_or_else(|| Failure::new(INTERNAL, "the lengths of the tokens exceed their bytes"))?;
        words.push(word.to_vec());
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(Failure::new(INTERNAL, "the tokens have more bytes than their lengths say"));
    }
    Ok(words)
}

/// The length of an array, if it can be one at its address.
fn length_of<T>(what: &str, pointer: *const T, length: i32) -> Result<usize, Failure> {
    match usize::try_from(length) {
        Ok(0) => Ok(0),
        Ok(length) if !pointer.is_null() && pointer.is_aligned() => Ok(length),
        _ => Err(Failure::new(INTERNAL, format!("{length} {what} at {pointer:?}"))),
    }
}

/// # Safety
/// The pointer points to as many elements as the length says.
unsafe fn slice<'a, T>(what: &str, pointer: *const T, length: i32) -> Result<&'a [T], Failure> {
    Ok(match length_of(what, pointer, length)? {
        0 => &[],
        length => std::slice::from_raw_parts(pointer, length),
    })
}

/// # Safety
/// The pointer points to as many elements as the length says, which nothing else uses.
unsafe fn slice_mut<'a, T>(what: &str, pointer: *mut T, length: i32) -> Result<&'a mut [T], Failure> {
    Ok(match length_of(what, pointer, length)? {
        0 => &mut [],
        length => std::slice::from_raw_parts_mut(pointer, length),
    })
}

/// # Safety
/// What the pointer points to is not freed, unless it is null.
unsafe fn handle<'a, T>(what: &str, pointer: *const T) -> Result<&'a T, Failure> {
    pointer.as_ref().ok_or_else(|| Failure::new(INTERNAL, format!("no {what}")))
}

fn limit(what: &str, value: i64) -> Result<u64, Failure> {
    u64::try_from(value).map_err(|_| Failure::new(INTERNAL, format!("{what} is {value}")))
}

unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        let _ = guarded(|| {
            drop(Box::from_raw(pointer));
            Ok(())
        });
    }
}

unsafe fn answer<T>(result: Result<T, Failure>, out: *mut *mut T, message: *mut u8, message_length: i32) -> i32 {
    let result = result.and_then(|value| match out.as_mut() {
        Some(out) => {
            *out = Box::into_raw(Box::new(value));
            Ok(())
        }
        None => Err(Failure::new(INTERNAL, "no place for the result")),
    });
    result.map_or_else(
        |failure| {
            if let Ok(target) = slice_mut("bytes for a message", message, message_length) {
                write(&failure.message, target);
            }
            failure.code
        },
        |()| 0,
    )
}

/// Copies a text with a zero byte at its end, whole characters only.
fn write(text: &str, target: &mut [u8]) {
    let Some(most) = target.len().checked_sub(1) else {
        return;
    };
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    target[..end].copy_from_slice(&text.as_bytes()[..end]);
    target[end] = 0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use failure::UNSUPPORTED;
    use std::ptr::{null, null_mut};

    /// The lengths of 256 tokens of a byte each, and of the end.
    fn lengths() -> Vec<i32> {
        let mut lengths = vec![1; 257];
        lengths[256] = 0;
        lengths
    }

    unsafe fn tokenizer(lengths: &[i32], bytes: &[u8], bytes_length: i32, ends: i32) -> (i32, String, *mut Arc<Tokenizer>) {
        let (mut out, mut message) = (null_mut(), [0; 200]);
        let code = tidemark_tokenizer_new(
            lengths.len() as i32,
            lengths.as_ptr(),
            bytes.as_ptr(),
            bytes_length,
            null(),
            null(),
            0,
            ends,
            [256].as_ptr(),
            &mut out,
            message.as_mut_ptr(),
            200,
        );
        let end = message.iter().position(|&byte| byte == 0).unwrap_or(200);
        (code, String::from_utf8_lossy(&message[..end]).into_owned(), out)
    }

    #[test]
    fn lengths_of_a_vocabulary_that_do_not_fit_are_refused() {
        let bytes: Vec<u8> = (0..=255).collect();
        let one = |length| {
            let mut lengths = lengths();
            lengths[7] = length;
            lengths
        };
        unsafe {
            for (lengths, bytes_length, ends, why) in [
                (lengths(), 255, 1, "the lengths of the tokens exceed their bytes"),
                (one(2), 256, 1, "the lengths of the tokens exceed their bytes"),
                (one(i32::MAX), 256, 1, "the lengths of the tokens exceed their bytes"),
                (one(-1), 256, 1, "the lengths of the tokens exceed their bytes"),
                (one(0), 256, 1, "the tokens have more bytes than their lengths say"),
                (lengths(), -1, 1, "-1 bytes at"),
                (lengths(), 256, -1, "-1 ends at"),
            ] {
                let (code, message, _) = tokenizer(&lengths, &bytes, bytes_length, ends);
                assert_eq!(code, INTERNAL, "{message}");
                assert!(message.starts_with(why), "{message}");
            }
            let mut out = null_mut();
            for (count, lengths, bytes_length) in [(3, null(), 3), (-1, [1].as_ptr(), 3), (1, [3].as_ptr(), 3)] {
                let code = tidemark_tokenizer_new(
                    count, lengths, null(), bytes_length, null(), null(), 0, 0, null(), &mut out, null_mut(), 200,
                );
                assert_eq!(code, INTERNAL, "{count} tokens");
            }
        }
    }

    #[test]
    fn handles_and_limits_that_are_none_are_refused() {
        let bytes: Vec<u8> = (0..=255).collect();
        unsafe {
            let (code, message, tokenizer) = tokenizer(&lengths(), &bytes, 256, 1);
            assert_eq!(code, 0, "{message}");
            let (mut grammar, mut state) = (null_mut(), null_mut());
            let mut compile = |tokenizer, text: *const u8, length, limit: i64| {
                tidemark_grammar_compile(
                    tokenizer, 1, text, length, limit, 100, 64 << 20, 10_000, 256 << 20, &mut grammar, null_mut(), 0,
                )
            };
            assert_eq!(compile(null(), b"ab".as_ptr(), 2, 10_000), INTERNAL);
            assert_eq!(compile(tokenizer, null(), 2, 10_000), INTERNAL);
            assert_eq!(compile(tokenizer, b"ab".as_ptr(), -2, 10_000), INTERNAL);
            assert_eq!(compile(tokenizer, b"ab".as_ptr(), 2, -1), INTERNAL);
            assert_eq!(compile(tokenizer, b"a(".as_ptr(), 2, 10_000), UNSUPPORTED);
            assert_eq!(compile(tokenizer, b"ab".as_ptr(), 2, 10_000), 0);
            assert_eq!(tidemark_state_new(null(), &mut state, null_mut(), 0), INTERNAL);
            assert_eq!(tidemark_state_new(grammar, null_mut(), null_mut(), 0), INTERNAL);
            assert_eq!(tidemark_state_accepting(null_mut()), 0);
            assert_eq!((tidemark_grammar_bytes(null()), tidemark_tokenizer_bytes(null())), (-1, -1));
            tidemark_grammar_free(grammar);
            tidemark_grammar_free(null_mut());
            tidemark_tokenizer_free(tokenizer);
        }
    }

    #[test]
    fn rows_that_do_not_fit_their_buffers_are_not_advanced() {
        let bytes: Vec<u8> = (0..=255).collect();
        unsafe {
            let (_, _, tokenizer) = tokenizer(&lengths(), &bytes, 256, 1);
            let (mut grammar, mut state) = (null_mut(), null_mut());
            let text = b"ab";
            let compiled = tidemark_grammar_compile(
                tokenizer, 1, text.as_ptr(), 2, 100, 100, 64 << 20, 10_000, 256 << 20, &mut grammar, null_mut(), 0,
            );
            assert_eq!((compiled, tidemark_state_new(grammar, &mut state, null_mut(), 0)), (0, 0));
            let mut masks = vec![7_u32; 18];
            let mut statuses = [-1; 2];
            let mut messages = [0; 20];
            let mut advance = |rows, states: &[*mut StateHandle], masks: *mut u32, masks_length, words, messages_length| {
                let code = tidemark_states_advance(
                    rows,
                    states.as_ptr(),
                    [-1, -1].as_ptr(),
                    masks,
                    masks_length,
                    words,
                    statuses.as_mut_ptr(),
                    messages.as_mut_ptr(),
                    messages_length,
                );
                (code, statuses[0])
            };
            let (one, none) = ([state], [state, null_mut()]);
            let mask = masks.as_mut_ptr();
            for refused in [
                advance(1, &one, mask, 8, 9, 20),
                advance(1, &one, mask, -1, 9, 20),
                advance(1, &one, mask, 18, 8, 20),
                advance(1, &one, mask, 18, 0, 20),
                advance(1, &one, mask, 18, -9, 20),
                advance(1, &one, mask, i64::MAX, i32::MAX, 20),
                advance(1, &one, null_mut(), 9, 9, 20),
                advance(1, &one, mask.byte_add(1), 9, 9, 20),
                advance(1, &one, mask, 9, 9, -1),
                advance(-1, &one, mask, 9, 9, 20),
                advance(i32::MIN, &one, mask, 9, 9, 20),
                advance(2, &none, mask, 17, 9, 20),
                advance(2, &none, mask, 18, 9, 20),
            ] {
                assert_eq!(refused, (INTERNAL, -1));
            }
            assert_eq!(advance(0, &[], null_mut(), 0, 9, 0), (0, -1));
            assert_eq!(advance(1, &one, mask, 18, 9, 20), (0, ROW_CONTINUES));
            assert_eq!(masks[3], 1 << 1, "only 'a'");
            assert_eq!(masks[9..], [7; 9], "the words of another row");
            tidemark_state_free(state);
            tidemark_grammar_free(grammar);
            tidemark_tokenizer_free(tokenizer);
        }
    }
}
