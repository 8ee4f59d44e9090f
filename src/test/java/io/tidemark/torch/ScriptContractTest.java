package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.torch.ScriptContract.Layout;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("The contract of a script")
class ScriptContractTest {

    private static final String SCRIPT = "/torchscript/contract-trial.torchscript";
    private static final Layout SPAN = new Layout("Span", List.of("first", "end", "boundary"));
    private static final Layout SHADE = new Layout("Shade", List.of("dark", "light"));

    private enum Shade {
        DARK,
        LIGHT
    }

    private record Method(String method, List<String> parameters) implements ScriptMethod {}

    @Test
    @DisplayName("In the script a field is its index, and `count` the number of fields")
    void namesStandForIndices() {
        try (Torch torch = Torch.open(new TorchOptions("cpu", 1));
                Script script = torch.script(source(List.of(SPAN, SHADE), length("span", "shade"), -1));
                Value span = torch.numbers(3, 10, 5);
                Value shade = torch.number(1L);
                Value length = script.call("length", span, shade)) {
            // end - first + boundary + number of fields, for the light shade
            assertThat(length.toNumber()).isEqualTo(10 - 3 + 5 + 3);
        }
    }

    @Test
    @DisplayName("The constants of an enum are fields in lower case")
    void enumIsLayout() {
        assertThat(Layout.of(Shade.class)).isEqualTo(SHADE);
    }

    @ParameterizedTest(name = "{0}: {1}")
    @DisplayName("A renamed, missing, additional or swapped field is refused with the names of layout and field")
    @CsvSource(
            delimiter = '|',
            value = {
                "renamed    | first start boundary     | field 1 is 'start' in Java and 'end' in the script",
                "missing    | first end                | field 2 is absent in Java and 'boundary' in the script",
                "additional | first end boundary group | field 3 is 'group' in Java and absent in the script",
                "swapped    | end first boundary       | field 0 is 'end' in Java and 'first' in the script"
            })
    void fieldsDiffer(String fault, String fields, String message) {
        Layout faulty = new Layout("Span", List.of(fields.split(" ")));
        assertThatThrownBy(() -> source(List.of(faulty, SHADE), length("span", "shade"), -1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("layout Span: " + message);
    }

    @Test
    @DisplayName("A layout that only one side has is refused")
    void layoutsDiffer() {
        assertThatThrownBy(() -> source(List.of(SPAN), length("span", "shade"), -1))
                .hasMessage("layout Shade is in the script and not in Java");
        Layout absent = new Layout("Call", List.of("block"));
        assertThatThrownBy(() -> source(List.of(SPAN, SHADE, absent), length("span", "shade"), -1))
                .hasMessage("layout Call is in Java and not in the script");
    }

    @Test
    @DisplayName("A method without the parameters that Java passes is refused")
    void methodsDiffer() {
        assertThatThrownBy(() -> source(List.of(SPAN, SHADE), length("shade", "span"), -1))
                .hasMessage("method length: parameter 0 is 'shade' in Java and 'span' in the script");
        assertThatThrownBy(() -> source(List.of(SPAN, SHADE), new Method("width", List.of()), -1))
                .hasMessage("method width is in Java and not in the script");
    }

    @Test
    @DisplayName("A constant with another value is refused")
    void constantsDiffer() {
        assertThatThrownBy(() -> source(List.of(SPAN, SHADE), length("span", "shade"), -2))
                .hasMessage("constant NONE is -2 in Java and -1 in the script");
    }

    @Test
    @DisplayName("A script that uses a field without a declaration does not load")
    void undeclaredField() {
        try (Torch torch = Torch.open(new TorchOptions("cpu", 1))) {
            assertThatThrownBy(
                            () -> torch.script(new ScriptSource("Trial", "/torchscript/undeclared-field.torchscript")))
                    .hasMessage("layout Span has no field 'ned'");
        }
    }

    @Test
    @DisplayName("A line of a layout that is not a new name is refused")
    void noField() {
        assertThatThrownBy(() -> new ScriptSource("Trial", "/torchscript/repeated-field.torchscript"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layout Span has the line 'first', which is not the name of a new field");
    }

    private static Method length(String... parameters) {
        return new Method("length", List.of(parameters));
    }

    private static ScriptSource source(List<Layout> layouts, Method method, long none) {
        return new ScriptSource("Trial", new ScriptContract(layouts, List.of(method), Map.of("NONE", none)), SCRIPT);
    }
}
