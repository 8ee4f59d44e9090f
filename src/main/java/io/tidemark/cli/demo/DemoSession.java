package io.tidemark.cli.demo;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tidemark.cli.adapters.Rollout;
import io.tidemark.cli.console.CommandException;
import io.tidemark.cli.console.NamedFolder;
import io.tidemark.cli.demo.DemoReport.Calibration;
import io.tidemark.cli.demo.DemoReport.Published;
import io.tidemark.cli.demo.DemoReport.Reply;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.sending.CalibrationClient;
import io.tidemark.cli.sending.ExampleOrder;
import io.tidemark.cli.sending.RequestClient;
import io.tidemark.cli.sending.ResultListener;
import io.tidemark.cli.serving.CommandSettings;
import io.tidemark.client.AdapterTopic;
import io.tidemark.client.BatchOutcome;
import io.tidemark.client.Cluster;
import io.tidemark.client.DecisionTopic;
import io.tidemark.client.RequestResult;
import io.tidemark.client.Topics;
import io.tidemark.client.WorkerStates;
import io.tidemark.message.AdapterRecord;
import io.tidemark.message.AdapterVersion;
import io.tidemark.message.BoundaryDecisionRecord;
import io.tidemark.message.Provenance;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The client of the demo: it sends requests, calibrates, sends the same requests again, asks for answers with a format,
 * and adds an adapter. It uses Kafka only.
 */
final class DemoSession {

    private static final int REQUESTS_PER_ADAPTER = 2;
    private static final int MAX_TOKENS = 80;
    private static final int FORMAT_ROUND = 3;
    private static final int WARM_UP_TOKENS = 40;
    private static final int WARM_UP_ROUNDS = 2;
    /** A boundary moves at the end of a batch at the earliest, and after four batches. */
    private static final int BATCH_SIZE = 16;

    /** How many decisions are read: more than the batches and ends of epochs of a demo. */
    private static final int MOST_DECISIONS = 1000;

    static final String CALIBRATORS = "tidemark-calibrators";
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    private final DemoFolder folder;
    private final DemoView view;
    private final Cluster cluster;
    private final ServingThread serving;
    private final Topics topics = CommandSettings.topics(Optional.empty());

    DemoSession(DemoFolder folder, DemoView view, Cluster cluster, ServingThread serving) {
        this.folder = folder;
        this.view = view;
        this.cluster = cluster;
        this.serving = serving;
    }

    DemoReport run(List<String> topicNames) {
        try (RequestClient client = new RequestClient(cluster, topics)) {
            warmUp(client);
            List<Reply> before = round(1, client);
            List<Calibration> calibrations = folder.adapters().stream()
                    .map(adapter -> calibrate(adapter.name(), before))
                    .toList();
            calibrations.forEach(done -> serving.awaitBoundary(done.adapter(), done.boundaryAfter(), TIMEOUT));
            List<Reply> after = round(2, client);
            view.compare(before, after, calibrations);
            List<Reply> replies = new ArrayList<>(before);
            replies.addAll(after);
            List<Reply> formats = formats(client);
            // calibrations are in the order of the adapters
            Published published = publish(calibrations.get(0), client);
            return new DemoReport(replies, formats, calibrations, published, cluster.brokers(), topicNames);
        }
    }

    /** The first steps of a JVM are slow; without a warm-up the second round would appear faster. */
    private void warmUp(RequestClient client) {
        view.warmingUp();
        for (int round = 1; round <= WARM_UP_ROUNDS; round++) {
            send(requests("warm-up-" + round, WARM_UP_TOKENS), ResultListener.NONE, client);
        }
    }

    private List<Reply> round(int round, RequestClient client) {
        List<ObjectNode> requests = requests("demo-" + round, MAX_TOKENS);
        Map<String, String> prompts = new LinkedHashMap<>();
        requests.forEach(request ->
                prompts.put(request.path("id").asText(), request.path("prompt").asText()));
        return send(requests, view.round(round, prompts), client).stream()
                .map(result -> Reply.of(round, result))
                .toList();
    }

    private List<Reply> formats(RequestClient client) {
        List<ObjectNode> requests = new ArrayList<>();
        Map<String, String> prompts = new LinkedHashMap<>();
        for (ObjectNode line : folder.formats()) {
            String id = "demo-format-" + requests.size();
            requests.add(line.deepCopy()
                    .put("id", id)
                    .put("max_tokens", MAX_TOKENS)
                    .put("temperature", 0)
                    .put("stream", true));
            prompts.put(
                    id, line.path("prompt").asText() + "\n" + line.deepCopy().without(List.of("model", "prompt")));
        }
        return requests.isEmpty()
                ? List.of()
                : send(requests, view.formats(prompts), client).stream()
                        .map(result -> Reply.of(FORMAT_ROUND, result))
                        .toList();
    }

    private static List<RequestResult> send(List<ObjectNode> requests, ResultListener listener, RequestClient client) {
        List<RequestResult> results = client.send(requests, listener, TIMEOUT);
        if (results.size() < requests.size()) {
            throw new CommandException("only " + results.size() + " of " + requests.size() + " requests were answered");
        }
        results.forEach(result -> result.error().ifPresent(error -> {
            throw new CommandException("request " + result.id() + " failed: " + error);
        }));
        return results;
    }

    private List<ObjectNode> requests(String idPrefix, int maxTokens) {
        List<ObjectNode> requests = new ArrayList<>();
        for (NamedFolder adapter : folder.adapters()) {
            List<ObjectNode> lines = folder.requests(adapter.name());
            for (int i = 0; i < Math.min(REQUESTS_PER_ADAPTER, lines.size()); i++) {
                requests.add(
                        request(idPrefix + "-" + adapter.name() + "-" + i, adapter.name(), lines.get(i), maxTokens));
            }
        }
        return requests;
    }

    private static ObjectNode request(String id, String adapter, ObjectNode line, int maxTokens) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("id", id)
                .put("model", adapter)
                .put("prompt", line.path("prompt").asText())
                .put("max_tokens", maxTokens)
                .put("temperature", 0)
                .put("stream", true);
    }

    /** Adds the first adapter under a second name, by a record, and sends a request for that name. */
    private Published publish(Calibration calibrated, RequestClient client) {
        String name = calibrated.adapter() + "-v2";
        AdapterVersion version = calibrated.last().version();
        AdapterRecord.Stored record = new AdapterRecord.Stored(
                "file:" + folder.firstAdapter().getFileName(),
                version.adapterDigest(),
                version.baseDigest(),
                Map.of(),
                AdapterRecord.Options.NONE);
        ObjectNode request = request(
                "demo-published", name, folder.requests(calibrated.adapter()).get(0), MAX_TOKENS);
        Instant start = Instant.now();
        long offset = new AdapterTopic(cluster, topics).put(name, record);
        // if the worker can't serve the record, the error of the request says why
        Rollout.await(new WorkerStates(cluster, topics), name, record, offset, TIMEOUT);
        Provenance used = send(List.of(request), ResultListener.NONE, client)
                .get(0)
                .message()
                .tidemark();
        double seconds = Duration.between(start, Instant.now()).toMillis() / 1000.0;
        if (!used.adapterDigest().equals(Optional.of(record.digest()))
                || !used.adapterOffset().equals(OptionalLong.of(offset))) {
            throw new CommandException("the result of '" + name + "' has digest "
                    + used.adapterDigest().orElse("absent") + " and not that of the record at offset " + offset);
        }
        Published published = new Published(name, record.source(), record.digest(), offset, seconds);
        view.published(published);
        return published;
    }

    private Calibration calibrate(String adapter, List<Reply> before) {
        Instant start = Instant.now();
        DataFile file = folder.validation(adapter);
        ExampleOrder examples = ExampleOrder.of(file.exampleLines(), OptionalLong.empty(), Long.MAX_VALUE);
        view.calibrating(adapter, Math.toIntExact(examples.examples()), BATCH_SIZE);
        AtomicInteger processed = new AtomicInteger();
        try (DataFile.LineReader lines = file.open()) {
            new CalibrationClient(cluster, topics, CALIBRATORS)
                    .calibrate(
                            examples.batches(adapter, BATCH_SIZE, lines),
                            (outcome, numbers) -> {
                                if (outcome instanceof BatchOutcome.Rejected refused) {
                                    throw new CommandException("a validation batch of '" + adapter + "' was refused: "
                                            + refused.message());
                                }
                                view.progress(processed.addAndGet(numbers.size()));
                                return true;
                            },
                            TIMEOUT);
        }
        List<BoundaryDecisionRecord> decisions = decisions(adapter);
        Calibration calibration = Calibration.of(
                boundary(adapter, before),
                decisions,
                Duration.between(start, Instant.now()).toMillis() / 1000.0);
        view.calibrated(calibration);
        return calibration;
    }

    /** They are in the transactions of the offsets that the client waited for. */
    private List<BoundaryDecisionRecord> decisions(String adapter) {
        List<BoundaryDecisionRecord> decisions =
                new DecisionTopic(cluster, topics).read(adapter, MOST_DECISIONS).last();
        if (decisions.isEmpty()) {
            throw new CommandException(
                    "the calibrator recorded no decision on '" + adapter + "' on " + topics.boundaryDecisions());
        }
        return decisions;
    }

    private static int boundary(String adapter, List<Reply> replies) {
        return replies.stream()
                .filter(reply -> reply.adapter().equals(adapter))
                .findFirst()
                .orElseThrow()
                .boundary();
    }
}
