package io.tidemark.cli.console;

import java.util.Optional;
import picocli.CommandLine.IVersionProvider;

/** The version of the jar and of Java. */
public final class ProgramVersion implements IVersionProvider {

    @Override
    public String[] getVersion() {
        return new String[] {"tidemark " + ofJar() + ", Java " + Runtime.version()};
    }

    /** The version of the jar. */
    public static String ofJar() {
        return Optional.ofNullable(ProgramVersion.class.getPackage().getImplementationVersion())
                .orElse("(unpackaged)");
    }
}
