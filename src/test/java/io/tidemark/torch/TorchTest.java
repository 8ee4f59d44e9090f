package io.tidemark.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.tidemark.fixture.FixtureModel;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@DisplayName("TorchScript from Java")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TorchTest {

    private Torch torch;
    private Script script;

    @BeforeAll
    void open() {
        torch = Torch.open(FixtureModel.OPTIONS);
        script = torch.script(new ScriptSource("Trial", "/torchscript/trial.torchscript"));
    }

    @AfterAll
    void close() {
        script.close();
        torch.close();
    }

    @Test
    @DisplayName("A script computes with each element type that Java can pass")
    void computes() {
        try (Value a = torch.floats(1, 2.5f);
                Value b = torch.floats(10, 20);
                Value sum = script.call("plus", a, b)) {
            assertThat(sum.toFloats()).containsExactly(11, 22.5f);
        }
        try (Value a = torch.longs(1L << 40, -1);
                Value b = torch.longs(1, 1);
                Value sum = script.call("plus", a, b)) {
            assertThat(sum.toLongs()).containsExactly((1L << 40) + 1, 0);
        }
        try (Value a = torch.doubles(1e-12);
                Value b = torch.doubles(1);
                Value sum = script.call("plus", a, b)) {
            assertThat(sum.toDoubles()).containsExactly(1 + 1e-12);
        }
    }

    @Test
    @DisplayName("An attribute that a call sets is available to the next call, after Java has closed the arguments")
    void keepsAttributes() {
        try (Value a = torch.floats(1, 2.5f);
                Value list = torch.list(List.of(a));
                Value factor = torch.number(2.0)) {
            script.call("keep", list, factor).close();
        }
        try (Value kept = script.call("scaled")) {
            assertThat(kept.toFloats()).containsExactly(2, 5);
        }
    }

    @Test
    @DisplayName("An attribute of each scalar type and a tensor can be set and read")
    void keepsScalarsAndTensors() {
        try (Value tensor = torch.floats(3, 4);
                Value loud = torch.flag(true);
                Value calls = script.call("remember", tensor, loud)) {
            assertThat(calls.toNumber()).isEqualTo(1);
        }
        try (Value remembered = script.call("remembered")) {
            assertThat(remembered.toFloats())
                    .as("negated by a constant of the script")
                    .containsExactly(-3, -4);
        }
    }

    @Test
    @DisplayName("A named tuple that a script returns can be passed back in a list")
    void passesNamedTuples() {
        try (Value a = torch.floats(5);
                Value b = torch.floats(3);
                Value pair = script.call("pair", a, b);
                Value pairs = torch.list(List.of(pair));
                Value difference = script.call("difference", pairs)) {
            assertThat(difference.toFloats()).containsExactly(2);
        }
    }

    @Test
    @DisplayName("An attribute of a type without an initial value is refused")
    void refusesAttributeType() {
        assertThatThrownBy(() -> new ScriptSource("Trial", "/torchscript/dictionary-attribute.torchscript"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("kept")
                .hasMessageContaining("Dict[str, Tensor]");
    }

    @Test
    @DisplayName("A list that a script returns has its members in order")
    void returnsLists() {
        try (Value a = torch.longs(1);
                Value b = torch.longs(2, 3);
                Value both = script.call("both", a, b)) {
            List<Value> members = both.toList();
            assertThat(members).hasSize(2);
            assertThat(members.get(0).toLongs()).containsExactly(1);
            assertThat(members.get(1).toLongs()).containsExactly(2, 3);
            members.forEach(Value::close);
        }
    }

    @Test
    @DisplayName("A tensor from Java memory keeps its content in a list after its value is closed and collected")
    void survivesCollection() {
        int count = 200;
        int size = 20_000;
        try (Value list = closedMembers(count, size)) {
            churn();
            try (Value sums = script.call("sums", list)) {
                float[] totals = sums.toFloats();
                for (int i = 0; i < count; i++) {
                    assertThat(totals[i]).as("sum of member %d", i).isEqualTo((float) i * size);
                }
            }
        }
    }

    @Test
    @DisplayName("The error of a script names script and method, and the next call succeeds")
    void namesTheMethod() {
        try (Value a = torch.floats(1, 2);
                Value b = torch.floats(1, 2, 3)) {
            assertThatThrownBy(() -> script.call("product", a, b))
                    .isInstanceOf(ScriptException.class)
                    .hasMessageStartingWith("Trial.product failed:");
            try (Value sum = script.call("plus", a, a)) {
                assertThat(sum.toFloats()).containsExactly(2, 4);
            }
        }
    }

    @Test
    @DisplayName("A method that the script does not have is refused by name")
    void namesAMissingMethod() {
        assertThatThrownBy(() -> script.call("minus"))
                .isInstanceOf(ScriptException.class)
                .hasMessageContaining("Trial.minus");
    }

    @Test
    @DisplayName("Invalid TorchScript is refused with the script's name")
    void refusesWhatDoesNotParse() {
        assertThatThrownBy(() -> torch.script(new ScriptSource("Garbled", "/torchscript/unparseable.torchscript")))
                .isInstanceOf(ScriptException.class)
                .hasMessageContaining("Garbled could not be loaded");
    }

    @Test
    @DisplayName("A missing resource is refused by name")
    void namesAMissingResource() {
        assertThatThrownBy(() -> torch.script(new ScriptSource("Absent", "/torchscript/absent.torchscript")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("/torchscript/absent.torchscript");
    }

    @Test
    @DisplayName("An empty list is refused, because it has no element type in TorchScript")
    void refusesEmptyLists() {
        assertThatThrownBy(() -> torch.list(List.of())).isInstanceOf(NoSuchElementException.class);
    }

    private Value closedMembers(int count, int size) {
        List<Value> members = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            float[] values = new float[size];
            Arrays.fill(values, i);
            members.add(torch.floats(values));
        }
        Value list = torch.list(members);
        members.forEach(Value::close);
        return list;
    }

    @Test
    @DisplayName("Compacting memory does not change open values")
    void compactsMemory() {
        try (Torch torch = Torch.open(TorchOptions.CPU);
                Value kept = torch.floats(1, 2, 3)) {
            torch.floats(new float[100_000]).close();
            torch.compactMemory();
            assertThat(kept.toFloats()).containsExactly(1, 2, 3);
        }
    }

    /** Frees unreachable direct buffers and overwrites their memory. */
    private void churn() {
        for (int round = 0; round < 3; round++) {
            System.gc();
            List<ByteBuffer> noise = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                ByteBuffer buffer = ByteBuffer.allocateDirect(20_000 * Float.BYTES);
                while (buffer.hasRemaining()) {
                    buffer.put((byte) 0x5a);
                }
                noise.add(buffer);
            }
            assertThat(noise).hasSize(200);
        }
    }
}
