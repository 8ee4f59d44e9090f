package io.tidemark.stream.worker;

import io.tidemark.adapter.AdapterRefused;
import io.tidemark.generation.RequestRefused;
import io.tidemark.message.ErrorBody;
import io.tidemark.message.RequestMessage;
import org.jboss.logging.Logger;

/** Why a request that was read never ran, in the words of the result topic. */
final class StartError {

    static final ErrorBody NOT_ADMITTED =
            ErrorBody.serverError("internal_error", "the worker failed to admit the request");

    private static final Logger LOG = Logger.getLogger(StartError.class);

    private StartError() {}

    /** What is no refusal is a fault of ours: it is logged, and the sender learns no more than that. */
    static ErrorBody of(Throwable reason, String id, RequestMessage message) {
        if (reason instanceof RequestNotAdmitted notAdmitted) {
            return notAdmitted.error();
        }
        if (reason instanceof RequestRefused refused) {
            String param = refused.isAboutPrompt() ? message.input().field() : refused.param();
            return ErrorBody.invalidRequest(refused.code(), param, refused.getMessage());
        }
        if (reason instanceof AdapterRefused) {
            return ErrorBody.serverError("adapter_unusable", reason.getMessage());
        }
        LOG.errorf(reason, "request '%s' could not be admitted", id);
        return NOT_ADMITTED;
    }
}
