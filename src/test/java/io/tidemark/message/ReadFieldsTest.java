package io.tidemark.message;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.tidemark.schema.AsyncApi;
import java.lang.reflect.RecordComponent;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ReadFieldsTest {

    private static final Map<Class<?>, String> SCHEMAS = Map.of(
            RequestMessage.class, "request",
            SamplingFields.class, "request",
            EndingFields.class, "request",
            Input.Prompt.class, "input",
            Input.Messages.class, "input",
            CancellationMessage.class, "cancellation",
            Provenance.Source.class, "cancellation",
            ValidationBatch.class, "validation-batch",
            ValidationBatch.Example.class, "validation-batch");

    @Test
    @DisplayName("Every field that is parsed is read outside the package, unless its schema says that nothing reads it")
    void unreadFields() {
        JavaClasses classes = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("io.tidemark");
        AsyncApi document = AsyncApi.current();
        Set<String> unread = new TreeSet<>();
        Set<String> declared = new TreeSet<>();
        for (Map.Entry<Class<?>, String> entry : SCHEMAS.entrySet()) {
            JsonNode schema = document.definition(entry.getValue());
            for (RecordComponent component : entry.getKey().getRecordComponents()) {
                String field = SnakeCaseStrategy.INSTANCE.translate(component.getName());
                if (!isRead(classes.get(entry.getKey()), component.getName())) {
                    unread.add(field);
                }
                String description = schema.findPath(field).path("description").asText();
                if (Stream.of("Reserved", "Tidemark does not read it").anyMatch(description::contains)) {
                    declared.add(field);
                }
            }
        }
        assertThat(unread).isEqualTo(declared);
    }

    /** Whether another package calls the accessor, or a method of the record that reads the component. */
    private static boolean isRead(JavaClass record, String component) {
        return Stream.concat(
                        Stream.of(record.getMethod(component)),
                        record.getField(component).getAccessesToSelf().stream()
                                .map(access -> access.getOrigin())
                                .filter(JavaMethod.class::isInstance))
                .flatMap(reader -> reader.getAccessesToSelf().stream())
                .anyMatch(access -> !access.getOriginOwner().getPackageName().equals(record.getPackageName()));
    }
}
