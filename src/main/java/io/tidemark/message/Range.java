package io.tidemark.message;

/** Where a number must lie, with the words for the error. */
enum Range {
    /** Of presence and frequency, as OpenAI has them. */
    PENALTY("from -2 to 2") {
        @Override
        boolean holds(double value) {
            return value >= -2 && value <= 2;
        }
    },
    /** Of a logit, as OpenAI has it. */
    BIAS("from -100 to 100") {
        @Override
        boolean holds(double value) {
            return value >= -100 && value <= 100;
        }
    },
    NOT_NEGATIVE("0 or more") {
        @Override
        boolean holds(double value) {
            return value >= 0;
        }
    },
    POSITIVE("more than 0") {
        @Override
        boolean holds(double value) {
            return value > 0;
        }
    },
    SHARE("from 0 to 1") {
        @Override
        boolean holds(double value) {
            return value >= 0 && value <= 1;
        }
    },
    POSITIVE_SHARE("more than 0 and at most 1") {
        @Override
        boolean holds(double value) {
            return value > 0 && value <= 1;
        }
    };

    private final String words;

    Range(String words) {
        this.words = words;
    }

    String words() {
        return words;
    }

    abstract boolean holds(double value);
}
