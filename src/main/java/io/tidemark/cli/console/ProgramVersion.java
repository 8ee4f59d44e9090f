package io.tidemark.cli.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.Properties;
import java.util.regex.Pattern;
import picocli.CommandLine.IVersionProvider;

/** The version of the jar, the commit that it was built from, and the version of Java. */
public final class ProgramVersion implements IVersionProvider {

    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{7,64}");
    private static final Pattern DATE = Pattern.compile("\\d{4}-\\d{2}-\\d{2}");
    private static final int SHOWN_DIGITS = 12;

    @Override
    public String[] getVersion() {
        return new String[] {"tidemark " + ofJar() + ", " + commit(properties()) + ", Java " + Runtime.version()};
    }

    public static String ofJar() {
        return Optional.ofNullable(ProgramVersion.class.getPackage().getImplementationVersion())
                .orElse("(unpackaged)");
    }

    /**
     * Describes the commit of a build.
     *
     * @param properties {@code commit} in hexadecimal, {@code date} of the commit (UTC), and {@code changed}, which is
     *     {@code true} if tracked files differed from the commit; a value that Maven did not fill in counts as absent
     */
    static String commit(Properties properties) {
        String commit = properties.getProperty("commit", "");
        if (!COMMIT.matcher(commit).matches()) {
            return "unknown commit (built without git)";
        }
        String date = properties.getProperty("date", "");
        return "commit " + commit.substring(0, Math.min(SHOWN_DIGITS, commit.length()))
                + (DATE.matcher(date).matches() ? " of " + date : "")
                + (properties.getProperty("changed", "").equals("true") ? " with changes" : "");
    }

    private static Properties properties() {
        Properties properties = new Properties();
        try (InputStream file = ProgramVersion.class.getResourceAsStream("commit.properties")) {
            if (file != null) {
                properties.load(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return properties;
    }
}
