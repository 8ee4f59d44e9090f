package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.JsonFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The options of PEFT's {@code adapter_config.json} that change what an adapter computes.
 *
 * @param modules        which modules have LoRA, and which are saved
 * @param ranks          {@code r} and {@code rank_pattern}
 * @param alphas         {@code lora_alpha} and {@code alpha_pattern}
 * @param rankStabilized {@code use_rslora}: the scale is {@code alpha / sqrt(r)}, otherwise {@code alpha / r}
 * @param dora           {@code use_dora}: modules have a magnitude vector
 * @param loraBias       {@code lora_bias}: B has a bias
 * @param tiesWeights    {@code ensure_weight_tying}: what applies to a tied embedding or head applies to both
 */
record AdapterConfig(
        ModuleSelection modules,
        ModuleValue ranks,
        ModuleValue alphas,
        boolean rankStabilized,
        boolean dora,
        boolean loraBias,
        boolean tiesWeights) {

    private static final Set<String> APPLIED = Set.of(
            "peft_type",
            "r",
            "lora_alpha",
            "target_modules",
            "exclude_modules",
            "rank_pattern",
            "alpha_pattern",
            "use_rslora",
            "layers_to_transform",
            "layers_pattern",
            "modules_to_save",
            "ensure_weight_tying",
            "bias",
            "use_dora",
            "lora_bias");

    /** Options of training, initialization and other software, which do not change inference. */
    private static final Set<String> INERT = Set.of(
            "auto_mapping",
            "base_model_name_or_path",
            "peft_version",
            "inference_mode",
            "lora_dropout",
            "task_type",
            "revision",
            "megatron_core",
            "qalora_group_size",
            "init_lora_weights",
            "eva_config",
            "runtime_config");

    /** Initializations that do not change the base weights. Others may have been trained on changed ones. */
    private static final Set<String> UNCHANGED_BASE = Set.of("true", "false", "gaussian", "eva", "orthogonal");

    /** A number for all modules with overrides for single ones. The first override that matches applies, as in PEFT. */
    record ModuleValue(double defaultValue, Map<ModuleRegex, Double> overrides) {

        private static ModuleValue of(Path file, JsonNode config, String field, String patternField) {
            Map<ModuleRegex, Double> overrides = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> entry : config.path(patternField).properties()) {
                overrides.put(
                        ModuleRegex.of(file, patternField, "(.*\\.)?(" + entry.getKey() + ")$"),
                        positive(file, patternField, entry.getValue()));
            }
            return new ModuleValue(positive(file, field, config.path(field)), overrides);
        }

        private double of(String module) {
            return overrides.entrySet().stream()
                    .filter(override -> override.getKey().matchesPrefix(module))
                    .map(Map.Entry::getValue)
                    .findFirst()
                    .orElse(defaultValue);
        }
    }

    /** @throws InvalidAdapterException if the file is missing or broken, or has an option that would not be applied */
    static AdapterConfig read(Path file) {
        JsonNode root = parse(file);
        String type = root.path("peft_type").asText("(absent)");
        if (!type.equals("LORA")) {
            throw InvalidAdapterException.unsupported(file, "peft_type", type);
        }
        if (!root.path("bias").asText("none").equals("none")) {
            throw InvalidAdapterException.unsupported(
                    file, "bias", root.path("bias").asText());
        }
        String initialization = root.path("init_lora_weights").asText("true");
        if (!UNCHANGED_BASE.contains(initialization)) {
            throw InvalidAdapterException.unsupported(file, "init_lora_weights", initialization);
        }
        for (Map.Entry<String, JsonNode> field : root.properties()) {
            if (!APPLIED.contains(field.getKey()) && !INERT.contains(field.getKey()) && isSet(field.getValue())) {
                throw InvalidAdapterException.unsupported(file, field.getKey(), field.getValue());
            }
        }
        if (root.path("use_dora").asBoolean() && root.path("lora_bias").asBoolean()) {
            throw InvalidAdapterException.unsupported(
                    file, "lora_bias", "true with use_dora, which PEFT does not support");
        }
        return new AdapterConfig(
                new ModuleSelection(file, root),
                ModuleValue.of(file, root, "r", "rank_pattern"),
                ModuleValue.of(file, root, "lora_alpha", "alpha_pattern"),
                root.path("use_rslora").asBoolean(),
                root.path("use_dora").asBoolean(),
                root.path("lora_bias").asBoolean(),
                root.path("ensure_weight_tying").asBoolean());
    }

    int rank(String module) {
        return (int) ranks.of(module);
    }

    /** The factor of {@code B A x} for a module. */
    double scale(String module) {
        double rank = ranks.of(module);
        return alphas.of(module) / (rankStabilized ? Math.sqrt(rank) : rank);
    }

    private static double positive(Path file, String field, JsonNode value) {
        if (!value.isNumber() || !(value.doubleValue() > 0)) {
            throw InvalidAdapterException.broken(file, field + " must be a number greater than 0, not " + value);
        }
        return value.doubleValue();
    }

    private static JsonNode parse(Path file) {
        try {
            return JsonFields.read(file).root();
        } catch (InvalidModelException e) {
            throw InvalidAdapterException.because(e);
        }
    }

    private static boolean isSet(JsonNode value) {
        return !(value.isNull()
                || value.isBoolean() && !value.booleanValue()
                || value.isContainerNode() && value.isEmpty());
    }
}
