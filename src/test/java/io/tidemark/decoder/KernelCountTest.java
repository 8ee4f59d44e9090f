package io.tidemark.decoder;

import static org.assertj.core.api.Assertions.assertThat;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.kvcache.KvBudget;
import io.tidemark.decoder.kvcache.KvPool;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.decoder.sampling.Penalties;
import io.tidemark.decoder.sampling.SamplingParams;
import io.tidemark.decoder.sampling.TokenCounts;
import io.tidemark.decoder.sampling.TokenMasks;
import io.tidemark.decoder.sampling.TokenSampling;
import io.tidemark.fixture.CudaStandIn;
import io.tidemark.fixture.CudaStandIn.Kind;
import io.tidemark.fixture.FixtureModel;
import io.tidemark.fixture.Folders;
import io.tidemark.model.ComputeType;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Kernels and copies of a step on a GPU, counted on the stand-in")
@Tag("cuda")
class KernelCountTest {

    private static final int ROWS = 32;
    private static final int LENGTH = 64;
    private static final int MAX_KERNELS_OF_A_LAYER = 60;

    private final CudaStandIn device = CudaStandIn.open();
    private Torch torch;
    private LanguageModel model;
    private AdapterStore store;
    private KvPool pool;

    @BeforeEach
    void load() {
        torch = Torch.open(FixtureModel.OPTIONS);
        model = LanguageModel.load(Folders.model("llama-gqa"), "base", torch, new ModelOptions(ComputeType.BF16));
        store = new AdapterStore(model);
        pool = new KvPool(model.decoder().kvCache(), new KvBudget(Long.MAX_VALUE), ROWS, 0);
    }

    @AfterEach
    void close() {
        device.close();
        pool.close();
        store.close();
        model.close();
        torch.close();
    }

    @ParameterizedTest(name = "{0} adapters")
    @ValueSource(ints = {0, 1, 2, 3, 8, 32})
    @DisplayName("A layer has at most 60 kernels, and has as many for 32 adapters of all linears as for 8")
    void kernelsOfALayer(int adapters) {
        long kernels = kernels(adapters);
        assertThat(kernels)
                .as(device.report(Kind.KERNEL))
                .isLessThanOrEqualTo(
                        (long) MAX_KERNELS_OF_A_LAYER * model.config().numLayers());
        if (adapters > 8) {
            assertThat(kernels).isEqualTo(kernels(8));
        }
    }

    private long kernels(int adapters) {
        List<StepRow> rows = rows(adapters(adapters, "all"), List.of(TokenSampling.greedy()));
        model.decoder().step(rows);
        device.startOver();
        model.decoder().step(rows);
        rows.forEach(row -> pool.release(row.slot()));
        return device.count(Kind.KERNEL);
    }

    @ParameterizedTest(name = "{0}")
    @EnumSource
    @DisplayName("A step makes one copy to the device and one back, however its tokens are sampled")
    void copies(Sampling sampling) {
        List<StepRow> rows = rows(adapters(ROWS, "qv"), sampling.rows(model));
        model.decoder().step(rows);
        device.startOver();
        model.decoder().step(rows);
        assertThat(device.count(Kind.TO_DEVICE))
                .as(device.report(Kind.TO_DEVICE))
                .isEqualTo(1);
        assertThat(device.count(Kind.TO_HOST)).as(device.report(Kind.TO_HOST)).isEqualTo(1);
    }

    /** How the rows of a step are sampled. */
    private enum Sampling {
        GREEDY {
            @Override
            List<TokenSampling> rows(LanguageModel model) {
                return List.of(TokenSampling.greedy());
            }
        },
        /** All methods beside each other. The distribution is peaked, so that the most likely tokens are enough. */
        MIXED {
            @Override
            List<TokenSampling> rows(LanguageModel model) {
                SamplingParams cold = SamplingParams.at(1e-3);
                TokenCounts counts = TokenCounts.empty();
                counts.add(5);
                return List.of(
                        TokenSampling.greedy(),
                        TokenSampling.of(SamplingParams.at(0.8), 0.5),
                        TokenSampling.of(cold.withTopP(0.9), 0.5),
                        TokenSampling.of(cold.withTopK(40), 0.5).withTop(3),
                        TokenSampling.of(SamplingParams.GREEDY.withPenalties(new Penalties(1.1, 0, 0)), 0)
                                .withCounts(counts),
                        TokenSampling.of(SamplingParams.at(1).withLogitBias(Map.of(7, 2.0)), 0.5));
            }
        },
        MASKED {
            @Override
            List<TokenSampling> rows(LanguageModel model) {
                TokenMasks masks = new TokenMasks(2, model.config().vocabularySize());
                masks.bits(2).put(0, 0b1010).put(1, 1 << 9);
                masks.row(1).put(0, 0b100);
                return List.of(
                        TokenSampling.greedy().withMask(masks.mask(0)),
                        TokenSampling.greedy().withMask(masks.mask(1)),
                        TokenSampling.of(SamplingParams.at(1), 0.5).withMask(masks.mask(0)),
                        TokenSampling.greedy());
            }
        };

        abstract List<TokenSampling> rows(LanguageModel model);
    }

    private List<LoraWeights> adapters(int count, String name) {
        List<LoraWeights> adapters = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String id = name + "-" + i;
            adapters.add(store.find(id)
                    .orElseGet(() -> store.load(id, Folders.adapter("llama-gqa", name)))
                    .weights());
        }
        return adapters;
    }

    private List<StepRow> rows(List<LoraWeights> adapters, List<TokenSampling> sampling) {
        List<StepRow> rows = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            Optional<LoraWeights> adapter =
                    adapters.isEmpty() ? Optional.empty() : Optional.of(adapters.get(i % adapters.size()));
            rows.add(new StepRow(
                    pool.reserve(LENGTH).orElseThrow(),
                    List.of(i % 7),
                    i,
                    adapter,
                    new Boundary(1
                            + i % Math.max(1, adapters.size()) % model.config().numLayers()),
                    Optional.of(sampling.get(i % sampling.size()))));
        }
        return rows;
    }
}
