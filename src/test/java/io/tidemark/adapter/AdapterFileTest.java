package io.tidemark.adapter;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Tensor names of an adapter")
class AdapterFileTest {

    @ParameterizedTest(name = "{0}")
    @DisplayName("Prefix, adapter name and wrappers of training frameworks are removed")
    @CsvSource({
        "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight, model.layers.3.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.3.self_attn.q_proj.lora_A.default.weight, model.layers.3.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.3.mlp.up_proj.lora_B.restaurants.weight, model.layers.3.mlp.up_proj.lora_B.weight",
        "base_model.model.model.layers.3.mlp.up_proj.lora_B.default.bias, model.layers.3.mlp.up_proj.lora_B.bias",
        "model.layers.3.mlp.up_proj.lora_B.weight, model.layers.3.mlp.up_proj.lora_B.weight",
        "model.model.layers.3.mlp.up_proj.lora_B.default.weight, model.layers.3.mlp.up_proj.lora_B.weight",
        "model.lm_head.lora_A.weight, lm_head.lora_A.weight",
        "module.base_model.model.model.layers.3.mlp.up_proj.lora_B.default.weight, model.layers.3.mlp.up_proj.lora_B.weight",
        "_orig_mod.base_model.model.model.norm.weight, model.norm.weight",
        "base_model.model.model.layers.3._fsdp_wrapped_module.mlp.up_proj.lora_B.weight, model.layers.3.mlp.up_proj.lora_B.weight",
        "base_model.model.model.embed_tokens.lora_embedding_A, model.embed_tokens.lora_embedding_A",
        "base_model.model.model.embed_tokens.lora_embedding_B.default, model.embed_tokens.lora_embedding_B",
        "base_model.model.lm_head.modules_to_save.default.weight, lm_head.weight",
        "base_model.model.lm_head.modules_to_save.weight, lm_head.modules_to_save.weight",
        "base_model.model.lm_head.base_layer.weight, lm_head.base_layer.weight",
        "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector, model.layers.0.mlp.up_proj.lora_magnitude_vector",
        "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector.weight, model.layers.0.mlp.up_proj.lora_magnitude_vector",
        "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector.default, model.layers.0.mlp.up_proj.lora_magnitude_vector",
        "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector.default.weight, model.layers.0.mlp.up_proj.lora_magnitude_vector"
    })
    void isCanonical(String stored, String inModel) {
        assertThat(AdapterFile.canonicalName(stored)).isEqualTo(inModel);
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Names of other models and of modules that a causal model does not have stay unknown")
    @ValueSource(
            strings = {
                "base_model.model.layers.3.self_attn.q_proj.lora_A.weight",
                        "base_model.layers.3.self_attn.q_proj.lora_A.weight",
                "base_model.model.model.layers.3.self_attn.q_proj.lora_A.a.b.weight",
                        "base_model.model.lm_head.original_module.weight",
                "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta",
                        "transformer.h.0.attn.c_attn.lora_A.weight"
            })
    void staysUnknown(String stored) {
        assertThat(AdapterFile.canonicalName(stored))
                .doesNotMatch(
                        "(model\\.layers\\.\\d+\\.\\S+\\.lora_[AB]\\.weight|model\\.embed_tokens\\.lora_embedding_[AB]|lm_head\\.weight)");
    }
}
