package io.tidemark.packaging;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Commands in documents")
class CommandBlocksTest {

    /** Languages of blocks without commands. A block without a language has commands. */
    private static final Set<String> NO_COMMANDS =
            Set.of("text", "json", "yaml", "java", "properties", "xml", "mermaid", "python", "js");

    /** What a continuous build lacks. */
    private static final Set<String> NEEDS = Set.of(
            "a cluster",
            "a container engine",
            "an image registry",
            "a GPU",
            "PyTorch",
            "another model",
            "other data",
            "an earlier build",
            "bench/setup");

    private static final Pattern MARK = Pattern.compile("<!-- commands: (.*) -->");
    private static final Pattern RUN = Pattern.compile("run(?: in full)?(?:; print .+)?");
    private static final Pattern RUN_BY = Pattern.compile("run by (\\S+)");
    private static final Pattern PROGRAM = Pattern.compile("(?:python3? +)?(-m +)?(\\S+)");

    /** Programs that set a command up; what they build or install is needed by the commands after them. */
    private static final Set<String> PREPARING = Set.of("mvn", "pip");

    @Test
    @DisplayName("Have a mark in the line above: who runs them, or what they need that CI lacks")
    void commandsAreMarked() throws IOException {
        List<String> unmarked = new ArrayList<>();
        for (CodeBlock block : commandBlocks()) {
            if (!MARK.matcher(block.above()).matches()) {
                unmarked.add(block.place() + " " + block.commands().get(0));
            }
        }
        assertThat(unmarked)
                .as("write <!-- commands: run --> above them (.ci/commands.py), or make output ```text")
                .isEmpty();
    }

    @Test
    @DisplayName("Have fences at the beginning of a line: a block that is part of a paragraph is not found")
    void fences() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (Path document : CodeBlock.documents()) {
            for (String line : Files.readAllLines(document)) {
                if (line.strip().lastIndexOf("```") > 0) {
                    wrong.add(document + ": " + line.strip());
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    @DisplayName("Are run by .ci/commands.py or by a script that names the program, or need something of a fixed list")
    void marksAreTrue() throws IOException {
        List<String> wrong = new ArrayList<>();
        for (CodeBlock block : commandBlocks()) {
            Matcher mark = MARK.matcher(block.above());
            if (mark.matches()) {
                fault(block, mark.group(1)).forEach(fault -> wrong.add(block.place() + ": " + fault));
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    @DisplayName("Are run by .ci/run and .ci/full")
    void marksAreObeyed() throws IOException {
        assertThat(Files.readString(Path.of(".ci/run"))).contains(".ci/commands.py --broker");
        assertThat(Files.readString(Path.of(".ci/full"))).contains(".ci/commands.py --full");
    }

    private static List<String> fault(CodeBlock block, String mark) throws IOException {
        List<String> faults = new ArrayList<>();
        Matcher by = RUN_BY.matcher(mark);
        if (by.matches()) {
            Path script = Path.of(by.group(1));
            if (!Files.isRegularFile(script)) {
                return List.of(script + " does not exist");
            }
            String text = Files.readString(script);
            for (String command : block.commands()) {
                Matcher program = PROGRAM.matcher(command);
                if (program.lookingAt() && !PREPARING.contains(program.group(2)) && !text.contains(program.group(2))) {
                    faults.add(script + " does not run " + program.group(2));
                }
            }
        } else if (mark.startsWith("need ")) {
            for (String need : mark.substring("need ".length()).split(", ")) {
                if (!NEEDS.contains(need)) {
                    faults.add("'" + need + "' is none of " + NEEDS);
                }
            }
        } else if (!RUN.matcher(mark).matches()) {
            faults.add("unknown mark '" + mark + "'");
        }
        return faults;
    }

    private static List<CodeBlock> commandBlocks() throws IOException {
        List<CodeBlock> blocks = CodeBlock.ofDocuments().stream()
                .filter(block -> !NO_COMMANDS.contains(block.language()))
                .toList();
        assertThat(blocks).hasSizeGreaterThan(30);
        return blocks;
    }
}
