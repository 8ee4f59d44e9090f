package io.tidemark.rooms;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The rooms, and who may know whom: the table of docs/rooms.md. */
@DisplayName("the rooms")
class RoomsTest {

    private static final String BASE = "io.tidemark.";
    private static final String[] PLAIN = {
        "io.tidemark.model..", "io.tidemark.adapter..", "io.tidemark.generation..", "io.tidemark.calibration.."
    };

    private static Map<String, Set<String>> knows;
    private static JavaClasses classes;

    @BeforeAll
    static void read() throws IOException {
        knows = RoomsTable.in(Path.of("docs/rooms.md"));
        classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.tidemark");
    }

    @Test
    @DisplayName("know only those that the design lets them know")
    void knowOnlyTheirNeighbours() {
        Map<String, Set<String>> strangers = new TreeMap<>();
        for (JavaClass from : classes) {
            from.getDirectDependenciesFromSelf().forEach(dependency -> {
                String target = room(dependency.getTargetClass());
                String origin = room(from);
                if (!target.isEmpty()
                        && !target.equals(origin)
                        && !knows.getOrDefault(origin, Set.of()).contains(target)) {
                    strangers
                            .computeIfAbsent(origin + " -> " + target, key -> new TreeSet<>())
                            .add(dependency.getDescription());
                }
            });
        }
        assertThat(strangers).isEmpty();
    }

    @Test
    @DisplayName("are all named in the table, and each tells in a package-info what it is for")
    void areNamedAndDescribed() {
        Set<String> found = new HashSet<>();
        classes.forEach(type -> found.add(room(type)));
        assertThat(found).isEqualTo(knows.keySet());
        Set<String> undescribed = new TreeSet<>();
        for (JavaPackage each : classes.getDefaultPackage().getSubpackagesInTree()) {
            boolean ours = each.getName().startsWith(BASE) && !each.getClasses().isEmpty();
            Path info = Path.of("src/main/java", each.getName().replace('.', '/'), "package-info.java");
            if (ours && !Files.isRegularFile(info)) {
                undescribed.add(each.getName());
            }
        }
        assertThat(undescribed).isEmpty();
    }

    @Test
    @DisplayName("leave libtorch's Java binding to the room 'torch'")
    void onlyTorchKnowsPyTorch() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.tidemark.torch..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("ai.djl.pytorch..")
                .check(classes);
    }

    @Test
    @DisplayName("that compute know no Kafka, no Quarkus and no CDI")
    void computingRoomsArePlainJava() {
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
    @DisplayName("have no cupboards for odds and ends")
    void noOddsAndEnds() {
        noClasses()
                .should(com.tngtech.archunit.lang.conditions.ArchConditions.be(oddsAndEnds()))
                .check(classes);
    }

    private static DescribedPredicate<JavaClass> oddsAndEnds() {
        Set<String> names = Set.of("util", "utils", "helper", "helpers", "manager", "managers", "common");
        return DescribedPredicate.describe(
                "in a package called util, helper, manager or common",
                type -> Set.of(type.getPackageName().split("\\.")).stream().anyMatch(names::contains));
    }

    /** The room of one of our classes; empty for anything else. */
    private static String room(JavaClass type) {
        String name = type.getPackageName();
        return name.startsWith(BASE) ? name.substring(BASE.length()).split("\\.")[0] : "";
    }
}
