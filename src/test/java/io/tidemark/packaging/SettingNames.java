package io.tidemark.packaging;

import io.smallrye.config.WithParentName;
import io.tidemark.stream.settings.TidemarkSettings;
import java.lang.reflect.Method;
import java.util.Locale;
import java.util.SortedSet;
import java.util.TreeSet;

/** The environment variables that TidemarkSettings reads, by its methods' names. */
final class SettingNames {

    private SettingNames() {}

    static SortedSet<String> environmentVariables() {
        SortedSet<String> names = new TreeSet<>();
        collect(TidemarkSettings.class, "TIDEMARK", names);
        return names;
    }

    private static void collect(Class<?> group, String prefix, SortedSet<String> names) {
        for (Method setting : group.getDeclaredMethods()) {
            boolean nested = setting.getReturnType().isInterface()
                    && setting.getReturnType().getPackage() == TidemarkSettings.class.getPackage();
            String name = setting.isAnnotationPresent(WithParentName.class)
                    ? prefix
                    : prefix + "_" + upperSnake(setting.getName());
            if (nested) {
                collect(setting.getReturnType(), name, names);
            } else {
                names.add(name);
            }
        }
    }

    private static String upperSnake(String camel) {
        return camel.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toUpperCase(Locale.ROOT);
    }
}
