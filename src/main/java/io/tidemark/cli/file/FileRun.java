package io.tidemark.cli.file;

import io.tidemark.client.ClientException;
import io.tidemark.client.GenerationRequest;
import io.tidemark.client.OpenRequest;
import io.tidemark.client.RequestResult;
import io.tidemark.client.TidemarkClient;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.Provenance.Source;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletionException;

/**
 * Sends the lines of an input that have no result, each once, and writes the results as they come. The command's thread
 * reads and sends; results are written by the threads of the client, so that a slow output slows down the reading of
 * results.
 *
 * <p>A line is written to the output before its request leaves the window, and a request is in the window before it is
 * sent. Therefore the requests without a line in the output were sent at {@link OpenWindow#oldest} or later.
 */
final class FileRun {

    /** The header of a request whose output can be continued: the run and the format of the line. */
    static final String HEADER = "tidemark-file";

    private final TidemarkClient client;
    private final OpenWindow window;
    private final FinishedIds finished;
    private final ResultSink sink;
    private final Clock clock;

    FileRun(TidemarkClient client, OpenWindow window, FinishedIds finished, ResultSink sink, Clock clock) {
        this.client = client;
        this.window = window;
        this.finished = finished;
        this.sink = sink;
        this.clock = clock;
    }

    /** A request that an earlier run has sent. */
    record Sent(String id, LineFormat format, Source source) {}

    /** The value of {@link #HEADER} for a line of a format in a run. */
    static String header(String run, LineFormat format) {
        return run + "/" + format;
    }

    /** Finds what a header says; empty if it is one of another run. */
    static Optional<LineFormat> format(String run, byte[] header) {
        String value = new String(header, StandardCharsets.UTF_8);
        for (LineFormat format : LineFormat.values()) {
            if (value.equals(header(run, format))) {
                return Optional.of(format);
            }
        }
        return Optional.empty();
    }

    /**
     * Waits again for requests that an earlier run has sent.
     *
     * @param since a time before the first of them was sent
     */
    void attach(Map<String, Sent> sent, Instant since) {
        Map<String, Source> sources = new LinkedHashMap<>();
        sent.forEach((id, request) -> {
            finished.finish(id);
            window.add(id, 0, since);
            sources.put(id, request.source());
        });
        for (OpenRequest request : client.attachRecords(sources, since)) {
            follow(request, sent.get(request.id()).format());
        }
    }

    /**
     * Sends all lines that have no result, and waits for all results. An unfinished line is neither sent nor refused.
     *
     * @param run  the run that the header names; empty if the output cannot be continued
     * @param tick runs often on the calling thread
     * @return the number of the last line if it is unfinished and has no result
     * @throws ClientException  when a request cannot be sent
     * @throws io.tidemark.cli.console.CommandException when there is no result for too long
     */
    OptionalLong send(RequestLines lines, Optional<String> run, Runnable tick)
            throws IOException, InterruptedException {
        OptionalLong unfinished = OptionalLong.empty();
        for (Optional<RequestLines.Line> line = lines.next(); line.isPresent(); line = lines.next()) {
            take(line.get(), run, tick);
            if (line.get().content() instanceof RequestLines.Unfinished last
                    && !finished.isFinished(line.get().id())) {
                unfinished = OptionalLong.of(last.number());
            }
            tick.run();
        }
        window.awaitNone(tick);
        return unfinished;
    }

    private void take(RequestLines.Line line, Optional<String> run, Runnable tick) throws InterruptedException {
        boolean named = !line.id().equals(line.lineId());
        if (named && !finished.read(line.id())) {
            refuse(
                    line.lineId(),
                    line.format(),
                    new ErrorBody(
                            ErrorBody.INVALID_REQUEST,
                            "duplicate_id",
                            "an earlier line has the id '" + line.id() + "', or it is that of another line",
                            Optional.of("id")));
        } else if (line.content() instanceof RequestLines.Invalid invalid) {
            refuse(line.id(), line.format(), invalid.error());
        } else if (line.content() instanceof RequestLines.Request request && !finished.isFinished(line.id())) {
            GenerationRequest plain = GenerationRequest.json(request.fields());
            window.open(line.id(), request.bytes(), clock.instant(), tick);
            follow(
                    client.submit(
                            run.map(name -> plain.header(HEADER, header(name, line.format())))
                                    .orElse(plain),
                            window.timeout()),
                    line.format());
        }
    }

    private void refuse(String id, LineFormat format, ErrorBody error) {
        if (finished.finish(id)) {
            write(new LineResult.Refused(id, format, error));
        }
    }

    private void follow(OpenRequest request, LineFormat format) {
        request.result().whenComplete((result, failure) -> {
            try {
                end(
                        request.id(),
                        format,
                        result,
                        failure instanceof CompletionException ? failure.getCause() : failure);
            } catch (RuntimeException e) {
                window.fail(e);
            }
        });
    }

    private void end(String id, LineFormat format, RequestResult result, Throwable failure) {
        if (failure == null) {
            write(new LineResult.Answered(id, format, result));
        } else if (failure instanceof ClientException.TooLarge tooLarge) {
            write(new LineResult.Refused(
                    id,
                    format,
                    new ErrorBody(
                            ErrorBody.INVALID_REQUEST, "request_too_large", tooLarge.getMessage(), Optional.empty())));
        } else {
            throw failure instanceof RuntimeException known ? known : new IllegalStateException(failure);
        }
        window.close(id);
    }

    private synchronized void write(LineResult result) {
        try {
            sink.write(result);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
