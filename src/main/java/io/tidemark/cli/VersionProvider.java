package io.tidemark.cli;

import java.util.Optional;
import picocli.CommandLine.IVersionProvider;

/** {@code tidemark --version}: the jar's version and the Java it runs on. */
public final class VersionProvider implements IVersionProvider {

    @Override
    public String[] getVersion() {
        return new String[] {"tidemark " + version() + ", Java " + Runtime.version()};
    }

    /** The jar's version. */
    public static String version() {
        return Optional.ofNullable(Main.class.getPackage().getImplementationVersion())
                .orElse("(unpackaged)");
    }
}
