package io.tidemark.cli;

import io.tidemark.plot.Plot;
import io.tidemark.plot.SvgPlot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Pictures as SVG files in one folder. */
record PictureFiles(Path folder) {

    /** Writes {@code NAME.svg}, and the folder where it is missing. */
    void write(String name, Plot picture) {
        Path file = folder.resolve(name + ".svg");
        try {
            Files.createDirectories(folder);
            Files.writeString(file, SvgPlot.of(picture));
        } catch (IOException e) {
            throw new CommandFailed(file + " cannot be written: " + FailureText.oneLine(e), e);
        }
    }
}
