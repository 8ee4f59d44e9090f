package io.tidemark.torch;

import ai.djl.pytorch.engine.PtNDManager;

/** What every value of one {@link Torch} shares: its device's manager, who hears of it, and the threads that call it. */
record Context(PtNDManager manager, Recorder recorder, CallingThreads threads) {}
