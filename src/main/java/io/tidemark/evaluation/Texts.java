package io.tidemark.evaluation;

/** The texts of one setting, judged. */
record Texts(TextScores scores, double meanTokens) {}
