package io.tidemark.jinja;

import java.util.List;

/**
 * What Python gives out one by one: a range, a dictionary's items, or what a filter lets pass.
 *
 * @param sized   whether its length may be asked, as with a dictionary's views; a generator's may not
 * @param indexed whether it can be subscripted, as a range
 */
record Elements(List<Object> elements, boolean sized, boolean indexed) {

    static Elements generated(List<Object> elements) {
        return new Elements(elements, false, false);
    }
}
