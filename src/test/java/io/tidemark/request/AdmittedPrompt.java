package io.tidemark.request;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.AdapterSuggestions;
import io.tidemark.boundary.AppliedBoundary;
import io.tidemark.boundary.Boundary;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.fixture.Catalogs;
import io.tidemark.message.Parsed;
import io.tidemark.message.RequestMessage;
import java.util.List;
import java.util.OptionalLong;

/** The prompt of a request record as a worker admits it, for tests of other packages. */
public final class AdmittedPrompt {

    private AdmittedPrompt() {}

    /** @param value the value of a valid record */
    public static List<Integer> of(LanguageModel model, AdapterStore adapters, byte[] value) throws Exception {
        Boundaries noRecord = (adapter, version) -> new Boundaries.RequestBoundary(
                new AppliedBoundary.FullLora(
                        Boundary.full(version.numLayers()), AppliedBoundary.FullLoraReason.NO_RECORD),
                OptionalLong.empty());
        Admission admission = new Admission(
                model,
                Catalogs.ofFolders(adapters),
                noRecord,
                RequestFixtures.noFormats(),
                AdapterSuggestions.NONE,
                RequestListener.NONE);
        Parsed.Valid<RequestMessage> request = (Parsed.Valid<RequestMessage>) RequestMessage.parse(value, value.length);
        return admission
                .prepare(Tenant.unlimited("t"), new RequestState.Validated("r", request.record()), () -> false)
                .prompt();
    }
}
