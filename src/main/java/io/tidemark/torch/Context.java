package io.tidemark.torch;

import ai.djl.pytorch.engine.PtNDManager;

/** What every value of one {@link Torch} shares: its device's manager, and who hears of it. */
record Context(PtNDManager manager, Recorder recorder) {
}
