package io.tidemark.benchmark.calibration;

import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;

/**
 * Recorded scores of the examples of some adapters. The file is CSV in UTF-8, which may be compressed with gzip. A line
 * has the name of the adapter and the mean log-probabilities per gold token of one example at the boundaries 0 to L,
 * such as {@code lora-gsm,-1.2034,-1.1987,-1.1990}. Lines that start with {@code #} are comments.
 */
public final class RecordedScores {

    private static final int GZIP_MAGIC = 0x1f8b;

    private RecordedScores() {}

    /**
     * Reads a file.
     *
     * @return scores {@code [examples][boundaries 0 to L]} by adapter, in the order of the file
     * @throws IOException              if the file cannot be read
     * @throws IllegalArgumentException if a line is invalid, with the number of the line in the message, or if there is
     *                                  no score
     */
    public static Map<String, double[][]> read(Path file) throws IOException {
        Map<String, List<double[]>> examples = new LinkedHashMap<>();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(open(file), StandardCharsets.UTF_8))) {
            int number = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                if (!line.isBlank() && !line.startsWith("#")) {
                    add(examples, line, file + ", line " + number);
                }
            }
        }
        if (examples.isEmpty()) {
            throw new IllegalArgumentException(file + " has no scores");
        }
        Map<String, double[][]> scores = new LinkedHashMap<>();
        examples.forEach((adapter, rows) -> scores.put(adapter, rows.toArray(double[][]::new)));
        return scores;
    }

    private static InputStream open(Path file) throws IOException {
        InputStream bytes = new BufferedInputStream(Files.newInputStream(file));
        try {
            bytes.mark(2);
            boolean compressed = (bytes.read() << 8 | bytes.read()) == GZIP_MAGIC;
            bytes.reset();
            return compressed ? new GZIPInputStream(bytes) : bytes;
        } catch (IOException e) {
            bytes.close();
            throw e;
        }
    }

    private static void add(Map<String, List<double[]>> examples, String line, String where) {
        String[] fields = line.split(",", -1);
        if (fields.length < 3 || fields[0].isBlank()) {
            throw new IllegalArgumentException(where + ": expected an adapter and two scores or more");
        }
        double[] scores = new double[fields.length - 1];
        for (int b = 0; b < scores.length; b++) {
            try {
                scores[b] = Double.parseDouble(fields[b + 1]);
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(where + ": '" + fields[b + 1] + "' is not a number", e);
            }
            if (!Double.isFinite(scores[b])) {
                throw new IllegalArgumentException(where + ": '" + fields[b + 1] + "' is not finite");
            }
        }
        List<double[]> rows = examples.computeIfAbsent(fields[0].strip(), adapter -> new ArrayList<>());
        if (!rows.isEmpty() && rows.get(0).length != scores.length) {
            throw new IllegalArgumentException(
                    where + ": " + scores.length + " scores, but " + rows.get(0).length + " in lines before");
        }
        rows.add(scores);
    }
}
