package io.tidemark.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.client.ClientException;
import io.tidemark.client.GenerationRequest;
import io.tidemark.client.InMemoryTidemark;
import io.tidemark.client.InMemoryTidemark.CannedAnswer;
import io.tidemark.client.RequestResult;
import io.tidemark.message.AnswerFormat;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The JSON Schema that the client library makes of a class")
class ClassSchemaTest {

    private static final Formats FORMATS = Formats.of(Tokenizers.BYTE_LEVEL);

    enum Kind {
        PUB,
        @JsonProperty("coffee shop")
        COFFEE_SHOP
    }

    record Address(String street, Optional<Integer> number) {}

    record Person(String name, @JsonProperty("is_host") boolean host) {}

    record Place(
            String name,
            Kind kind,
            Address address,
            Address postal,
            List<Person> people,
            Optional<Person> owner,
            double rating,
            Map<String, Integer> seats,
            Optional<LocalDate> since,
            Set<String> tags) {}

    record Tree(String label, List<Tree> children) {}

    static final class Plain {
        public int count;
        public String note;
    }

    @AfterAll
    static void close() {
        FORMATS.compiler().close();
    }

    @Test
    @DisplayName("Is enforced by the service: records in records, lists, enums, maps, dates and optional fields")
    void enforced() {
        String full = "{\"name\":\"The Eagle\",\"kind\":\"coffee shop\",\"address\":{\"street\":\"Quay\",\"number\":3},"
                + "\"postal\":{\"street\":\"Box\"},\"people\":[{\"name\":\"Ann\",\"is_host\":true}],"
                + "\"owner\":{\"name\":\"Bo\",\"is_host\":false},\"rating\":4.5,\"seats\":{\"inside\":20},"
                + "\"since\":\"2020-02-29\",\"tags\":[\"quiet\"]}";
        String least = "{\"name\":\"\",\"kind\":\"PUB\",\"address\":{\"street\":\"\"},\"postal\":{\"street\":\"\"},"
                + "\"people\":[],\"rating\":0,\"seats\":{},\"tags\":[]}";
        try (CompiledGrammar grammar = FORMATS.compile(schema(Place.class))) {
            for (String accepted : List.of(full, least)) {
                assertThat(FORMATS.accepts(grammar, accepted)).as(accepted).isTrue();
            }
            for (String refused : List.of(
                    full.replace("coffee shop", "hotel"),
                    full.replace("\"rating\":4.5,", ""),
                    full.replace("2020-02-29", "yesterday"),
                    full.replace("true", "\"yes\""),
                    full.replace("\"tags\"", "\"more\":1,\"tags\""),
                    "{}")) {
                assertThat(FORMATS.accepts(grammar, refused)).as(refused).isFalse();
            }
        }
        Place read = read(full, Place.class);
        assertThat(read.kind()).isEqualTo(Kind.COFFEE_SHOP);
        assertThat(read.since()).contains(LocalDate.of(2020, 2, 29));
        assertThat(read.people()).containsExactly(new Person("Ann", true));
        assertThat(read(least, Place.class).owner()).isEmpty();
    }

    @Test
    @DisplayName("Is enforced for a class that contains itself, and for one without accessors")
    void otherClasses() {
        String tree = "{\"label\":\"a\",\"children\":[{\"label\":\"b\",\"children\":[]}]}";
        try (CompiledGrammar grammar = FORMATS.compile(schema(Tree.class))) {
            assertThat(FORMATS.accepts(grammar, tree)).isTrue();
            assertThat(FORMATS.accepts(grammar, tree.replace("[]", "[1]"))).isFalse();
        }
        assertThat(read(tree, Tree.class).children()).singleElement().isEqualTo(new Tree("b", List.of()));
        String plain = "{\"count\":3,\"note\":\"n\"}";
        try (CompiledGrammar grammar = FORMATS.compile(schema(Plain.class))) {
            assertThat(FORMATS.accepts(grammar, plain)).isTrue();
            assertThat(FORMATS.accepts(grammar, "{\"note\":\"n\",\"count\":3}"))
                    .as("another order")
                    .isFalse();
        }
        assertThat(read(plain, Plain.class).count).isEqualTo(3);
    }

    @Test
    @DisplayName("Is refused for a class without fields, which would accept anything")
    void noFields() {
        assertThatThrownBy(() -> GenerationRequest.prompt("m", "p").jsonSchema(Object.class))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("java.lang.Object has no fields");
    }

    @Test
    @DisplayName("Does not read other text, nor the beginning of an answer; the message says which, and quotes nothing")
    void unreadable() {
        assertThatThrownBy(() -> read("Sure: {}", Person.class))
                .isInstanceOf(ClientException.Unreadable.class)
                .hasMessageContainingAll("'r'", "not the JSON of a Person", "column", "jsonSchema(Person.class)")
                .message()
                .doesNotContain("Sure");
        RequestResult cut = result(new CannedAnswer.TextAnswer(List.of("{\"name\":\"An"), "length"));
        assertThatThrownBy(() -> cut.value(Person.class))
                .isInstanceOf(ClientException.Unreadable.class)
                .hasMessageContainingAll("only the beginning of a Person", "'length'", "maxTokens");
        assertThatThrownBy(() -> read("null", Person.class)).hasMessageContaining("null");
        assertThatThrownBy(() ->
                        result(CannedAnswer.refused("unknown_model", "none")).value(Person.class))
                .isInstanceOf(ClientException.Refused.class);
    }

    private static AnswerFormat schema(Class<?> type) {
        JsonNode format = GenerationRequest.prompt("m", "p").jsonSchema(type).field("response_format");
        return new AnswerFormat.JsonSchema(
                format.path("json_schema").path("schema").toString());
    }

    private static <T> T read(String text, Class<T> type) {
        return result(CannedAnswer.text(text)).value(type);
    }

    private static RequestResult result(CannedAnswer answer) {
        try (InMemoryTidemark tidemark = new InMemoryTidemark(request -> answer)) {
            return tidemark.submit(GenerationRequest.prompt("m", "p").id("r"))
                    .result()
                    .toCompletableFuture()
                    .join();
        }
    }
}
