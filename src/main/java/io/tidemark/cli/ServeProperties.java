package io.tidemark.cli;

import io.tidemark.model.ComputeType;
import io.tidemark.stream.settings.TidemarkSettings.Role;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** The options of {@code serve} as settings; what is absent is left to environment variables and defaults. */
public record ServeProperties(
        Optional<Role> role,
        Optional<Path> model,
        Optional<String> modelName,
        List<NamedFolder> adapters,
        Optional<Path> adapterFolder,
        Optional<ComputeType> computeType,
        OptionalInt httpPort) {

    public ServeProperties {
        adapters = List.copyOf(adapters);
    }

    /** @param brokers {@code bootstrap.servers} */
    public Map<String, String> forBroker(Optional<String> brokers) {
        Map<String, String> settings = new LinkedHashMap<>();
        brokers.ifPresent(servers -> settings.put("kafka.bootstrap.servers", servers));
        role.ifPresent(value -> settings.put("tidemark.role", value.name().toLowerCase(Locale.ROOT)));
        model.ifPresent(folder -> settings.put("tidemark.model.dir", folder.toString()));
        modelName.ifPresent(name -> settings.put("tidemark.model.name", name));
        adapters.forEach(adapter -> settings.put(
                "tidemark.adapters.\"" + adapter.name() + "\"", adapter.folder().toString()));
        adapterFolder.ifPresent(folder -> settings.put("tidemark.adapter-folder", folder.toString()));
        computeType.ifPresent(type -> settings.put("tidemark.engine.compute-type", type.label()));
        httpPort.ifPresent(port -> settings.put("quarkus.http.port", Integer.toString(port)));
        return settings;
    }
}
