package io.tidemark.verification;

import io.tidemark.adapter.AdapterStore;
import io.tidemark.adapter.InvalidAdapterException;
import io.tidemark.decoder.LanguageModel;
import io.tidemark.decoder.lora.LoraWeights;
import io.tidemark.model.InvalidModelException;
import io.tidemark.model.Kernels;
import io.tidemark.model.ModelOptions;
import io.tidemark.torch.Torch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Compares the engine with reference folders: a base model with folders {@code adapters/NAME}, each with the outputs of
 * transformers and PEFT in {@code expected.json}. The model is in the folder itself or in {@code model} beside
 * {@code adapters}.
 */
public final class Verification {

    private static final System.Logger LOG = System.getLogger(Verification.class.getName());

    private final Torch torch;
    private final ModelOptions options;
    private final boolean isRecorded;
    private final Consumer<Verdict> listener;
    /** What computes the models that were loaded; the same for all. */
    private Optional<Kernels> kernels = Optional.empty();

    /** @param listener receives each verdict as soon as it is known, on the calling thread */
    public Verification(Torch torch, ModelOptions options, Consumer<Verdict> listener) {
        this(torch, options, false, listener);
    }

    /**
     * @param isRecorded whether the adapters of a model also answer sampled requests, so that a recording
     *                   has all that a worker does
     * @param listener   receives each verdict as soon as it is known, on the calling thread
     */
    public Verification(Torch torch, ModelOptions options, boolean isRecorded, Consumer<Verdict> listener) {
        this.torch = torch;
        this.options = options;
        this.isRecorded = isRecorded;
        this.listener = listener;
    }

    /** Verifies every reference folder at or below the given folders. */
    public VerificationReport walk(List<Path> folders) {
        List<Verdict> verdicts = new ArrayList<>();
        for (Path folder : folders) {
            for (Path adapters : adapterFolders(folder)) {
                Path parent = adapters.toAbsolutePath().getParent();
                Path model = Files.isRegularFile(parent.resolve("config.json")) ? parent : parent.resolve("model");
                verdicts.addAll(verify(model, children(adapters)));
            }
        }
        return new VerificationReport(verdicts, kernels);
    }

    /** Verifies one adapter of one model. */
    public VerificationReport one(Path model, Path adapter) {
        List<Verdict> verdicts = verify(model, List.of(adapter));
        return new VerificationReport(verdicts, kernels);
    }

    private List<Verdict> verify(Path modelFolder, List<Path> adapters) {
        List<Verdict> verdicts = new ArrayList<>();
        try (LanguageModel model = LanguageModel.load(modelFolder, "base", torch, options)) {
            kernels = Optional.of(model.kernels());
            adapters.forEach(adapter -> verdicts.add(report(verdict(model, adapter))));
            if (isRecorded) {
                sample(model, adapters);
            }
        } catch (InvalidModelException e) {
            adapters.forEach(adapter -> verdicts.add(report(refused(adapter, e.isUnsupported(), e))));
        }
        return verdicts;
    }

    /** Runs sampled requests with the adapters that are supported. */
    private static void sample(LanguageModel model, List<Path> adapters) {
        try (AdapterStore store = new AdapterStore(model)) {
            List<LoraWeights> loaded = new ArrayList<>();
            for (Path adapter : adapters) {
                try {
                    loaded.add(store.load(adapter.toString(), adapter).weights());
                } catch (InvalidAdapterException e) {
                    LOG.log(System.Logger.Level.DEBUG, "not recorded, as the verdict says", e);
                }
            }
            if (!loaded.isEmpty()) {
                new SampledRequests(model, loaded).run();
            }
        }
    }

    private static Verdict verdict(LanguageModel model, Path adapter) {
        try (AdapterStore store = new AdapterStore(model)) {
            Reference reference = Reference.read(adapter);
            return new Verdict.Compared(
                    adapter,
                    model.computeType(),
                    new AdapterComparison(model, store.load("adapter", adapter).weights(), reference).run());
        } catch (InvalidAdapterException e) {
            return refused(adapter, e.isUnsupported(), e);
        } catch (RuntimeException e) {
            return refused(adapter, false, e);
        }
    }

    private static Verdict refused(Path adapter, boolean unsupported, RuntimeException e) {
        return unsupported
                ? new Verdict.Unsupported(adapter, e.getMessage())
                : new Verdict.Broken(adapter, String.valueOf(e.getMessage()));
    }

    private Verdict report(Verdict verdict) {
        listener.accept(verdict);
        return verdict;
    }

    private static List<Path> adapterFolders(Path folder) {
        try (Stream<Path> paths = Files.walk(folder)) {
            return paths.filter(
                            path -> path.endsWith("adapters") && !children(path).isEmpty())
                    .sorted()
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            throw new IllegalArgumentException(folder + " could not be read: " + e.getMessage(), e);
        }
    }

    /** Returns the adapters that have a reference. */
    private static List<Path> children(Path adapters) {
        try (Stream<Path> paths = Files.list(adapters)) {
            return paths.filter(path -> Files.isRegularFile(path.resolve(Reference.FILE)))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
