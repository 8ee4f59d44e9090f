package io.tidemark.decoder.script;

import io.tidemark.boundary.Boundary;
import io.tidemark.model.ComputeType;
import io.tidemark.model.Projection;
import io.tidemark.torch.ScriptContract.Layout;
import java.util.List;
import java.util.stream.Stream;

/**
 * The lists of numbers and tensors that Java and the decoder's script pass to each other. The constants of an enum are
 * the elements of a list, in order; {@code ordinal()} is the index. The script declares a layout with the same name
 * and the same fields, and does not load if they differ.
 */
public final class DecoderLayouts {

    private DecoderLayouts() {}

    /** All layouts of this class. */
    static List<Layout> all() {
        return Stream.<Class<? extends Enum<?>>>of(
                        ComputeType.class,
                        LinearModule.class,
                        LinearTensor.class,
                        LayerNorm.class,
                        LoraFactor.class,
                        LoraScale.class,
                        OverrideTensor.class,
                        PlanPart.class,
                        NativePlanPart.class,
                        SegmentField.class,
                        CallField.class,
                        CallKind.class,
                        LoraSpanField.class,
                        StackedLayerField.class,
                        GraphField.class,
                        OverrideSpanField.class,
                        SamplingPart.class,
                        SamplingSize.class,
                        ParamColumn.class,
                        CountColumn.class,
                        BiasColumn.class,
                        MaskColumn.class,
                        SampledPart.class)
                .map(Layout::of)
                .toList();
    }

    /**
     * The linears of a layer. Modules that read the same input are one linear with several parts: the weights of the
     * modules are concatenated.
     */
    public enum LinearModule {
        QKV(Projection.Q, Projection.K, Projection.V),
        O_PROJ(Projection.O),
        GATE_UP(Projection.GATE, Projection.UP),
        DOWN(Projection.DOWN);

        private final List<Projection> parts;

        LinearModule(Projection... parts) {
            this.parts = List.of(parts);
        }

        /** The modules, in the order in which their weights are concatenated. */
        public List<Projection> parts() {
            return parts;
        }
    }

    /** The tensors of a linear of the base model, by layer and {@link LinearModule}. */
    public enum LinearTensor {
        /** The weight matrix {@code [out, in]}. */
        WEIGHT,
        /** The bias {@code [out]}; no elements if the linear has none. */
        BIAS
    }

    /** The norms of a layer. */
    public enum LayerNorm {
        /** The weights of the norm before the attention, {@code [hidden]}. */
        ATTENTION,
        /** The weights of the norm before the MLP, {@code [hidden]}. */
        MLP,
        /** The norms of queries and keys, {@code [heads + kv heads, head dim]}; no elements if heads have no norm. */
        HEADS
    }

    /** The LoRA of an adapter in one linear, by layer and {@link LinearModule}. */
    public enum LoraFactor {
        /** A of each part, {@code [in, parts * rank]}. */
        A,
        /** B, {@code [rank, out]}, multiplied by scale and factor. */
        B
    }

    /** What else a scaled adapter changes in one linear, by layer and {@link LinearModule}. */
    public enum LoraScale {
        /** DoRA's factor of the base model's output, {@code [out]}. */
        FACTOR,
        /** What is added to the output, {@code [out]}. */
        SHIFT
    }

    /** The overrides of an adapter, except for norms of layers. No elements where the adapter has none. */
    public enum OverrideTensor {
        /** The embedding in place of the base model's, {@code [vocabulary, hidden]}. */
        EMBEDDING,
        /** A of the embedding's LoRA, {@code [vocabulary, rank]}. */
        EMBEDDING_A,
        /** B of the embedding's LoRA, {@code [rank, hidden]}, multiplied by scale and factor. */
        EMBEDDING_B,
        /** DoRA's factor of the embedding, {@code [hidden]}. */
        EMBEDDING_FACTOR,
        /** The head in place of the base model's, {@code [vocabulary, hidden]}. */
        HEAD,
        /** A of the head's LoRA, {@code [hidden, rank]}. */
        HEAD_A,
        /** B of the head's LoRA, {@code [rank, vocabulary]}, multiplied by scale and factor. */
        HEAD_B,
        /** DoRA's factor of the logits, {@code [vocabulary]}. */
        HEAD_FACTOR,
        /** What is added to the logits, {@code [vocabulary]}. */
        HEAD_SHIFT,
        /** The weights of the final norm in place of the base model's, {@code [hidden]}. */
        FINAL_NORM
    }

    /** The parts of a step's plan, one after another in one list of numbers; a second list has their sizes. */
    public enum PlanPart {
        /** The token ids {@code [tokens]}. */
        IDS,
        /** The position of each token in its sequence {@code [tokens]}. */
        POSITIONS,
        /** The tokens whose logits are returned {@code [sampled]}. */
        SAMPLED,
        /** The cache slot of each row of the attention calls {@code [rows]}. */
        SLOTS,
        /** The token of each row {@code [rows]}; empty if rows and tokens have the same order. */
        ORDER,
        /** The row of each token {@code [tokens]}; empty if rows and tokens have the same order. */
        RESTORED_ORDER,
        /** The token of each row of the products with a stack {@code [places * width]}; any token if it is absent. */
        STACKED_ROWS,
        /** The row of the products of each of the first tokens {@code [stacked tokens]}. */
        STACKED_POSITIONS
    }

    /** The parts of a step's plan in the native path, like {@link PlanPart}. */
    public enum NativePlanPart {
        /** The token ids {@code [tokens]}. */
        IDS,
        /** The tokens whose logits are returned {@code [sampled]}. */
        SAMPLED,
        /** The {@link SegmentField} numbers of each segment, one segment after another. */
        SEGMENTS
    }

    /** The numbers of a segment: the next tokens of one sequence in the native path. */
    public enum SegmentField {
        /** The handle of the block in the native decoder. */
        BLOCK,
        SLOT,
        /** The position of the first token in its sequence. */
        POSITION,
        TOKENS,
        /** The handle of the adapter in the native decoder; 0 for the base model. */
        ADAPTER,
        /** The adapter's LoRA is used in the layers below it. */
        BOUNDARY;

        /** The segment of the next {@code tokens} tokens of the sequence in a slot of a block. */
        public static long[] segment(long block, int slot, int position, int tokens, long adapter, Boundary boundary) {
            long[] segment = new long[values().length];
            segment[BLOCK.ordinal()] = block;
            segment[SLOT.ordinal()] = slot;
            segment[POSITION.ordinal()] = position;
            segment[TOKENS.ordinal()] = tokens;
            segment[ADAPTER.ordinal()] = adapter;
            segment[BOUNDARY.ordinal()] = boundary.layers();
            return segment;
        }
    }

    /** The numbers of an attention call. */
    public enum CallField {
        /** Index of the block in the step's list of caches. */
        BLOCK,
        FIRST_SLOT,
        END_SLOT,
        /** New tokens of each slot. */
        QUERIES,
        /** How many cached tokens the call reads in layers without a window. */
        SPAN,
        /** Index of the {@link CallKind}. */
        KIND,
        /** How many tokens a slot holds in layers with a window. */
        RING_CAPACITY,
        /** How many cached tokens the call reads in layers with a window. */
        RING_SPAN,
        /** Position of the only query, or {@link DecoderScript#NONE} if there are several. */
        ONLY_POSITION
    }

    /** How an attention call reads keys and values. */
    public enum CallKind {
        /** Reads the cache, with a mask. */
        CACHED,
        /** The first tokens of one sequence: reads the cache, causal without a mask. */
        CAUSAL
    }

    /** The numbers of a span: rows of a pass that share an adapter and a boundary. */
    public enum LoraSpanField {
        FIRST,
        END,
        BOUNDARY;

        private static final int COUNT = values().length;

        /** Rows {@code first .. end-1}. */
        public static long[] span(long first, long end, Boundary boundary) {
            long[] span = new long[COUNT];
            span[FIRST.ordinal()] = first;
            span[END.ordinal()] = end;
            span[BOUNDARY.ordinal()] = boundary.layers();
            return span;
        }

        /** A span without rows, for passes without LoRA: a list that Java creates must not be empty. */
        public static long[] empty() {
            return span(0, 0, new Boundary(0));
        }
    }

    /** What a layer computes of a stack of adapters. */
    public enum StackedLayerField {
        /** The number of first rows whose adapters are in effect. */
        ROWS,
        /** The number of first places that have these adapters. */
        PLACES
    }

    /** The CUDA graph of a step. */
    public enum GraphField {
        POOL,
        SLOT,
        /** 0 or 1. */
        CAPTURED
    }

    /** The numbers of a span: rows of a pass that share an adapter with overrides. */
    public enum OverrideSpanField {
        FIRST,
        END,
        /** The same rows among the sampled rows. */
        FIRST_SAMPLED,
        END_SAMPLED;

        private static final int COUNT = values().length;

        /** Rows {@code first .. end-1}, and sampled rows {@code firstSampled .. endSampled-1}. */
        public static long[] span(long first, long end, long firstSampled, long endSampled) {
            long[] span = new long[COUNT];
            span[FIRST.ordinal()] = first;
            span[END.ordinal()] = end;
            span[FIRST_SAMPLED.ordinal()] = firstSampled;
            span[END_SAMPLED.ordinal()] = endSampled;
            return span;
        }

        /** A span without rows, for passes without overrides. */
        public static long[] empty() {
            return span(0, 0, 0, 0);
        }
    }

    /** The parts of the sampling inputs, one after another in one list; a second list has their sizes. */
    public enum SamplingPart {
        /** A {@link ParamColumn} row for each processed row, in the order of {@link SamplingSize}. */
        PARAMS,
        /** A {@link CountColumn} row for each token with a penalty. */
        TOKEN_COUNTS,
        /** A {@link BiasColumn} row for each biased token. */
        BIASES,
        /** A {@link MaskColumn} row for each processed row with a mask. */
        MASKED,
        /** A {@link MaskColumn} row for each row that takes the most likely token of its mask and is not processed. */
        MASKED_ARGMAX,
        /** The index of each row that reports log-probabilities. */
        REPORTS
    }

    /** How many rows are sampled in which way, and the width of the reports. */
    public enum SamplingSize {
        /** How many processed rows take the token of the largest logit. */
        GREEDY,
        /** How many processed rows are sampled with neither top-k nor top-p. */
        FULL_VOCABULARY,
        /** How many processed rows are sampled with top-k. */
        TOP_K,
        /** How many processed rows are sampled with top-p but not top-k. */
        TOP_P,
        /** How many of the most likely tokens each report has. */
        ALTERNATIVES,
        /** 1 if a GPU samples with top-k and top-p among the whole vocabulary, 0 if it tries the most likely first. */
        WHOLE
    }

    /** The parameters of a processed row. */
    public enum ParamColumn {
        /** Index of the row in the logits. */
        ROW,
        TEMPERATURE,
        TOP_P,
        TOP_K,
        MIN_P,
        REPETITION,
        PRESENCE,
        FREQUENCY,
        /** A uniform random number in [0, 1). */
        UNIFORM
    }

    /** A token of a processed row to which penalties apply. */
    public enum CountColumn {
        /** Index of the row among the processed rows. */
        INDEX,
        TOKEN,
        /** How often the row has generated the token; 0 for a token of the prompt. */
        VALUE
    }

    /** A number that is added to a logit of a processed row. */
    public enum BiasColumn {
        /** Index of the row among the processed rows. */
        INDEX,
        TOKEN,
        VALUE
    }

    /** Which mask a row has. */
    public enum MaskColumn {
        /** Index of the row among the processed rows, or among all rows. */
        INDEX,
        /** Index of its mask among the masks of the step. */
        MASK
    }

    /** The parts of what sampling returns, one after another in float64. */
    public enum SampledPart {
        /** The token of each row {@code [rows]}. */
        TOKENS,
        /** 1 for each row whose logits are all finite, 0 for others {@code [rows]}. */
        FINITE,
        /** 0 for each row that must be sampled again among the whole vocabulary, 1 for others {@code [rows]}. */
        CERTAIN,
        /** The log-probability of the token of each report {@code [reports]}. */
        LOGPROBS,
        /** The most likely tokens of each report {@code [reports, alternatives]}. */
        TOP_TOKENS,
        /** Their log-probabilities {@code [reports, alternatives]}. */
        TOP_LOGPROBS
    }
}
