package io.tidemark.decoder.script;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.model.Kernels;
import io.tidemark.torch.ScriptContract;
import io.tidemark.torch.ScriptContract.Layout;
import io.tidemark.torch.ScriptSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The decoder's script")
class DecoderScriptTest {

    @Test
    @DisplayName("Declares the layouts, methods and constants that Java has")
    void agrees() {
        assertThatCode(DecoderScript::source).doesNotThrowAnyException();
        assertThatCode(() -> DecoderScript.source(Kernels.AVX2)).doesNotThrowAnyException();
        assertThat(DecoderLayouts.all())
                .extracting(Layout::name)
                .containsAll(Stream.of(DecoderLayouts.class.getDeclaredClasses())
                        .map(Class::getSimpleName)
                        .toList());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("layouts")
    @DisplayName("Does not load if a field of any layout is renamed, missing or swapped with the next one")
    void refusesFaultyLayouts(Layout layout) {
        for (int field = 0; field < layout.fields().size(); field++) {
            int at = field;
            List<String> renamed = new ArrayList<>(layout.fields());
            renamed.set(at, "other");
            refuses(layout, renamed, "'other'");
            List<String> missing = new ArrayList<>(layout.fields());
            missing.remove(at);
            refuses(layout, missing, "'" + layout.fields().get(at) + "'");
            if (at + 1 < layout.fields().size()) {
                List<String> swapped = new ArrayList<>(layout.fields());
                Collections.swap(swapped, at, at + 1);
                refuses(layout, swapped, "'" + layout.fields().get(at) + "'");
            }
        }
    }

    static Stream<Layout> layouts() {
        return DecoderLayouts.all().stream();
    }

    private static void refuses(Layout layout, List<String> fields, String named) {
        List<Layout> faulty = new ArrayList<>(DecoderLayouts.all());
        faulty.replaceAll(each -> each.equals(layout) ? new Layout(layout.name(), fields) : each);
        ScriptContract contract = new ScriptContract(faulty, List.of(), Map.of());
        assertThatThrownBy(() -> new ScriptSource(
                        "Decoder",
                        contract,
                        DecoderScript.resources(Kernels.TORCH).toArray(String[]::new)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("layout " + layout.name())
                .hasMessageContaining(named);
    }
}
