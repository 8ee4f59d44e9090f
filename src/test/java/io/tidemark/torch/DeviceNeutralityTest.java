package io.tidemark.torch;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Device neutrality")
class DeviceNeutralityTest {

    /** Operators of libtorch that create a tensor without an input tensor, on the device of an argument. */
    private static final Pattern MAKES = Pattern.compile(
            "torch\\.(arange|zeros|ones|full|empty|eye|linspace|logspace|rand\\w*|normal"
                    + "|scalar_tensor|tensor|as_tensor|tril_indices|triu_indices|\\w+_window|from_file|empty_strided|sparse_\\w+|complex)\\(");

    private static final Pattern TAKES_DEVICE_OF_INPUT = Pattern.compile("device=\\w+(\\.\\w+|\\[[^]]*])*\\.device\\b");
    private static final Pattern NAMES_A_DEVICE =
            Pattern.compile("torch\\.device\\(|\"(cpu|cuda)|\\.(cpu|cuda)\\(|torch\\.(cpu|cuda)\\b");

    @Test
    @DisplayName("In scripts, each operator that creates a tensor uses the device of an input, and no device is named")
    void scripts() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("src/main/resources/torchscript"))) {
            List<Path> scripts = files.sorted().toList();
            assertThat(scripts).hasSizeGreaterThan(4);
            for (Path script : scripts) {
                assertThat(faults(Files.readString(script)))
                        .as(script.toString())
                        .isEmpty();
            }
        }
    }

    @ParameterizedTest(name = "{0}")
    @ValueSource(
            strings = {
                "x = torch.arange(5, dtype=4)",
                "x = torch.zeros([2, torch.size(y, 0)], dtype=6, device=None)",
                "x = torch.to(y, device=torch.device(\"cpu\"))",
                "x = y.cuda()",
                "x = torch.full([1], (3), device=\"cuda:0\")",
                "x = torch.add(torch.ones([1], device=z.device), torch.ones([1]))"
            })
    @DisplayName("A fixed device in a script is found")
    void fixedDevicesAreFound(String line) {
        assertThat(faults(line)).isNotEmpty();
    }

    @Test
    @DisplayName(
            "In Java, only Torch creates tensors, with the manager of its device, and only Devices tries and names one")
    void java() {
        JavaClasses classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.tidemark");
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName(Devices.class.getName())
                .and()
                .doNotHaveFullyQualifiedName(Torch.class.getName())
                .should()
                .dependOnClassesThat()
                .areAssignableTo(Device.class)
                .check(classes);
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName(Devices.class.getName())
                .and()
                .doNotHaveFullyQualifiedName(Torch.class.getName())
                .should()
                .accessTargetWhere(createsTensor())
                .check(classes);
        assertThat(classes.get(Torch.class).getAccessesFromSelf())
                .anyMatch(access -> createsTensor().test(access));
        assertThat(classes.get(Torch.class).getMethodCallsFromSelf())
                .noneMatch(call -> call.getTargetOwner().isAssignableTo(Device.class)
                        && !call.getName().startsWith("is"));
    }

    private static DescribedPredicate<JavaAccess<?>> createsTensor() {
        return DescribedPredicate.describe(
                "creates a tensor",
                access -> access.getTargetOwner().isAssignableTo(NDManager.class)
                        && access.getName()
                                .matches(
                                        "create\\w*|zeros|ones|full|arange|eye|linspace|random\\w*|truncatedNormal|hanningWindow|from|load|decode"));
    }

    private static List<String> faults(String text) {
        List<String> faults = new ArrayList<>();
        Matcher makes = MAKES.matcher(text);
        while (makes.find()) {
            String call = text.substring(makes.start(), end(text, makes.end()));
            if (!TAKES_DEVICE_OF_INPUT.matcher(call).find()) {
                faults.add(call);
            }
        }
        Matcher named = NAMES_A_DEVICE.matcher(text);
        while (named.find()) {
            faults.add(named.group());
        }
        return faults;
    }

    /** The position after the bracket that closes the one before {@code from}. */
    private static int end(String text, int from) {
        int depth = 1;
        int at = from;
        while (depth > 0 && at < text.length()) {
            depth += text.charAt(at) == '(' ? 1 : text.charAt(at) == ')' ? -1 : 0;
            at++;
        }
        return at;
    }
}
