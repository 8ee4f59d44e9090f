package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The library of operators")
class OperatorLibraryTest {

    private record Fake(Optional<String> failure, int family) implements OperatorLibrary.Functions {

        @Override
        public int tidemark_decoder_version() {
            return 1;
        }

        @Override
        public int tidemark_best_family() {
            return family;
        }

        @Override
        public String tidemark_register_operators() {
            return failure.orElse(null);
        }
    }

    static List<Throwable> failures() {
        return List.of(
                new IOException("/tmp/libtidemark_decoder.so does not have the digest"),
                new IllegalStateException("libtorch could not be loaded"),
                new UnsatisfiedLinkError("undefined symbol: aoti_torch_library_def"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    @DisplayName("Is unavailable with a reason, whatever the load throws")
    void loadFails(Throwable failure) {
        OperatorLibrary.Loading loading = OperatorLibrary.Loading.of(() -> {
            if (failure instanceof Error error) {
                throw error;
            }
            if (failure instanceof IOException e) {
                throw e;
            }
            throw (RuntimeException) failure;
        });
        assertThat(loading.best()).isEmpty();
        assertThat(loading.reason()).contains("libtidemark_decoder.so can't be loaded: " + failure);
    }

    @Test
    @DisplayName("Is unavailable if libtorch refuses the operators, or the processor runs no kernel")
    void isRefused() {
        assertThat(OperatorLibrary.Loading.of(() -> new Fake(Optional.of("libtorch refuses an operator"), 0)))
                .isEqualTo(new OperatorLibrary.Loading(Optional.empty(), Optional.of("libtorch refuses an operator")));
        assertThat(OperatorLibrary.Loading.of(() -> new Fake(Optional.empty(), -1))
                        .reason())
                .hasValueSatisfying(reason -> assertThat(reason).contains("AVX2"));
        assertThat(OperatorLibrary.Loading.of(() -> new Fake(Optional.empty(), 2))
                        .best())
                .contains(OperatorLibrary.Family.VNNI_BF16);
    }

    @Nested
    @DisplayName("On Linux on x86-64")
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    class Registered {

        private Torch torch;
        private Script script;

        @BeforeAll
        void open() {
            assertThat(OperatorLibrary.load().reason()).isEmpty();
            torch = Torch.open(new TorchOptions("cpu", 1));
            script = torch.script(new ScriptSource("Operators", "/torchscript/operators-trial.torchscript"));
        }

        @AfterAll
        void close() {
            script.close();
            torch.close();
        }

        @Test
        @DisplayName("Registers operators once, and knows the fastest kernels of the processor")
        void registers() {
            assertThat(OperatorLibrary.load().best()).isPresent();
            assertThat(OperatorLibrary.load()).isSameAs(OperatorLibrary.load());
        }

        @Test
        @DisplayName("A script gets the result of an operator")
        void calls() {
            try (Value tensor = torch.floats(1, 2, 3);
                    Value rest = script.call("distance", tensor)) {
                assertThat(rest.toNumber()).isEqualTo(4);
            }
        }

        @Test
        @DisplayName("Calls are made in their order if a sum with their results is returned")
        void keepsCalls() {
            try (Value invalid = torch.number(-1);
                    Value tensor = torch.floats(1)) {
                assertFails("close_first", "tidemark::close: ", invalid, tensor);
                assertFails("close_last", "tidemark::address: argument 't' must be contiguous", invalid, tensor);
            }
        }

        @Test
        @DisplayName("An operator names the argument that it refuses, and the message of the border")
        void refuses() {
            try (Value floats = torch.floats(1, 2, 3, 4);
                    Value longs = torch.longs(1, 2, 3)) {
                assertFails("create", "tidemark::new_model: argument 'shape' must be of int64", floats, floats);
                assertFails(
                        "create",
                        "tidemark::new_model: argument 'shape' must have the sizes [10], not [3]",
                        longs,
                        floats);
                assertFails("every_second", "tidemark::address: argument 't' must be contiguous", floats);
            }
        }

        private void assertFails(String method, String message, Value... arguments) {
            assertThatThrownBy(() -> script.call(method, arguments).close())
                    .isInstanceOf(ScriptException.class)
                    .hasMessageContaining(message);
        }
    }
}
