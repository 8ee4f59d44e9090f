//! The border to Java: functions with plain arguments. Errors are return values with a message in the caller's buffer,
//! and a panic is caught. Pointers that a function returns are freed by the function that is named `..._free`.

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
pub const BORDER_VERSION: i32 = 2;

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
/// `lengths` has the bytes of each of `count` tokens, and `bytes` their contents one after the other; `first_lengths` and
/// `first_bytes` have those of a first token, or are null. Returns 0, or a code with a message.
///
/// # Safety
/// The pointers point to as many elements as the lengths and counts say; `out` and `message` are writable.
#[no_mangle]
#[allow(clippy::too_many_arguments)]
pub unsafe extern "C" fn tidemark_tokenizer_new(
    count: i32,
    lengths: *const i32,
    bytes: *const u8,
    first_lengths: *const i32,
    first_bytes: *const u8,
    end_count: i32,
    ends: *const i32,
    out: *mut *mut Arc<Tokenizer>,
    message: *mut u8,
    message_length: i32,
) -> i32 {
    let result = guarded(|| {
        let words = words_of(count, lengths, bytes);
        let first = (!first_lengths.is_null()).then(|| words_of(count, first_lengths, first_bytes));
        let ends: Vec<u32> = slice(ends, end_count as usize).iter().map(|&end| end as u32).collect();
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

/// The bytes of all grammars of a tokenizer, with their sequences. Takes no lock.
///
/// # Safety
/// The tokenizer is not freed.
#[no_mangle]
pub unsafe extern "C" fn tidemark_tokenizer_bytes(tokenizer: *const Arc<Tokenizer>) -> i64 {
    let tokenizer: &Arc<Tokenizer> = &*tokenizer;
    tokenizer.bytes.load(Relaxed)
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
        let text = std::str::from_utf8(slice(text, text_length as usize))
            .map_err(|_| Failure::unsupported("the format is not UTF-8"))?;
        let limits = Limits {
            format_bytes: format_bytes as u64,
            compile_millis: compile_millis as u64,
            grammar_bytes: grammar_bytes as u64,
            mask_micros: mask_micros as u64,
            total_bytes: total_bytes as u64,
        };
        Grammar::compile((*tokenizer).clone(), kind, text, limits)
    });
    answer(result.map(Arc::new), out, message, message_length)
}

/// The bytes of a grammar with its sequences. Takes no lock.
///
/// # Safety
/// The grammar is not freed.
#[no_mangle]
pub unsafe extern "C" fn tidemark_grammar_bytes(grammar: *const Arc<Grammar>) -> i64 {
    let grammar: &Arc<Grammar> = &*grammar;
    grammar.bytes()
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
        let grammar = (*grammar).clone();
        let state = State::start(&grammar)?;
        Ok(StateHandle { state, grammar })
    });
    answer(result, out, message, message_length)
}

/// Whether the text of a state is complete.
///
/// # Safety
/// The state is not freed, and no other thread uses it.
#[no_mangle]
pub unsafe extern "C" fn tidemark_state_accepting(state: *mut StateHandle) -> i32 {
    guarded(|| Ok((*state).state.is_accepting() as i32)).unwrap_or(0)
}

/// # Safety
/// The pointer is from `tidemark_state_new` and not yet freed, and no other thread uses it.
#[no_mangle]
pub unsafe extern "C" fn tidemark_state_free(state: *mut StateHandle) {
    free(state);
}

/// Consumes the last token of each row (-1: none yet) and writes the masks of the next ones.
///
/// A failed row has an empty mask, and its message in its part of `messages`. Returns 0; a code, if the call itself fails.
///
/// # Safety
/// There are `rows` distinct states that no other thread uses, `rows` tokens and statuses, `rows * words` mask words, and
/// `rows * message_length` bytes for messages.
#[no_mangle]
pub unsafe extern "C" fn tidemark_states_advance(
    rows: i32,
    states: *const *mut StateHandle,
    tokens: *const i32,
    masks: *mut u32,
    words: i32,
    statuses: *mut i32,
    messages: *mut u8,
    message_length: i32,
) -> i32 {
    let result = guarded(|| {
        let (rows, words) = (rows as usize, words as usize);
        let states = slice(states, rows);
        let tokens = slice(tokens, rows);
        // before the rows of this call add to it
        let exceeds = rows > 0 && (*states[0]).grammar.exceeds_total();
        for row in 0..rows {
            let StateHandle { state, grammar } = &mut *states[row];
            let mask = std::slice::from_raw_parts_mut(masks.add(row * words), words);
            if words != grammar.words() {
                return Err(Failure::new(INTERNAL, "the mask has not the size of the vocabulary"));
            }
            if exceeds {
                state.reduce(grammar);
            }
            let status = match state.advance(grammar, tokens[row], mask) {
                Ok(Step::Continues) => ROW_CONTINUES,
                Ok(Step::Ended) => ROW_ENDED,
                Err(failure) => {
                    let start = messages.add(row * message_length as usize);
                    write(&failure.message, start, message_length);
                    ROW_FAILED
                }
            };
            *statuses.add(row) = status;
        }
        Ok(())
    });
    result.map_or_else(|failure| failure.code, |()| 0)
}

unsafe fn words_of(count: i32, lengths: *const i32, bytes: *const u8) -> Vec<Vec<u8>> {
    let mut start = 0;
    slice(lengths, count as usize)
        .iter()
        .map(|&length| {
            let word = slice(bytes.add(start), length as usize).to_vec();
            start += length as usize;
            word
        })
        .collect()
}

unsafe fn slice<'a, T>(pointer: *const T, length: usize) -> &'a [T] {
    if length == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(pointer, length)
    }
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
    match result {
        Ok(value) => {
            *out = Box::into_raw(Box::new(value));
            0
        }
        Err(failure) => {
            write(&failure.message, message, message_length);
            failure.code
        }
    }
}

/// Copies a text with a zero byte at its end, whole characters only.
unsafe fn write(text: &str, target: *mut u8, length: i32) {
    if length < 1 {
        return;
    }
    let mut end = text.len().min(length as usize - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    std::ptr::copy_nonoverlapping(text.as_ptr(), target, end);
    *target.add(end) = 0;
}
