package io.tidemark.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A file with one JSON object a line. */
public final class JsonLines {

    private JsonLines() {}

    /** @throws CommandFailed naming the file and line that is no JSON object, or when there is none at all */
    public static List<ObjectNode> read(Path file) {
        ObjectMapper json = new ObjectMapper();
        List<ObjectNode> objects = new ArrayList<>();
        List<String> lines = lines(file);
        for (int number = 1; number <= lines.size(); number++) {
            String line = lines.get(number - 1);
            if (!line.isBlank()) {
                objects.add(object(json, line, file + ":" + number));
            }
        }
        if (objects.isEmpty()) {
            throw new CommandFailed(file + " holds no JSON object");
        }
        return objects;
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (MalformedInputException e) {
            throw new CommandFailed(file + " is not UTF-8", e);
        } catch (IOException e) {
            throw new CommandFailed(file + " cannot be read: " + FailureText.oneLine(e), e);
        }
    }

    private static ObjectNode object(ObjectMapper json, String line, String place) {
        try {
            JsonNode node = json.readTree(line);
            if (node instanceof ObjectNode object) {
                return object;
            }
            throw new CommandFailed(place + " is not a JSON object");
        } catch (JsonProcessingException e) {
            throw new CommandFailed(place + " is not JSON: " + e.getOriginalMessage(), e);
        }
    }
}
