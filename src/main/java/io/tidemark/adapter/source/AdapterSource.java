package io.tidemark.adapter.source;

import io.tidemark.adapter.source.SourceException.Failure;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The URI under which an adapter is stored, parsed and checked. Immutable. One of
 *
 * <ul>
 *   <li>{@code file:path}, below the root folder of the settings,
 *   <li>{@code s3://bucket/prefix},
 *   <li>{@code hf://owner/repository@commit} with all 40 digits of the commit, or {@code …@commit/folder},
 *   <li>{@code oci://registry:port/repository@sha256:digest}, the digest of a manifest.
 * </ul>
 *
 * <p>Characters stand for themselves: there is no percent-encoding. A URI has no user, query or fragment, because
 * endpoints and credentials come from the settings only.
 */
public final class AdapterSource {

    private static final int MAX_CHARACTERS = 1_024;
    private static final int MAX_PORT = 65_535;
    /** Characters that would mean something else to a server or to a file system. */
    private static final String RESERVED = "%\\";

    private static final Pattern BUCKET = Pattern.compile("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]");
    private static final Pattern HUB_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,95}");
    private static final Pattern REGISTRY = Pattern.compile("[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?");
    private static final Pattern REPOSITORY = Pattern.compile("[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*");
    private static final Pattern HUB = Pattern.compile("(?<name>[^@]*)@(?<commit>[0-9a-f]{40})(/(?<folder>.+))?");
    private static final Pattern OCI = Pattern.compile("(?<name>[^@]*)@(?<digest>sha256:[0-9a-f]{64})");

    /** How an adapter is stored. */
    enum Scheme {
        FILE("file:"),
        S3("s3://"),
        HF("hf://"),
        OCI("oci://");

        private final String start;

        Scheme(String start) {
            this.start = start;
        }
    }

    private final String uri;
    private final Scheme scheme;
    /** What prefixes are compared with: bucket, owner and repository, or registry and repository, then folders. */
    private final List<String> path;
    /** The commit, the digest of the manifest, or nothing. */
    private final String version;

    private AdapterSource(String uri, Scheme scheme, List<String> path, String version) {
        this.uri = uri;
        this.scheme = scheme;
        this.path = List.copyOf(path);
        this.version = version;
    }

    /** @throws SourceException with {@link Failure#INVALID_SOURCE} and a message that says what to write instead */
    public static AdapterSource parse(String uri) {
        Scheme scheme = checked(uri);
        String rest = uri.substring(scheme.start.length());
        return switch (scheme) {
            case FILE -> file(uri, rest);
            case S3 -> new AdapterSource(uri, scheme, bucket(uri, segments(uri, rest)), "");
            case HF -> hub(uri, rest);
            case OCI -> oci(uri, rest);
        };
    }

    /**
     * A prefix of URIs, such as {@code s3://bucket/team-a}, {@code hf://owner} or {@code oci://registry}: a source
     * without a version.
     *
     * @throws SourceException with {@link Failure#INVALID_SOURCE}
     */
    static AdapterSource prefix(String text) {
        String uri = text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
        Scheme scheme = checked(uri);
        List<String> path = segments(uri, uri.substring(scheme.start.length()));
        return switch (scheme) {
            case FILE ->
                throw invalid(
                        uri, "'file:' needs no prefix; set tidemark.sources.file-root to the root of its folders");
            case S3 -> new AdapterSource(uri, scheme, bucket(uri, path), "");
            case HF -> new AdapterSource(uri, scheme, named(uri, path, HUB_NAME, "owner or repository", 2), "");
            case OCI -> new AdapterSource(uri, scheme, registry(uri, path), "");
        };
    }

    Scheme scheme() {
        return scheme;
    }

    /** The bucket, the owner, or the registry with its port. */
    String host() {
        return path.get(0);
    }

    /** The segments of the path, without a version: for {@code hf:} owner, repository and folders. */
    List<String> path() {
        return path;
    }

    /** The commit, or the digest of a manifest; empty for {@code file:} and {@code s3:}. */
    String version() {
        return version;
    }

    /** Whether the path of a file begins at the root of the file system. */
    boolean isAbsoluteFile() {
        return uri.startsWith("/", Scheme.FILE.start.length());
    }

    /** Whether a prefix covers this source: by whole segments of the path. */
    boolean isBelow(AdapterSource prefix) {
        return scheme == prefix.scheme
                && path.size() >= prefix.path.size()
                && path.subList(0, prefix.path.size()).equals(prefix.path);
    }

    /** The URI as it was parsed. */
    @Override
    public String toString() {
        return uri;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof AdapterSource source && uri.equals(source.uri);
    }

    @Override
    public int hashCode() {
        return Objects.hash(uri);
    }

    private static AdapterSource file(String uri, String rest) {
        if (rest.startsWith("//") && !rest.startsWith("///")) {
            throw invalid(shown(uri), "a file has no host; write file:path or file:/path");
        }
        String path = rest.startsWith("///") ? rest.substring(2) : rest;
        List<String> segments = segments(uri, path.startsWith("/") ? path.substring(1) : path);
        return new AdapterSource(Scheme.FILE.start + path, Scheme.FILE, segments, "");
    }

    private static AdapterSource hub(String uri, String rest) {
        Matcher parts = HUB.matcher(rest);
        if (!parts.matches()) {
            throw invalid(
                    uri,
                    "write hf://owner/repository@commit with the 40 hexadecimal digits of a commit; a branch"
                            + " or a tag may change");
        }
        List<String> name = segments(uri, parts.group("name"));
        if (name.size() != 2) {
            throw invalid(uri, "a repository has an owner and a name: hf://owner/repository@commit");
        }
        named(uri, name, HUB_NAME, "owner or repository", 2);
        String folder = parts.group("folder");
        List<String> path = folder == null ? name : joined(name, segments(uri, folder));
        return new AdapterSource(uri, Scheme.HF, path, parts.group("commit"));
    }

    private static AdapterSource oci(String uri, String rest) {
        Matcher parts = OCI.matcher(rest);
        if (!parts.matches()) {
            throw invalid(
                    uri,
                    "write oci://registry/repository@sha256:digest with the digest of a manifest; a tag may change");
        }
        List<String> path = registry(uri, segments(uri, parts.group("name")));
        if (path.size() < 2) {
            throw invalid(uri, "the repository is missing: oci://registry/repository@sha256:digest");
        }
        return new AdapterSource(uri, Scheme.OCI, path, parts.group("digest"));
    }

    private static List<String> bucket(String uri, List<String> path) {
        return named(uri, path, BUCKET, "bucket", 1);
    }

    private static List<String> registry(String uri, List<String> path) {
        named(uri, path, REGISTRY, "registry", 1);
        URI address = URI.create("https://" + path.get(0));
        if (address.getHost() == null || address.getPort() > MAX_PORT) {
            throw invalid(uri, "'" + path.get(0) + "' is no address of a registry");
        }
        named(uri, path.subList(1, path.size()), REPOSITORY, "part of a repository", Integer.MAX_VALUE);
        return path;
    }

    private static List<String> named(String uri, List<String> path, Pattern name, String what, int segments) {
        for (String segment : path.subList(0, Math.min(segments, path.size()))) {
            if (!name.matcher(segment).matches()) {
                throw invalid(uri, "'" + segment + "' is no name of a " + what);
            }
        }
        return path;
    }

    private static List<String> segments(String uri, String path) {
        String trimmed = path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
        List<String> segments = Arrays.asList(trimmed.split("/", -1));
        for (String segment : segments) {
            if (segment.isEmpty() || segment.equals(".") || segment.equals("..")) {
                throw invalid(uri, "the path has an empty segment, '.' or '..'; write the path of the folder itself");
            }
        }
        return segments;
    }

    private static List<String> joined(List<String> first, List<String> second) {
        return Stream.concat(first.stream(), second.stream()).toList();
    }

    private static Scheme checked(String uri) {
        if (uri.length() > MAX_CHARACTERS) {
            String start = shown(uri);
            throw invalid(
                    start.substring(0, Math.min(64, start.length())) + "…",
                    "it has " + uri.length() + " characters, at most " + MAX_CHARACTERS);
        }
        if (uri.codePoints().anyMatch(AdapterSource::isUnprintable)) {
            throw invalid(printable(uri), "it has a control character or an invisible one; remove it");
        }
        Scheme scheme = Arrays.stream(Scheme.values())
                .filter(each -> uri.startsWith(each.start))
                .findFirst()
                .orElseThrow(() -> invalid(shown(uri), "it must begin with file:, s3://, hf:// or oci://"));
        String rest = uri.substring(scheme.start.length());
        int slash = rest.indexOf('/');
        if (scheme != Scheme.FILE && (slash < 0 ? rest : rest.substring(0, slash)).contains("@") && !isVersion(rest)) {
            throw invalid(shown(uri), "it has a user; credentials come from the settings tidemark.sources.*");
        }
        if (rest.contains("?") || rest.contains("#")) {
            throw invalid(
                    shown(uri), "it has a query or a fragment; endpoints and credentials come from tidemark.sources.*");
        }
        if (rest.chars().anyMatch(character -> RESERVED.indexOf(character) >= 0)) {
            throw invalid(uri, "it has % or \\; characters stand for themselves, and / separates folders");
        }
        return scheme;
    }

    /** Whether the first @ is followed by a version, so that it does not end a user. */
    private static boolean isVersion(String rest) {
        String after = rest.substring(rest.indexOf('@') + 1).toLowerCase(Locale.ROOT);
        return after.matches("(sha256:)?[0-9a-f]{40,64}(/.*)?");
    }

    /** The URI without what may be secret: a user may have a password, and a query a signature. */
    private static String shown(String uri) {
        return uri.replaceFirst("(?s)[?#].*", "…").replaceFirst("(?s)//.*@", "//…@");
    }

    private static boolean isUnprintable(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR -> true;
            case Character.SPACE_SEPARATOR -> character != ' ';
            default -> false;
        };
    }

    private static String printable(String uri) {
        return shown(uri.codePoints()
                .map(character -> isUnprintable(character) ? '\uFFFD' : character)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString());
    }

    private static SourceException invalid(String uri, String problem) {
        return new SourceException(Failure.INVALID_SOURCE, "source '" + uri + "': " + problem);
    }
}
