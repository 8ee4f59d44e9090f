package io.tidemark.message;

/** Where a number must lie, with the words for the error. */
enum Range {
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
