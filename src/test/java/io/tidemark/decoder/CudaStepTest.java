package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.kvcache.KvSlot;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.CudaStandIn;
import io.tidemark.fixture.CudaStandIn.Kind;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.torch.Torch;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A step on a GPU, counted on the stand-in")
@Tag("cuda")
class CudaStepTest {

    private static final int STEPS = 5_000;
    private static final int WARMUP_STEPS = 1_000;
    /** Of a step: garbage of the heap that a full collection leaves, such as entries of caches. */
    private static final long HEAP_BYTES = 16;

    private final CudaStandIn device = CudaStandIn.open();
    private Torch torch;
    private LanguageModel model;
    private AdapterStore store;
    private LoraWeights lora;
    private KvPool pool;

    /** With one layer, because what a step leaves does not depend on the layers. */
    @BeforeEach
    void load(@TempDir Path temp) {
        Path folder = DecoderMemoryTest.oneLayer(Folders.copyOfModel("llama-gqa", temp), "model.safetensors");
        Folders.edit(folder.resolve("config.json"), root -> root.put("num_hidden_layers", 1));
        Path adapter =
                DecoderMemoryTest.oneLayer(Folders.copyOfAdapter("llama-gqa", "qv", temp), "adapter_model.safetensors");
        torch = Torch.open(FixtureModel.OPTIONS);
        model = LanguageModel.load(folder, "base", torch, FixtureModel.FP32);
        store = new AdapterStore(model);
        lora = store.load("qv", adapter).weights();
        pool = new KvPool(model.decoder().kvCache(), Long.MAX_VALUE);
    }

    @AfterEach
    void close() {
        device.close();
        pool.close();
        store.close();
        model.close();
        torch.close();
    }

    @Test
    @DisplayName("5,000 steps leave nothing on the heap or on the device")
    void flatMemory() {
        List<KvSlot> slots = slots(2);
        steps(slots, WARMUP_STEPS);
        long heap = usedHeap();
        long bytes = device.usedBytes();
        steps(slots, STEPS);
        assertThat((usedHeap() - heap) / STEPS).isLessThan(HEAP_BYTES);
        assertThat(device.usedBytes()).isEqualTo(bytes);
    }

    @Test
    @DisplayName("TorchScript compiles nothing, at no number of rows")
    void compilesNothing() {
        for (int rows = 1; rows <= 8; rows++) {
            List<KvSlot> slots = slots(rows);
            steps(slots, 5);
            slots.forEach(pool::release);
        }
        assertThat(device.count(Kind.COMPILATION)).isZero();
    }

    private List<KvSlot> slots(int count) {
        return Stream.generate(() -> pool.reserve(64).orElseThrow())
                .limit(count)
                .toList();
    }

    private void steps(List<KvSlot> slots, int count) {
        TokenSampling sampling = TokenSampling.of(SamplingParams.at(0.8), 0.5);
        for (int step = 0; step < count; step++) {
            int position = step % 64;
            model.decoder()
                    .step(IntStream.range(0, slots.size())
                            .mapToObj(i -> new StepRow(
                                    slots.get(i),
                                    List.of(5),
                                    position,
                                    Optional.of(lora),
                                    new Boundary(1),
                                    Optional.of(sampling)))
                            .toList());
        }
    }

    private static long usedHeap() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
