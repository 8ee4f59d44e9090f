package io.tidemark.stream.worker;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.tidemark.adapter.AdapterStore;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import io.tidemark.stream.metrics.WorkerMetrics;
import io.tidemark.stream.tables.BoundaryTable;
import java.util.List;

/** The prompt of a request record as a worker admits it, for tests of other packages. */
public final class AdmittedPrompt {

    private AdmittedPrompt() {}

    /** @param value the value of a valid record */
    public static List<Integer> of(LanguageModel model, AdapterStore adapters, byte[] value) throws Exception {
        Admission admission = new Admission(
                model,
                adapters,
                new BoundaryTable(),
                new WorkerMetrics(new SimpleMeterRegistry()),
                AdapterSuggestions.NONE);
        Parsed.Valid<RequestMessage> request = (Parsed.Valid<RequestMessage>) RequestMessage.parse(value, value.length);
        return admission.prepare(request.record(), "r", "r").prompt();
    }
}
