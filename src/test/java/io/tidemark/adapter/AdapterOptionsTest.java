package io.tidemark.adapter;

import static io.tidemark.adapter.CopiedAdapters.CONFIG;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Adapter options")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AdapterOptionsTest {

    private CopiedAdapters adapters;

    @BeforeAll
    void load(@TempDir Path temp) {
        adapters = new CopiedAdapters(temp);
    }

    @AfterAll
    void close() {
        adapters.close();
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("An option that would not be applied is refused as not supported, and the message names it")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "modules_to_save | [\"mlp\"]",
                "modules_to_save | [\"lm_head\", \"q_proj\"]",
                "modules_to_save | [\"layers.2\"]",
                "bias | \"all\"",
                "bias | \"lora_only\"",
                "fan_in_fan_out | true",
                "init_lora_weights | \"pissa\"",
                "init_lora_weights | \"pissa_niter_16\"",
                "init_lora_weights | \"olora\"",
                "init_lora_weights | \"loftq\"",
                "init_lora_weights | \"lora_ga\"",
                "target_parameters | [\"experts\"]",
                "layer_replication | [[0, 4], [2, 5]]",
                "trainable_token_indices | [1]",
                "alora_invocation_tokens | [5]",
                "peft_type | \"IA3\"",
                "use_qalora | true",
                "corda_config | {\"beta\": 2}",
                "from_the_future | 3"
            })
    void namesTheOption(String option, String value) {
        Path folder = adapters.copyWith(option, value);
        InvalidAdapterException refused = adapters.refusal(folder);
        assertThat(refused).hasMessageContaining(option).hasMessageContaining(CONFIG);
        assertThat(refused.isUnsupported()).isTrue();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("lora_bias with LoRA on the embedding or with DoRA is refused as not supported")
    @ValueSource(strings = {"embeddings", "dora"})
    void refusesBiasesThatPeftDoesNotSupport(String adapter) {
        Path folder = CopiedAdapters.set(adapters.copy(adapter), "lora_bias", "true");
        InvalidAdapterException refused = adapters.refusal(folder);
        assertThat(refused)
                .hasMessageContaining("lora_bias")
                .hasMessageContaining("PEFT")
                .hasMessageContaining(CONFIG);
        assertThat(refused.isUnsupported()).isTrue();
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("An invalid value is refused as broken, and the message names the option")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "r | 0",
                "r | \"8\"",
                "r | null",
                "lora_alpha | -1",
                "target_modules | null",
                "target_modules | \"(q_proj\"",
                "target_modules | [\"proj\"]",
                "modules_to_save | \"lm_head\"",
                "rank_pattern | {\"q_proj\": 0}",
                "rank_pattern | {\"(\": 2}",
                "layers_to_transform | [\"one\"]",
                "layers_to_transform | []"
            })
    void refusesImpossibleValues(String option, String value) {
        Path folder = adapters.copyWith(option, value);
        InvalidAdapterException refused = adapters.refusal(folder);
        assertThat(refused).hasMessageContaining(option).hasMessageContaining(CONFIG);
        assertThat(refused.isUnsupported()).isFalse();
    }

    @ParameterizedTest(name = "{0} = {1}")
    @DisplayName("Options of the training and options that are off are accepted")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "lora_dropout | 0.3",
                "init_lora_weights | false",
                "init_lora_weights | \"gaussian\"",
                "init_lora_weights | \"eva\"",
                "eva_config | {\"rho\": 2}",
                "init_lora_weights | \"orthogonal\"",
                "from_the_future | null",
                "from_the_future | false",
                "from_the_future | []",
                "modules_to_save | []",
                "task_type | \"SEQ_2_SEQ_LM\"",
                "bias | \"none\""
            })
    void loadsWithInertOptions(String option, String value) {
        Path folder = adapters.copyWith(option, value);
        try (AdapterStore store = adapters.store()) {
            assertThat(store.load("one", folder).id()).isEqualTo("one");
        }
    }
}
