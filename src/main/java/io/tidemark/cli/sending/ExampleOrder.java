package io.tidemark.cli.sending;

import com.fasterxml.jackson.databind.JsonNode;
import io.tidemark.cli.model.DataFile;
import io.tidemark.cli.model.DataFile.ExampleLine;
import io.tidemark.message.RawValidationBatch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Random;
import java.util.UUID;

/**
 * The order in which the examples of a file are sent: shuffled, since the promise of the calibrators is for independent
 * draws and files are often sorted. The examples of a group stay together. Immutable.
 *
 * @param units the examples without a group, and the examples of each group
 */
public record ExampleOrder(List<List<ExampleLine>> units) {

    /** A batch with the lines of its examples. */
    public record LinedBatch(RawValidationBatch batch, List<Integer> lines) {}

    /**
     * @param seed  of the order; empty for the order of the file
     * @param count the most examples to send: the first units of the order, up to the first one that would exceed it
     */
    public static ExampleOrder of(List<ExampleLine> lines, OptionalLong seed, long count) {
        Map<Object, List<ExampleLine>> byUnit = new LinkedHashMap<>();
        for (ExampleLine line : lines) {
            Object unit = line.group().<Object>map(name -> name).orElse(line.number());
            byUnit.computeIfAbsent(unit, first -> new ArrayList<>(1)).add(line);
        }
        List<List<ExampleLine>> order = new ArrayList<>(byUnit.values());
        seed.ifPresent(value -> Collections.shuffle(order, new Random(value)));
        List<List<ExampleLine>> units = new ArrayList<>();
        long examples = 0;
        for (List<ExampleLine> unit : order) {
            examples += unit.size();
            if (examples > count) {
                break;
            }
            units.add(List.copyOf(unit));
        }
        return new ExampleOrder(units);
    }

    public ExampleOrder {
        units = List.copyOf(units);
    }

    /** The number of examples. */
    public long examples() {
        return units.stream().mapToLong(List::size).sum();
    }

    /**
     * Batches with unique ids, one batch at a time. A batch has more examples than {@code batchSize} only if it is one
     * group.
     *
     * @param file the file of the lines
     */
    public Iterator<LinedBatch> batches(String adapter, int batchSize, DataFile.LineReader file) {
        String run = UUID.randomUUID().toString().substring(0, 8);
        return new Iterator<>() {

            private int next;
            private int number;

            @Override
            public boolean hasNext() {
                return next < units.size();
            }

            @Override
            public LinedBatch next() {
                List<ExampleLine> batch = new ArrayList<>(units.get(next++));
                while (hasNext() && batch.size() + units.get(next).size() <= batchSize) {
                    batch.addAll(units.get(next++));
                }
                return new LinedBatch(
                        new RawValidationBatch(
                                adapter + "-" + run + "-" + number++,
                                adapter,
                                batch.stream().<JsonNode>map(file::object).toList()),
                        batch.stream().map(ExampleLine::number).toList());
            }
        };
    }
}
