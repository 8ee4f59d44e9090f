package io.tidemark.jinja;

import java.util.List;
import java.util.Optional;

/** The variable {@code loop} of a running loop. */
final class LoopState {

    private final List<Object> elements;
    private int index;
    private Optional<List<Object>> watched = Optional.empty();

    LoopState(List<Object> elements) {
        this.elements = elements;
    }

    void moveTo(int element) {
        index = element;
    }

    long length() {
        return elements.size();
    }

    Optional<Object> attribute(String name) {
        long size = elements.size();
        return switch (name) {
            case "index" -> Optional.of(index + 1L);
            case "index0" -> Optional.of((long) index);
            case "revindex" -> Optional.of(size - index);
            case "revindex0" -> Optional.of(size - index - 1);
            case "first" -> Optional.of(index == 0);
            case "last" -> Optional.of(index == size - 1);
            case "length" -> Optional.of(size);
            case "depth" -> Optional.of(1L);
            case "depth0" -> Optional.of(0L);
            case "previtem" ->
                Optional.of(index > 0 ? elements.get(index - 1) : Undefined.because("there is no previous item"));
            case "nextitem" ->
                Optional.of(index + 1 < size ? elements.get(index + 1) : Undefined.because("there is no next item"));
            case "cycle" -> Optional.of((Callable) this::cycle);
            case "changed" -> Optional.of((Callable) this::changed);
            default -> Optional.empty();
        };
    }

    private Object cycle(Arguments arguments) {
        if (arguments.positional().isEmpty()) {
            throw JinjaException.because("'cycle' needs values");
        }
        return arguments.positional().get(index % arguments.positional().size());
    }

    private Object changed(Arguments arguments) {
        boolean same = watched.isPresent() && Comparison.equal(watched.get(), arguments.positional());
        watched = Optional.of(arguments.positional());
        return !same;
    }
}
