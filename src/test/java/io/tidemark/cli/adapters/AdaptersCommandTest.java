package io.tidemark.cli.adapters;

import static io.tidemark.cli.adapters.WorkerRecords.BASE;
import static io.tidemark.cli.adapters.WorkerRecords.DIGEST;
import static io.tidemark.cli.adapters.WorkerRecords.MODEL;
import static io.tidemark.cli.adapters.WorkerRecords.adapter;
import static io.tidemark.cli.adapters.WorkerRecords.failed;
import static io.tidemark.cli.adapters.WorkerRecords.folder;
import static io.tidemark.cli.adapters.WorkerRecords.state;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.tidemark.adapter.source.FileServer;
import io.tidemark.broker.BrokerOptions;
import io.tidemark.broker.EmbeddedBroker;
import io.tidemark.cli.CommandLineRun;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.AdapterTopic.Entry;
import io.tidemark.client.Cluster;
import io.tidemark.client.Topics;
import io.tidemark.fixture.Folders;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterRecord.Stored;
import io.tidemark.message.WorkerStateRecord;
import io.tidemark.message.WorkerStateRecord.State;
import io.tidemark.model.WeightFiles;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("tidemark adapters")
class AdaptersCommandTest {

    private static final String FAMILY = "llama-gqa";
    private static final Path MODEL_FOLDER = Folders.model(FAMILY);
    private static final String ROOT = MODEL_FOLDER.resolve("adapters").toString();
    private static final String CACHE = "tidemark.sources.cache-dir";
    private static final String HUB = "tidemark.sources.hub.endpoint";
    private static final String ALLOWED = "tidemark.sources.allowed";
    /** Behind every record of these tests. */
    private static final long FAR = 1_000_000;

    private static EmbeddedBroker broker;
    private static Cluster cluster;
    private static AdapterTopic topic;

    private final List<String> workers = new ArrayList<>();

    @TempDir
    private Path folder;

    @BeforeAll
    static void start(@TempDir Path cache) {
        System.setProperty(CACHE, cache.toString());
        broker = EmbeddedBroker.start(BrokerOptions.TEMPORARY);
        cluster = new Cluster(broker.bootstrapServers());
        CommandSettings.createTopics(cluster);
        topic = new AdapterTopic(cluster, Topics.DEFAULT);
    }

    @AfterAll
    static void stop() {
        broker.close();
        System.clearProperty(CACHE);
    }

    @AfterEach
    void removeRecords() {
        workers.forEach(worker -> WorkerRecords.remove(cluster, worker));
        topic.read().keySet().forEach(topic::remove);
    }

    @Test
    @DisplayName("add writes the digests of the files and of --model, and prints name, digest and offset")
    void add() {
        CommandLineRun run =
                run("add", "v1", "file:qv", "--root", ROOT, "--model", MODEL_FOLDER.toString(), "--label", "run=417");
        assertThat(run.exitCode()).as(run.err()).isZero();
        Stored record = stored("v1");
        assertThat(record.base()).isEqualTo(WeightFiles.digest(MODEL_FOLDER));
        assertThat(record.labels()).containsEntry("run", "417");
        assertThat(record.source()).isEqualTo("file:qv");
        assertThat(run.out())
                .isEqualToNormalizingNewlines("added 'v1': digest " + record.digest() + ", offset "
                        + entry("v1").offset() + "\n");
        assertThat(run.err()).contains("checked against the base model");
        assertThat(run("verify", "v1", "--root", ROOT).out())
                .isEqualToNormalizingNewlines("v1  same  " + record.digest() + "\n");
    }

    @Test
    @DisplayName("add takes the base model of the live workers, and says that tensors were not checked")
    void addForWorkers() {
        live("w1", BASE, 0, 0);
        write(state("old", DIGEST, 0, 0), WorkerRecords.gone());
        CommandLineRun run = run("add", "v1", "file:qv", "--root", ROOT, "--json", "--pinned");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(stored("v1").base()).isEqualTo(BASE);
        assertThat(stored("v1").options().pinned()).isTrue();
        assertThat(run.err()).contains("names and shapes of tensors are not checked");
        assertThat(run.out().lines()).hasSize(1);
        assertThat(run.out())
                .contains("\"name\":\"v1\"", "\"offset\":" + entry("v1").offset(), "\"base\":\"" + BASE + "\"");
    }

    @Test
    @DisplayName("add with --digest reads no source")
    void addUnread() {
        CommandLineRun run = run("add", "v1", "s3://no-bucket/a", "--digest", DIGEST, "--base", BASE);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(stored("v1").digest()).isEqualTo(DIGEST);
        assertThat(run.err()).contains("the source was not read");
    }

    @Test
    @DisplayName("add refuses an adapter without a known base model, or for one that no live worker has")
    void addOtherBase() {
        CommandLineRun unknown = run("add", "v1", "file:qv", "--root", ROOT);
        assertThat(unknown.err()).contains("no live worker", "--model DIR or --base DIGEST");
        live("w1", BASE, 0, 0);
        CommandLineRun other = run("add", "v1", "file:qv", "--root", ROOT, "--base", DIGEST);
        assertThat(other.err()).contains("base model " + DIGEST, "w1 has smollm2 (" + BASE + ")");
        live("w2", DIGEST, 0, 0);
        CommandLineRun several = run("add", "v1", "file:qv", "--root", ROOT);
        assertThat(several.err()).contains("several base models: w1 has", "w2 has");
        assertThat(List.of(unknown, other, several))
                .allSatisfy(run -> assertThat(run.exitCode()).isEqualTo(1));
        assertThat(topic.read()).isEmpty();
        assertThat(run("add", "v1", "file:qv", "--root", ROOT, "--base", DIGEST).exitCode())
                .isZero();
    }

    @Test
    @DisplayName("add refuses an adapter that a worker would refuse, and the name of the base model")
    void addInvalid() throws Exception {
        Path copy = Folders.copyOfAdapter(FAMILY, "qv", folder);
        Folders.edit(copy.resolve("adapter_config.json"), config -> config.put("r", 3));
        String root = folder.toString();
        CommandLineRun shapes = run("add", "v1", "file:qv", "--root", root, "--model", MODEL_FOLDER.toString());
        assertThat(shapes.err()).contains("lora_A");
        Folders.edit(copy.resolve("adapter_config.json"), config -> config.put("peft_type", "IA3"));
        CommandLineRun type = run("add", "v1", "file:qv", "--root", root, "--base", BASE);
        assertThat(type.err()).contains("peft_type", "IA3");
        Files.move(copy.resolve("adapter_model.safetensors"), copy.resolve("adapter_model.bin"));
        CommandLineRun pickle = run("add", "v1", "file:qv", "--root", root, "--base", BASE);
        assertThat(pickle.err()).contains("pickle");
        live("w1", BASE, 0, 0);
        CommandLineRun name = run("add", MODEL, "file:qv", "--root", ROOT);
        assertThat(name.err()).contains("'" + MODEL + "' is the name of the base model of worker 'w1'");
        CommandLineRun outside = run("add", "v1", "file:../qv", "--root", ROOT);
        CommandLineRun forbidden = run("add", "v1", "s3://bucket/a");
        assertThat(forbidden.err()).contains("tidemark.sources.allowed");
        assertThat(List.of(shapes, type, pickle, name, outside, forbidden))
                .allSatisfy(run -> assertThat(run.exitCode()).isEqualTo(1))
                .allSatisfy(run -> assertThat(run.err()).doesNotContain("\tat "));
        assertThat(topic.read()).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @DisplayName("Wrong options exit with 2 and write nothing")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            add v1 file:qv --digest abc                    | --digest must have 64
            add v1 file:qv --base ABC                      | --base must have 64
            add v1 file:qv --root . --digest DIGEST        | exclude each other
            add v1 file:qv --base DIGEST --model .         | exclude each other
            add v1 file:qv --wait=0                        | --wait must be 1 or more
            add v1                                         | SOURCE
            alias a v1                                     | 'v1' is not TARGET=WEIGHT
            alias a v1=-1                                  | 'v1=-1' is not TARGET=WEIGHT
            alias a v1=x                                   | 'v1=x' is not TARGET=WEIGHT
            alias a v1=0                                   | no weight above 0
            alias a v1=1 v1=2                              | names an adapter twice
            alias a v1=1 --sticky session                  | 'sticky' must be 'user'
            alias a                                        | TARGET=WEIGHT
            show                                           | NAME
            remove                                         | NAME
            verify                                         | NAME
            verify v1 --all                                | --all
            """)
    void wrongOptions(String line, String problem) {
        CommandLineRun run = run(line.replace("DIGEST", DIGEST).split(" "));
        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(problem);
        assertThat(topic.read()).isEmpty();
    }

    @Test
    @DisplayName("add --wait ends when each live worker has the record, and prints one line for each")
    void addAndWait() {
        live("w1", BASE, 0, 0);
        CompletableFuture<CommandLineRun> running =
                CompletableFuture.supplyAsync(() -> run("add", "v1", "file:qv", "--root", ROOT, "--wait=60"));
        Awaitility.await()
                .atMost(Duration.ofSeconds(60))
                .until(() -> topic.read().containsKey("v1"));
        long offset = entry("v1").offset();
        live("w1", BASE, offset + 1, 0, adapter("v1", State.READY, offset));
        CommandLineRun run = running.join();
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out().lines()).hasSize(2).last().isEqualTo("w1  ready");
    }

    @Test
    @DisplayName("add --wait exits with 1 if a worker shows a failure, and with 3 if the time runs out")
    void waitFails() {
        live("w1", BASE, FAR, 0, adapter("v1", State.READY, 0));
        live("w2", BASE, FAR, 0, failed("v1", "wrong_digest"));
        CommandLineRun failed = run("add", "v1", "file:qv", "--root", ROOT, "--wait");
        assertThat(failed.exitCode()).isEqualTo(1);
        assertThat(failed.out()).contains("w1  ready", "w2  failed wrong_digest: why v1 failed");
        assertThat(failed.err()).contains("the record is written, and at least one worker can't serve it");
        live("w2", BASE, 0, 0);
        CommandLineRun late = run("add", "v1", "file:qv", "--root", ROOT, "--wait=1", "--json");
        assertThat(late.exitCode()).isEqualTo(3);
        assertThat(late.out().lines()).hasSize(3).last().asString().contains("\"worker\":\"w2\"", "behind");
        assertThat(late.err()).contains("after 1 s not every live worker shows that it has it");
    }

    @Test
    @DisplayName("add --wait does not take a name for ready that a worker omits")
    void waitOmitted() {
        live("w1", BASE, FAR, 1, adapter("other", State.READY, 0));
        CommandLineRun run = run("add", "v1", "file:qv", "--root", ROOT, "--wait=1");
        assertThat(run.exitCode()).as(run.err()).isEqualTo(3);
        assertThat(run.out()).contains("w1  omitted");
        assertThat(run("list").out()).contains("omitted 1/1");
    }

    @Test
    @DisplayName("add --wait writes nothing if the states of workers can't be read")
    void waitUnreadable() throws Exception {
        createTopic("half-adapters", Map.of());
        String[] options = {"s3://bucket/a", "--digest", DIGEST, "--base", BASE, "--topic-prefix", "half-", "--json"};
        CommandLineRun refused = run(Stream.concat(Stream.of("add", "v1", "--wait=1"), Stream.of(options))
                .toArray(String[]::new));
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.out()).isEmpty();
        assertThat(refused.err()).contains("topic half-worker-state does not exist");
        AdapterTopic half = new AdapterTopic(cluster, Topics.withPrefix("half-"));
        assertThat(half.read()).isEmpty();
        CommandLineRun run =
                run(Stream.concat(Stream.of("add", "v1"), Stream.of(options)).toArray(String[]::new));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(half.read()).containsOnlyKeys("v1");
    }

    @Test
    @DisplayName("A record that the broker refuses exits with 1 and is not written")
    void refusedByBroker() throws Exception {
        createTopic("small-adapters", Map.of("max.message.bytes", "100"));
        CommandLineRun run =
                run("add", "v1", "s3://bucket/a", "--topic-prefix", "small-", "--base", BASE, "--digest", DIGEST);
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("the record was not written: ").doesNotContain("may be");
        assertThat(new AdapterTopic(cluster, Topics.withPrefix("small-")).read())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "add", "alias", "list", "show", "remove", "verify"})
    @DisplayName("The help of each command has its exit codes; 3 is one of add only")
    void exitCodes(String name) {
        String help =
                CommandLineRun.of(("adapters " + name + " --help").split(" +")).out();
        assertThat(help.replaceAll("\\s+", " ")).contains("Exit codes: 0 ", " 1 ", ", 2 wrong command line");
        boolean waits = List.of("", "add").contains(name);
        assertThat(help.contains("3 the time of --wait ran out")).isEqualTo(waits);
    }

    @Test
    @DisplayName("alias writes targets of the topic and of the settings, and prints their shares in percent")
    void alias() {
        live("w1", BASE, 0, 0, folder("mine"));
        put("v1");
        CommandLineRun run = run("alias", "extract", "v1=90", "mine=10", "--sticky", "user");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("v1 90%, mine 10%, sticky by user");
        assertThat(entry("extract").alias().orElseThrow().sticky()).contains("user");
        CommandLineRun again = run("alias", "extract", "v1=1", "mine=2", "--json");
        assertThat(again.out()).contains("\"targets\":[{\"adapter\":\"v1\",\"weight\":1.0}", "\"offset\":");
        assertThat(run("list").out()).contains("v1 33.33%, mine 66.67%");
    }

    @Test
    @DisplayName("alias refuses targets that are no adapters, and a name that is a target or the base model")
    void aliasRefused() {
        live("w1", BASE, 0, 0);
        put("v1");
        assertThat(run("alias", "extract", "v1=1").exitCode()).isZero();
        writeInvalid("broken");
        CommandLineRun unknown = run("alias", "other", "v1=1", "nobody=1");
        assertThat(unknown.err()).contains("target 'nobody' is no adapter", "tidemark adapters add");
        CommandLineRun chained = run("alias", "other", "extract=1");
        assertThat(chained.err()).contains("target 'extract' is an alias");
        CommandLineRun itself = run("alias", "other", "other=1");
        assertThat(itself.err()).contains("target 'other' is an alias");
        CommandLineRun target = run("alias", "v1", "v1=1");
        assertThat(target.err()).contains("'v1' is a target of the alias extract");
        CommandLineRun broken = run("alias", "other", "broken=1");
        assertThat(broken.err()).contains("the record of target 'broken'", "is invalid");
        CommandLineRun base = run("alias", MODEL, "v1=1");
        assertThat(base.err()).contains("is the name of the base model");
        assertThat(List.of(unknown, chained, itself, target, broken, base))
                .allSatisfy(run -> assertThat(run.exitCode()).isEqualTo(1));
        assertThat(topic.read()).containsOnlyKeys("v1", "extract", "broken");
    }

    @Test
    @DisplayName("list shows records, folders of settings and invalid records, with the states of live workers")
    void list() {
        put("v1");
        writeInvalid("broken");
        long offset = entry("v1").offset();
        live(
                "w1",
                BASE,
                FAR,
                0,
                adapter("v1", State.LOADED, offset),
                folder("mine"),
                failed("broken", "invalid_record"));
        CommandLineRun table = run("list");
        assertThat(table.exitCode()).as(table.err()).isZero();
        assertThat(table.out().lines())
                .anyMatch(line -> line.matches("v1 +adapter +3fa23fa23fa2 +" + offset + " +loaded 1/1 +s3://bucket/v1"))
                .anyMatch(line -> line.matches("mine +settings +3fa23fa23fa2 +- +loaded 1/1 +a folder of the.*"))
                .anyMatch(
                        line -> line.matches("broken +invalid +- +\\d+ +failed invalid_record 1/1 +invalid record.*"));
        CommandLineRun json = run("list", "--json");
        assertThat(json.out().lines())
                .hasSize(3)
                .anyMatch(line -> line.contains("\"kind\":\"settings\""))
                .anyMatch(line -> line.contains("\"kind\":\"invalid\"") && line.contains("\"error\":"));
    }

    @Test
    @DisplayName("show prints the record, and for each worker state, offset, boundary and reason; gone ones are marked")
    void show() {
        put("v1");
        long offset = entry("v1").offset();
        live("w1", BASE, FAR, 0, adapter("v1", State.LOADED, offset));
        live("w2", BASE, FAR, 0, failed("v1", "not_found"));
        write(state("w3", BASE, FAR, 0, adapter("v1", State.READY, offset)), WorkerRecords.gone());
        CommandLineRun run = run("show", "v1");
        assertThat(run.out()).contains("source   s3://bucket/v1", "digest   " + DIGEST, "base     " + BASE);
        assertThat(run.out().lines())
                .anyMatch(line -> line.matches("w1 +loaded +" + offset + " +3 *"))
                .anyMatch(line -> line.matches("w2 +failed +- +- +not_found: why v1 failed"))
                .anyMatch(line -> line.matches("w3 +gone .*last seen 20.*Z"));
        assertThat(run("show", "v1", "--json").out())
                .contains("\"kind\":\"adapter\"", "\"worker\":\"w3\",\"live\":false", "\"boundary\":3");
        CommandLineRun unknown = run("show", "nobody");
        assertThat(unknown.exitCode()).isEqualTo(1);
        assertThat(unknown.err()).contains("there is no record of 'nobody'", "known: v1");
    }

    @Test
    @DisplayName("remove writes a tombstone, and refuses a target of an alias without --force")
    void remove() {
        put("v1");
        assertThat(run("alias", "extract", "v1=1").exitCode()).isZero();
        CommandLineRun refused = run("remove", "v1");
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.err()).contains("'v1' is a target of the alias extract", "--force");
        assertThat(topic.read()).containsKey("v1");
        CommandLineRun removed = run("remove", "v1", "--force");
        assertThat(removed.exitCode()).as(removed.err()).isZero();
        assertThat(removed.out()).contains("removed 'v1' (tombstone at offset ", "stays hidden until");
        assertThat(run("remove", "extract", "--json").out()).contains("{\"name\":\"extract\",\"offset\":");
        CommandLineRun none = run("remove", "v1");
        assertThat(none.exitCode()).isEqualTo(1);
        assertThat(none.err()).contains("there is no record of 'v1'", "records: none");
    }

    @Test
    @DisplayName("A name that is too long can't be added, is listed as invalid, and can be removed")
    void longName() {
        String name = "n".repeat(300);
        CommandLineRun added = run("add", name, "s3://bucket/a", "--digest", DIGEST, "--base", BASE);
        assertThat(added.exitCode()).isEqualTo(2);
        assertThat(added.err()).contains("NAME must have 1 to 256 characters");
        assertThat(run("alias", name, "a=1").exitCode()).isEqualTo(2);
        assertThat(topic.read()).isEmpty();
        topic.put(name, new Stored("s3://bucket/a", DIGEST, BASE, Map.of(), AdapterRecord.Options.NONE));
        assertThat(run("list", "--json").out()).contains("\"kind\":\"invalid\"", "more than 256 characters");
        assertThat(run("show", name).exitCode()).isZero();
        CommandLineRun removed = run("remove", name);
        assertThat(removed.exitCode()).as(removed.err()).isZero();
        assertThat(topic.read()).isEmpty();
    }

    @Test
    @DisplayName("Each line of --json is one object, with the fields of the page in one order")
    void jsonLines() throws Exception {
        CommandLineRun added = run("add", "v1", "file:qv", "--root", ROOT, "--base", BASE, "--json");
        assertThat(fields(added)).containsExactly("name", "offset", "source", "digest", "base", "options");
        CommandLineRun alias = run("alias", "extract", "v1=1", "--sticky", "user", "--json");
        assertThat(fields(alias)).containsExactly("name", "offset", "targets", "sticky");
        live("w1", BASE, FAR, 0, failed("v1", "wrong_digest"));
        assertThat(fields(run("show", "v1", "--json")))
                .containsExactly("name", "kind", "offset", "source", "digest", "base", "options", "workers");
        assertThat(fields(run("verify", "v1", "--root", ROOT, "--json")))
                .containsExactly("name", "offset", "source", "digest", "result", "found");
        assertThat(fields(run("remove", "extract", "--json"))).containsExactly("name", "offset");
    }

    private static List<String> fields(CommandLineRun run) throws Exception {
        assertThat(run.exitCode()).as(run.err()).isZero();
        List<String> fields = new ArrayList<>();
        new ObjectMapper()
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .readTree(run.out())
                .fieldNames()
                .forEachRemaining(fields::add);
        return fields;
    }

    @Test
    @DisplayName("list shows a digest of a worker's record that is too short as it is")
    void shortDigest() {
        live(
                "w1",
                BASE,
                FAR,
                0,
                new WorkerStateRecord.Adapter(
                        "mine",
                        State.READY,
                        Optional.of("3fa2"),
                        OptionalLong.empty(),
                        Optional.empty(),
                        OptionalInt.empty(),
                        Optional.empty(),
                        Optional.empty()));
        CommandLineRun run = run("list");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("mine +settings +3fa2 ");
    }

    @Test
    @DisplayName("verify downloads the files again, and finds those that the server has replaced or lost")
    void verifyDownloads() throws Exception {
        Path adapter = Folders.adapter(FAMILY, "qv");
        String commit = "0123".repeat(10);
        String path = "/team/a/resolve/" + commit + "/";
        byte[] weights = Files.readAllBytes(adapter.resolve("adapter_model.safetensors"));
        try (FileServer server = new FileServer()) {
            System.setProperty(HUB, server.address("127.0.0.1"));
            System.setProperty(ALLOWED, "hf://team");
            server.put(path + "adapter_config.json", Files.readAllBytes(adapter.resolve("adapter_config.json")))
                    .put(path + "adapter_model.safetensors", weights);
            CommandLineRun added = run("add", "v1", "hf://team/a@" + commit, "--base", BASE);
            assertThat(added.exitCode()).as(added.err()).isZero();
            int downloads = server.received("adapter_model.safetensors").size();
            CommandLineRun same = run("verify", "v1");
            assertThat(same.exitCode()).as(same.err()).isZero();
            String digest = stored("v1").digest();
            assertThat(same.out()).isEqualToNormalizingNewlines("v1  same  " + digest + "\n");
            assertThat(server.received("adapter_model.safetensors")).hasSizeGreaterThan(downloads);

            weights[weights.length - 1] ^= 1;
            server.put(path + "adapter_model.safetensors", weights);
            CommandLineRun differs = run("verify", "v1");
            assertThat(differs.exitCode()).isEqualTo(1);
            assertThat(differs.out())
                    .containsPattern("^v1  differs  the record has " + digest + ", the source [0-9a-f]{64}\\s*$")
                    .doesNotContain("source " + digest);

            server.remove(path + "adapter_model.safetensors");
            CommandLineRun lost = run("verify", "--all", "--json");
            assertThat(lost.exitCode()).isEqualTo(1);
            assertThat(lost.out()).contains("\"result\":\"not_found\"", "\"message\":");
        } finally {
            System.clearProperty(HUB);
            System.clearProperty(ALLOWED);
        }
    }

    @Test
    @DisplayName("verify exits with 1 if a source has other files than its record says, or can't be read")
    void verify() {
        assertThat(run("add", "good", "file:qv", "--root", ROOT, "--base", BASE).exitCode())
                .isZero();
        assertThat(run("verify", "--all", "--root", ROOT).exitCode()).isZero();
        assertThat(run("add", "wrong", "file:all", "--digest", DIGEST, "--base", BASE)
                        .exitCode())
                .isZero();
        assertThat(run("add", "lost", "file:none", "--digest", DIGEST, "--base", BASE)
                        .exitCode())
                .isZero();
        assertThat(run("alias", "extract", "good=1").exitCode()).isZero();
        CommandLineRun all = run("verify", "--all", "--root", ROOT);
        assertThat(all.exitCode()).isEqualTo(1);
        assertThat(all.out().lines())
                .hasSize(3)
                .anyMatch(line -> line.startsWith("good  same  "))
                .anyMatch(line -> line.startsWith("wrong  differs  the record has " + DIGEST + ", the source "))
                .anyMatch(line -> line.startsWith("lost  not_found  "));
        CommandLineRun json = run("verify", "good", "wrong", "--root", ROOT, "--json");
        assertThat(json.exitCode()).isEqualTo(1);
        assertThat(json.out().lines()).hasSize(2).first().asString().contains("\"result\":\"same\"", "\"found\":");
        assertThat(run("verify", "extract", "--root", ROOT).err()).contains("is an alias", "good 100%");
    }

    @Test
    @DisplayName("A missing topic is named")
    void missingTopic() {
        CommandLineRun run = CommandLineRun.of(
                "adapters", "list", "--broker", broker.bootstrapServers(), "--topic-prefix", "other-");
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("topic other-adapters does not exist");
    }

    private void live(String worker, String base, long adaptersOffset, int omitted, WorkerStateRecord.Adapter... all) {
        write(state(worker, base, adaptersOffset, omitted, all), Instant.now());
    }

    private void write(WorkerStateRecord state, Instant seen) {
        workers.add(state.worker());
        WorkerRecords.write(cluster, state, seen);
    }

    private static void createTopic(String name, Map<String, String> configs) throws Exception {
        Map<String, String> all = new HashMap<>(configs);
        all.put("cleanup.policy", "compact");
        try (Admin admin = cluster.admin()) {
            admin.createTopics(List.of(new NewTopic(name, Optional.of(1), Optional.empty()).configs(all)))
                    .all()
                    .get();
        }
    }

    private static void put(String name) {
        CommandLineRun run = run("add", name, "s3://bucket/" + name, "--digest", DIGEST, "--base", BASE);
        assertThat(run.exitCode()).as(run.err()).isZero();
    }

    private static void writeInvalid(String name) {
        try (Producer<String, byte[]> producer = cluster.producer()) {
            producer.send(new ProducerRecord<>(Topics.DEFAULT.adapters(), name, "{}".getBytes(StandardCharsets.UTF_8)));
            producer.flush();
        }
    }

    private static Entry entry(String name) {
        return Optional.ofNullable(topic.read().get(name)).orElseThrow();
    }

    private static Stored stored(String name) {
        return entry(name).stored().orElseThrow();
    }

    private static CommandLineRun run(String... arguments) {
        List<String> all = new ArrayList<>(List.of("adapters"));
        all.addAll(Arrays.asList(arguments));
        all.addAll(List.of("--broker", broker.bootstrapServers()));
        return CommandLineRun.of(all.toArray(String[]::new));
    }
}
