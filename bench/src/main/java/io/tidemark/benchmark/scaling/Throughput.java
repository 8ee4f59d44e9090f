package io.tidemark.benchmark.scaling;

import java.util.Map;
import java.util.NavigableMap;

/**
 * The measured speed of a worker. Decoding is linear between the measured numbers of sequences and constant beyond the
 * last one.
 *
 * @param decode  completion tokens per second of all sequences together, by the number of running sequences from 1 on
 * @param prefill prompt tokens per second; sequences do not decode during a prefill
 */
record Throughput(NavigableMap<Integer, Double> decode, double prefill) {

    /** @param sequences number of running sequences, 1 or more */
    double decodeRate(int sequences) {
        Map.Entry<Integer, Double> below = decode.floorEntry(sequences);
        Map.Entry<Integer, Double> above = decode.ceilingEntry(sequences);
        if (above == null || above.getKey().equals(below.getKey())) {
            return below.getValue();
        }
        double share = (double) (sequences - below.getKey()) / (above.getKey() - below.getKey());
        return below.getValue() + share * (above.getValue() - below.getValue());
    }

    /** Seconds that a worker needs for a request while it runs this number of sequences. */
    double seconds(double promptTokens, double completionTokens, int sequences) {
        return promptTokens / prefill + completionTokens / decodeRate(sequences);
    }
}
