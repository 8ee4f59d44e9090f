package io.tidemark.cli;

/** How a report is written. */
enum ReportFormat {
    TEXT,
    JSON,
    MARKDOWN
}
