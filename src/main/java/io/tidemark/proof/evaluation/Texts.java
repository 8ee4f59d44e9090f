package io.tidemark.proof.evaluation;

/** The texts of one setting, judged. */
record Texts(TextScores scores, double meanTokens) {}
