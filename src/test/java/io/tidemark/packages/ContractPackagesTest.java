package io.tidemark.packages;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What programs need to use the contract: other processes may use these packages without the rest of Tidemark. */
@DisplayName("The packages of the contract")
class ContractPackagesTest {

    private final JavaClasses contract = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages(
                    "io.tidemark.boundary",
                    "io.tidemark.message",
                    "io.tidemark.time",
                    "io.tidemark.topic",
                    "io.tidemark.client");

    @Test
    @DisplayName("The rules of boundaries need the JDK only")
    void boundary() {
        dependOnlyOn("io.tidemark.boundary..");
    }

    @Test
    @DisplayName("The records of the topics need Jackson only")
    void message() {
        dependOnlyOn("io.tidemark.message..", "com.fasterxml.jackson..");
    }

    @Test
    @DisplayName("The clock needs the JDK only, and the reader of topics the clock and Kafka's clients")
    void topic() {
        dependOnlyOn("io.tidemark.time..");
        dependOnlyOn(
                "io.tidemark.topic..", "io.tidemark.time..", "org.apache.kafka.clients..", "org.apache.kafka.common..");
    }

    @Test
    @DisplayName("The client needs the records, the reader of topics, Jackson, Kafka's clients and victools only")
    void client() {
        dependOnlyOn(
                "io.tidemark.client..",
                "io.tidemark.message..",
                "io.tidemark.time..",
                "io.tidemark.topic..",
                "com.fasterxml.jackson..",
                "com.github.victools.jsonschema..",
                "com.fasterxml.classmate..",
                "org.apache.kafka.clients..",
                "org.apache.kafka.common..");
    }

    /** @param own a package, which depends on the JDK, itself and {@code others} */
    private void dependOnlyOn(String own, String... others) {
        String[] allowed = new String[others.length + 2];
        allowed[0] = "java..";
        allowed[1] = own;
        System.arraycopy(others, 0, allowed, 2, others.length);
        classes()
                .that()
                .resideInAPackage(own)
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(allowed)
                .check(contract);
    }
}
