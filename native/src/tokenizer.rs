//! A vocabulary as a trie of bytes.

use std::sync::atomic::AtomicI64;
use std::sync::Arc;

use llguidance::api::{GrammarInit, ParserLimits, TopLevelGrammar};
use llguidance::earley::{BiasComputer, ParserRecognizer, SlicedBiasComputer};
use llguidance::toktrie::{
    ApproximateTokEnv, InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, INVALID_TOKEN,
};
use llguidance::{Logger, ParserFactory, TokenParser};

use crate::failure::Failure;

/// The largest id that the trie can hold.
const MAX_VOCABULARY: usize = 1 << 23;

pub struct Tokenizer {
    factory: ParserFactory,
    /// The masks of first tokens, if a decoder writes a first token in another way.
    pub first: Option<Arc<FirstTokens>>,
    /// Bit masks of all tokens with bytes, and of those that end a sequence.
    pub plain: Vec<u32>,
    pub ends: Vec<u32>,
    pub vocabulary: usize,
    /// The bytes of all grammars with their sequences, and the number of these.
    pub bytes: AtomicI64,
    pub open: AtomicI64,
}

/// Tokens whose text differs at the start of an answer: SentencePiece's decoders drop a leading space.
pub struct FirstTokens {
    trie: TokTrie,
}

impl FirstTokens {
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.trie.token(token)
    }
}

impl BiasComputer for FirstTokens {
    fn compute_bias(&self, recognizer: &mut ParserRecognizer<'_>, start: &[u8]) -> SimpleVob {
        let mut set = self.trie.alloc_token_set();
        self.trie.add_bias(recognizer, &mut set, start);
        // a token that adds nothing is allowed where any token is
        if !set.is_zero() {
            for token in 0..self.trie.vocab_size() as u32 {
                if self.trie.token(token).is_empty() {
                    set.allow_token(token);
                }
            }
        }
        set
    }

    fn trie(&self) -> &TokTrie {
        &self.trie
    }
}

impl Tokenizer {
    /// The bytes of all tokens; empty for special tokens and for those without a text.
    pub fn new(
        words: Vec<Vec<u8>>,
        first: Option<Vec<Vec<u8>>>,
        ends: &[u32],
    ) -> Result<Self, Failure> {
        let vocabulary = words.len();
        if vocabulary == 0 || vocabulary > MAX_VOCABULARY {
            return Err(Failure::unsupported(format!(
                "a vocabulary of {vocabulary} tokens is not supported"
            )));
        }
        if ends.iter().any(|&end| end as usize >= vocabulary) {
            return Err(Failure::unsupported("an end of sequence is not in the vocabulary"));
        }
        let end_mask = mask(vocabulary, |token| ends.contains(&(token as u32)));
        let mut words = words;
        for (token, word) in words.iter_mut().enumerate() {
            // A byte that UTF-8 does not have never matches, and toktrie gives 0xFF a meaning of its own.
            if word.contains(&TokTrie::SPECIAL_TOKEN_MARKER) || ends.contains(&(token as u32)) {
                word.clear();
            }
        }
        let plain = mask(vocabulary, |token| !words[token].is_empty());
        let info = TokRxInfo::new(vocabulary as u32, ends.first().copied().unwrap_or(INVALID_TOKEN));
        let first = first.map(|mut first| {
            for (token, word) in first.iter_mut().enumerate() {
                if words[token].is_empty() {
                    word.clear();
                }
            }
            Arc::new(FirstTokens {
                trie: TokTrie::from(&info, &first),
            })
        });
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words)));
        let mut factory = ParserFactory::new(
            &environment,
            InferenceCapabilities::default(),
            &SlicedBiasComputer::general_slices(),
        )
        .map_err(|error| Failure::of(&error))?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(Tokenizer {
            factory,
            first,
            plain,
            ends: end_mask,
            vocabulary,
            bytes: AtomicI64::new(0),
            open: AtomicI64::new(0),
        })
    }

    /// Compiles a grammar.
    pub fn parser(&self, grammar: TopLevelGrammar, limits: ParserLimits) -> anyhow::Result<TokenParser> {
        self.factory.create_parser_from_init_ext(
            GrammarInit::Serialized(grammar),
            Logger::new(0, 0),
            InferenceCapabilities::default(),
            limits,
        )
    }

    /// The 32-bit words of a mask.
    pub fn words(&self) -> usize {
        self.plain.len()
    }

    /// Some tokens whose bytes are these; empty if the vocabulary can't spell them.
    pub fn spell(&self, bytes: &[u8]) -> Vec<u32> {
        self.factory.tok_env().tok_trie().greedy_tokenize(bytes)
    }
}

fn mask(vocabulary: usize, contains: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut words = vec![0; vocabulary.div_ceil(32)];
    for token in (0..vocabulary).filter(|&token| contains(token)) {
        words[token / 32] |= 1 << (token % 32);
    }
    words
}
