package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compiles the Java samples of the documents. A sample is a file, or fragments of a class: members and statements, with
 * an empty line between the two kinds. A fragment can use what a reader has without being told: the packages below, and
 * the members that a comment above the block declares, such as {@code <!-- java: String name; -->}.
 */
@DisplayName("The Java samples of documents")
class JavaSamplesTest {

    private static final List<String> IMPORTS = List.of(
            "io.smallrye.mutiny.Uni",
            "io.smallrye.reactive.messaging.kafka.reply.KafkaRequestReply",
            "io.tidemark.client.*",
            "io.tidemark.message.*",
            "jakarta.inject.Inject",
            "java.nio.file.*",
            "java.time.*",
            "java.util.*",
            "java.util.concurrent.*",
            "org.apache.kafka.clients.consumer.*",
            "org.apache.kafka.clients.producer.*",
            "org.eclipse.microprofile.reactive.messaging.Channel",
            "org.springframework.context.annotation.Bean",
            "org.springframework.kafka.config.*",
            "org.springframework.kafka.core.*",
            "org.springframework.kafka.listener.*",
            "org.springframework.kafka.requestreply.*",
            "static org.junit.jupiter.api.Assertions.*");

    /** Samples that need what the tests do not have. */
    private static final Set<String> NOT_COMPILED = Set.of("<!-- java: need Testcontainers -->");

    private static final Pattern TYPE =
            Pattern.compile("(?m)^(?:(?:public|final|abstract|sealed) )*(?:class|record|interface|enum) ");
    private static final Pattern IMPORT = Pattern.compile("(?m)^import [^;]+;\\R?");
    private static final Pattern METHOD = Pattern.compile("(?:[\\w.<>\\[\\], ?]+ )\\w+\\((?s:[^;=]*?)\\)[\\w, ]*\\{.*");
    private static final Pattern DECLARED = Pattern.compile("<!-- java: (.*) -->");

    @TempDir
    private Path classes;

    @TestFactory
    @DisplayName("Compile")
    Stream<DynamicTest> samplesCompile() throws IOException {
        return CodeBlock.ofDocuments().stream()
                .filter(block -> block.language().equals("java") && !NOT_COMPILED.contains(block.above()))
                .map(block -> DynamicTest.dynamicTest(
                        block.place(), () -> assertThat(errors(source(block))).isEmpty()));
    }

    @Test
    @DisplayName("Do not compile if a method does not exist")
    void findsErrors() {
        CodeBlock wrong = new CodeBlock(Path.of("a.md"), 1, "java", "", "String text = \"a\".missing();");
        assertThat(errors(source(wrong))).contains("missing");
    }

    /** The sample as a file of Java. */
    private static String source(CodeBlock block) {
        if (TYPE.matcher(block.text()).find()) {
            return block.text();
        }
        String imports = Stream.concat(
                        IMPORTS.stream().map(name -> "import " + name + ";\n"),
                        IMPORT.matcher(block.text())
                                .results()
                                .map(found -> found.group().strip() + "\n"))
                .collect(Collectors.joining());
        StringBuilder members = new StringBuilder();
        StringBuilder statements = new StringBuilder();
        Optional.of(DECLARED.matcher(block.above()))
                .filter(declared -> declared.matches())
                .ifPresent(declared -> members.append(declared.group(1)).append('\n'));
        for (String part : parts(IMPORT.matcher(block.text()).replaceAll(""))) {
            (isMember(part) ? members : statements).append(part).append('\n');
        }
        return imports + "class Sample {\n" + members + "void sample() throws Exception {\n" + statements + "}\n}\n";
    }

    /** Splits at empty lines that are in no braces. */
    private static List<String> parts(String text) {
        List<String> parts = new ArrayList<>();
        StringBuilder part = new StringBuilder();
        int depth = 0;
        for (String line : text.lines().toList()) {
            depth += line.chars().map(c -> c == '{' ? 1 : c == '}' ? -1 : 0).sum();
            if (line.isBlank() && depth == 0) {
                parts.add(part.toString());
                part.setLength(0);
            } else {
                part.append(line).append('\n');
            }
        }
        parts.add(part.toString());
        return parts.stream().filter(found -> !found.isBlank()).toList();
    }

    private static boolean isMember(String part) {
        String code = part.replaceAll("(?m)^\\s*//.*\\R", "").strip();
        return code.startsWith("@")
                || METHOD.matcher(code.lines().collect(Collectors.joining(" "))).matches();
    }

    private String errors(String source) {
        StringWriter errors = new StringWriter();
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///Sample.java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }

                    @Override
                    public boolean isNameCompatible(String simpleName, Kind kind) {
                        return true; // a sample can be a public class of any name
                    }
                };
        boolean compiled = ToolProvider.getSystemJavaCompiler()
                .getTask(
                        errors,
                        null,
                        null,
                        List.of("-proc:none", "-nowarn", "-d", classes.toString(), "-cp", classPath),
                        null,
                        List.of(file))
                .call();
        return compiled ? "" : errors + "\n" + source;
    }
}
