package io.tidemark.packages;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Holds the code to the package table of docs/architecture.md. */
@DisplayName("The packages")
class PackagesTest {

    private static final String BASE = "io.tidemark.";
    private static final String[] PLAIN = {
        "io.tidemark.jinja..",
        "io.tidemark.model..",
        "io.tidemark.text..",
        "io.tidemark.grammar..",
        "io.tidemark.decoder..",
        "io.tidemark.adapter..",
        "io.tidemark.generation..",
        "io.tidemark.calibration.."
    };

    private static Map<String, Set<String>> allowed;
    private static JavaClasses classes;

    @BeforeAll
    static void read() throws IOException {
        allowed = PackageTable.in(Path.of("docs/architecture.md"));
        classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.tidemark");
    }

    @Test
    @DisplayName("Depend only on the packages that the table allows")
    void dependOneWay() {
        Map<String, Set<String>> violations = new TreeMap<>();
        for (JavaClass from : classes) {
            from.getDirectDependenciesFromSelf().forEach(dependency -> {
                String target = nameOf(dependency.getTargetClass());
                String origin = nameOf(from);
                if (!target.isEmpty()
                        && !target.equals(origin)
                        && !allowed.getOrDefault(origin, Set.of()).contains(target)) {
                    violations
                            .computeIfAbsent(origin + " -> " + target, key -> new TreeSet<>())
                            .add(dependency.getDescription());
                }
            });
        }
        assertThat(violations).isEmpty();
    }

    @Test
    @DisplayName("Have no cycles, sub-packages included")
    void haveNoCycles() {
        slices().matching("io.tidemark.(**)").should().beFreeOfCycles().check(classes);
    }

    @Test
    @DisplayName("Are all in the table")
    void areNamed() {
        Set<String> found = new HashSet<>();
        classes.forEach(type -> found.add(nameOf(type)));
        assertThat(found).isEqualTo(allowed.keySet());
    }

    @Test
    @DisplayName("Use DJL's PyTorch binding only in 'torch'")
    void onlyTorchUsesDjl() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.tidemark.torch..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("ai.djl.pytorch..")
                .check(classes);
    }

    @Test
    @DisplayName("That compute use no Kafka, no Quarkus and no CDI")
    void computingPackagesArePlainJava() {
        noClasses()
                .that()
                .resideInAnyPackage(PLAIN)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "org.apache.kafka..",
                        "kafka..",
                        "io.quarkus..",
                        "io.smallrye..",
                        "jakarta.enterprise..",
                        "jakarta.inject..",
                        "org.eclipse.microprofile..")
                .allowEmptyShould(true)
                .check(classes);
    }

    @Test
    @DisplayName("Are not called util, helper, manager or common")
    void noVagueNames() {
        noClasses()
                .should(com.tngtech.archunit.lang.conditions.ArchConditions.be(vaguelyNamed()))
                .check(classes);
    }

    private static DescribedPredicate<JavaClass> vaguelyNamed() {
        Set<String> names = Set.of("util", "utils", "helper", "helpers", "manager", "managers", "common");
        return DescribedPredicate.describe(
                "in a package called util, helper, manager or common",
                type -> Set.of(type.getPackageName().split("\\.")).stream().anyMatch(names::contains));
    }

    /** The package of a class of this project below {@code io.tidemark}; empty for any other class. */
    private static String nameOf(JavaClass type) {
        String name = type.getPackageName();
        return name.startsWith(BASE) ? name.substring(BASE.length()) : "";
    }
}
