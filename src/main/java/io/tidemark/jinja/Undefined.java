package io.tidemark.jinja;

/** What a name, attribute or element is that isn't there: nothing when printed, an error when worked with. */
record Undefined(String reason) {

    static Undefined because(String reason) {
        return new Undefined(reason);
    }

    JinjaException used() {
        return JinjaException.because(reason);
    }
}
