package io.tidemark.packaging;

import io.smallrye.config.WithDefault;
import io.smallrye.config.WithParentName;
import io.tidemark.stream.settings.TidemarkSettings;
import java.lang.reflect.Method;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** The settings of TidemarkSettings, by reflection. */
final class SettingNames {

    private SettingNames() {}

    static SortedSet<String> environmentVariables() {
        SortedSet<String> names = new TreeSet<>();
        defaults()
                .keySet()
                .forEach(name -> names.add(name.toUpperCase(Locale.ROOT).replaceAll("[.-]", "_")));
        return names;
    }

    /** The default of each setting by its property name; empty for a setting without {@code @WithDefault}. */
    static SortedMap<String, Optional<String>> defaults() {
        SortedMap<String, Optional<String>> defaults = new TreeMap<>();
        collect(TidemarkSettings.class, "tidemark", defaults);
        return defaults;
    }

    private static void collect(Class<?> group, String prefix, SortedMap<String, Optional<String>> defaults) {
        for (Method setting : group.getDeclaredMethods()) {
            boolean nested = setting.getReturnType().isInterface()
                    && setting.getReturnType().getPackage() == TidemarkSettings.class.getPackage();
            String name = setting.isAnnotationPresent(WithParentName.class)
                    ? prefix
                    : prefix + "." + kebab(setting.getName());
            if (nested) {
                collect(setting.getReturnType(), name, defaults);
            } else {
                defaults.put(
                        name,
                        Optional.ofNullable(setting.getAnnotation(WithDefault.class))
                                .map(WithDefault::value));
            }
        }
    }

    private static String kebab(String camel) {
        return camel.replaceAll("([a-z0-9])([A-Z])", "$1-$2").toLowerCase(Locale.ROOT);
    }
}
