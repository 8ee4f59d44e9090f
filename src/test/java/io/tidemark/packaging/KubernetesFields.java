package io.tidemark.packaging;

import static java.util.Map.entry;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import com.google.gson.annotations.SerializedName;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import io.kubernetes.client.custom.IntOrString;
import io.kubernetes.client.custom.Quantity;
import io.kubernetes.client.openapi.models.V1Deployment;
import io.kubernetes.client.openapi.models.V1NetworkPolicy;
import io.kubernetes.client.openapi.models.V1ObjectMeta;
import io.kubernetes.client.openapi.models.V1PersistentVolumeClaim;
import io.kubernetes.client.openapi.models.V1Pod;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import io.kubernetes.client.openapi.models.V1ServiceAccount;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The fields that Kubernetes permits in a document. Core kinds are those of the Kubernetes client's models; custom
 * resources are those of their definitions in {@code src/test/resources/crds}. A field that neither has is a problem,
 * as for an API server with strict validation.
 */
final class KubernetesFields {

    private static final Path DEFINITIONS = Path.of("src/test/resources/crds");
    private static final ObjectMapper JSON = new ObjectMapper();

    private interface Strict {
        void validate(JsonElement document) throws IOException;
    }

    /** The class of a kind, which has all fields, and its validation, which requires the required ones. */
    private record Core(String apiVersion, Class<?> model, Strict validation) {}

    private static final Map<String, Core> CORE = Map.ofEntries(
            entry("Deployment", new Core("apps/v1", V1Deployment.class, V1Deployment::validateJsonElement)),
            entry("ServiceAccount", new Core("v1", V1ServiceAccount.class, V1ServiceAccount::validateJsonElement)),
            entry(
                    "NetworkPolicy",
                    new Core("networking.k8s.io/v1", V1NetworkPolicy.class, V1NetworkPolicy::validateJsonElement)),
            entry(
                    "PodDisruptionBudget",
                    new Core("policy/v1", V1PodDisruptionBudget.class, V1PodDisruptionBudget::validateJsonElement)),
            entry("Pod", new Core("v1", V1Pod.class, V1Pod::validateJsonElement)),
            entry(
                    "PersistentVolumeClaim",
                    new Core("v1", V1PersistentVolumeClaim.class, V1PersistentVolumeClaim::validateJsonElement)));

    /** The schemas of custom resources by {@code apiVersion/kind}, without unknown fields. */
    private final Map<String, Schema> custom = new HashMap<>();

    KubernetesFields() throws IOException {
        try (Stream<Path> files = Files.list(DEFINITIONS)) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith(".json")).toList()) {
                JsonNode spec = JSON.readTree(file.toFile()).path("spec");
                for (JsonNode version : spec.path("versions")) {
                    ObjectNode schema =
                            (ObjectNode) version.at("/schema/openAPIV3Schema").deepCopy();
                    // checked as the core type that it is
                    ((ObjectNode) schema.path("properties")).set("metadata", JSON.createObjectNode());
                    refuseUnknownFields(schema);
                    custom.put(
                            spec.path("group").asText() + "/"
                                    + version.path("name").asText() + "/"
                                    + spec.at("/names/kind").asText(),
                            SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                                    .getSchema(schema.toString()));
                }
            }
        }
    }

    static boolean isCore(JsonNode document) {
        return CORE.containsKey(kind(document));
    }

    /** What an API server with strict validation refuses in a whole document; empty if nothing. */
    List<String> problems(JsonNode document) throws IOException {
        Core core = CORE.get(kind(document));
        if (core == null) {
            return customProblems(document);
        }
        List<String> problems = new ArrayList<>(patchProblems(document));
        try {
            core.validation().validate(JsonParser.parseString(document.toString()));
        } catch (IllegalArgumentException e) {
            problems.add(e.getMessage());
        }
        return problems;
    }

    /** As {@link #problems} for a patch, which need not have the required fields. */
    List<String> patchProblems(JsonNode patch) {
        Core core = CORE.get(kind(patch));
        if (core == null) {
            return List.of("no model for " + kind(patch));
        }
        List<String> problems = new ArrayList<>();
        if (!core.apiVersion().equals(patch.path("apiVersion").asText())) {
            problems.add("apiVersion must be " + core.apiVersion());
        }
        check(patch, core.model(), kind(patch), problems);
        return problems;
    }

    private List<String> customProblems(JsonNode document) {
        String name = document.path("apiVersion").asText() + "/" + kind(document);
        Schema schema = custom.get(name);
        if (schema == null) {
            return List.of("no definition of " + name);
        }
        List<String> problems = new ArrayList<>();
        check(document.path("metadata"), V1ObjectMeta.class, "metadata", problems);
        schema.validate(document).forEach(error -> problems.add(error.toString()));
        return problems;
    }

    private static String kind(JsonNode document) {
        return document.path("kind").asText();
    }

    /** Compares names and JSON types with a model; null, which a patch uses to remove a field, fits every type. */
    private static void check(JsonNode node, Type type, String at, List<String> problems) {
        if (node.isNull()) {
            return;
        }
        if (type instanceof ParameterizedType generic) {
            Type[] arguments = generic.getActualTypeArguments();
            if (generic.getRawType() == List.class) {
                require(node.isArray(), at, node, problems);
                node.forEach(element -> check(element, arguments[0], at + "[]", problems));
            } else {
                require(node.isObject(), at, node, problems);
                node.fields()
                        .forEachRemaining(
                                each -> check(each.getValue(), arguments[1], at + "." + each.getKey(), problems));
            }
        } else if (type == String.class) {
            require(node.isTextual(), at, node, problems);
        } else if (type == Integer.class || type == Long.class) {
            require(node.isIntegralNumber(), at, node, problems);
        } else if (type == Boolean.class) {
            require(node.isBoolean(), at, node, problems);
        } else if (type == Quantity.class || type == IntOrString.class) {
            require(node.isTextual() || node.isNumber(), at, node, problems);
        } else {
            Class<?> model = (Class<?>) type;
            require(node.isObject(), at, node, problems);
            node.fields().forEachRemaining(each -> {
                String name = at + "." + each.getKey();
                if (!each.getKey().equals("$patch")) {
                    field(model, each.getKey())
                            .ifPresentOrElse(
                                    field -> check(each.getValue(), field.getGenericType(), name, problems),
                                    () -> problems.add("unknown field " + name));
                }
            });
        }
    }

    private static void require(boolean fits, String at, JsonNode node, List<String> problems) {
        if (!fits) {
            problems.add("wrong type at " + at + ": " + node);
        }
    }

    private static Optional<Field> field(Class<?> model, String name) {
        return Arrays.stream(model.getDeclaredFields())
                .filter(field -> field.isAnnotationPresent(SerializedName.class))
                .filter(field ->
                        field.getAnnotation(SerializedName.class).value().equals(name))
                .findFirst();
    }

    /**
     * Closes each object with listed properties, and removes what only Kubernetes knows. A definition that preserves
     * unknown fields stays open.
     */
    private static void refuseUnknownFields(JsonNode schema) {
        if (schema instanceof ObjectNode object) {
            boolean open = object.has("additionalProperties")
                    || object.path("x-kubernetes-preserve-unknown-fields").asBoolean();
            if (object.path("properties").isObject()
                    && object.path("type").asText().equals("object")
                    && !open) {
                object.put("additionalProperties", false);
            }
            List<String> names = new ArrayList<>();
            object.fieldNames().forEachRemaining(names::add);
            names.stream().filter(name -> name.startsWith("x-kubernetes-")).forEach(object::remove);
        }
        schema.forEach(KubernetesFields::refuseUnknownFields);
    }
}
