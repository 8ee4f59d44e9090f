package io.tidemark.adapter;

import java.util.regex.Pattern;

/**
 * The names that PEFT and others write an adapter's tensors under, brought to one: the module's name in the base model
 * and the tensor's in the module, {@code model.layers.0.self_attn.q_proj.lora_A.weight}. A saved adapter has a prefix
 * before it; a live state dict has the adapter's name after {@code lora_A}, and wrappers of training frameworks in between.
 */
final class TensorSpelling {

    static final String PREFIX = "base_model.model.";

    private static final Pattern WRAPPERS =
            Pattern.compile("(?<=^|\\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\\.");
    private static final Pattern TRAINER = Pattern.compile("^module\\.");
    private static final Pattern WITHOUT_PEFT_MODEL = Pattern.compile("^model\\.(?=model\\.|lm_head\\.)");
    private static final Pattern NAMED_LORA = Pattern.compile("\\.(lora_[AB])\\.[^.]+\\.(weight|bias)$");
    private static final Pattern NAMED_PARAMETER = Pattern.compile("\\.(lora_embedding_[AB])\\.[^.]+$");
    private static final Pattern MAGNITUDE = Pattern.compile("\\.lora_magnitude_vector(\\.[^.]+?)??(\\.weight)?$");
    private static final Pattern SAVED = Pattern.compile("\\.modules_to_save\\.[^.]+\\.");

    private TensorSpelling() {}

    static String inModel(String stored) {
        String name = TRAINER.matcher(WRAPPERS.matcher(stored).replaceAll("")).replaceFirst("");
        name = name.startsWith(PREFIX)
                ? name.substring(PREFIX.length())
                : WITHOUT_PEFT_MODEL.matcher(name).replaceFirst("");
        name = NAMED_LORA.matcher(name).replaceFirst(".$1.$2");
        name = NAMED_PARAMETER.matcher(name).replaceFirst(".$1");
        name = MAGNITUDE.matcher(name).replaceFirst(".lora_magnitude_vector");
        return SAVED.matcher(name).replaceFirst(".");
    }
}
