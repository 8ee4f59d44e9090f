package io.tidemark.adapter;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.model.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * What PEFT's {@code adapter_config.json} says about a LoRA adapter.
 *
 * @param targeted which modules have LoRA, but for those that are saved
 * @param saved    which modules it holds as a whole
 * @param ranks    the default rank and its exceptions
 * @param alphas   the default alpha and its exceptions
 * @param rankStabilised whether the scale is {@code alpha / sqrt(r)} (rsLoRA) rather than {@code alpha / r}
 * @param dora whether modules have a magnitude (DoRA)
 * @param biased whether B has a bias ({@code lora_bias})
 * @param tiesWeights whether what it does to a tied embedding or head it does to both
 */
record AdapterConfig(
        TargetModules targeted,
        SavedModules saved,
        ModulePattern ranks,
        ModulePattern alphas,
        boolean rankStabilised,
        boolean dora,
        boolean biased,
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

    /** Fields about training, other software or how the weights began; none changes what inference computes. */
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

    /** Ways to begin that leave the base weights alone; an adapter of any other may not fit the published ones. */
    private static final Set<String> KEEP_THE_BASE = Set.of("true", "false", "gaussian", "eva", "orthogonal");

    /**
     * @throws AdapterRefused when the file is missing or broken, or an option in it would not be applied
     */
    static AdapterConfig read(Path file) {
        JsonNode root = parse(file);
        String type = root.path("peft_type").asText("(absent)");
        if (!type.equals("LORA")) {
            throw AdapterRefused.unsupported(file, "peft_type", type);
        }
        if (!root.path("bias").asText("none").equals("none")) {
            throw AdapterRefused.unsupported(file, "bias", root.path("bias").asText());
        }
        String start = root.path("init_lora_weights").asText("true");
        if (!KEEP_THE_BASE.contains(start)) {
            throw AdapterRefused.unsupported(file, "init_lora_weights", start);
        }
        for (Map.Entry<String, JsonNode> field : root.properties()) {
            if (!APPLIED.contains(field.getKey()) && !INERT.contains(field.getKey()) && isOn(field.getValue())) {
                throw AdapterRefused.unsupported(file, field.getKey(), field.getValue());
            }
        }
        if (root.path("use_dora").asBoolean() && root.path("lora_bias").asBoolean()) {
            throw AdapterRefused.unsupported(file, "lora_bias", "true beside use_dora: PEFT has no such adapter");
        }
        return new AdapterConfig(
                TargetModules.of(file, root),
                SavedModules.of(file, root),
                ModulePattern.of(file, root, "r", "rank_pattern"),
                ModulePattern.of(file, root, "lora_alpha", "alpha_pattern"),
                root.path("use_rslora").asBoolean(),
                root.path("use_dora").asBoolean(),
                root.path("lora_bias").asBoolean(),
                root.path("ensure_weight_tying").asBoolean());
    }

    /** Whether a module, by its name in the base model, has LoRA. */
    boolean targets(String module) {
        return targeted.include(module) && !saved.hide(module);
    }

    int rank(String module) {
        return (int) ranks.valueFor(module);
    }

    /** The factor of {@code B A x} for a module. */
    double scale(String module) {
        double r = ranks.valueFor(module);
        return alphas.valueFor(module) / (rankStabilised ? Math.sqrt(r) : r);
    }

    private static JsonNode parse(Path file) {
        if (!Files.isRegularFile(file)) {
            throw AdapterRefused.broken(file, "is missing");
        }
        try {
            JsonNode root = StrictJson.read(file);
            if (!root.isObject()) {
                throw AdapterRefused.broken(file, "is not a JSON object");
            }
            return root;
        } catch (IOException e) {
            throw AdapterRefused.broken(file, "is not JSON: " + e.getMessage(), e);
        }
    }

    private static boolean isOn(JsonNode value) {
        return !(value.isNull()
                || value.isBoolean() && !value.booleanValue()
                || value.isContainerNode() && value.isEmpty());
    }
}
