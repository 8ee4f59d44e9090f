/**
 * The settings of a serving process and their validation. The package depends on Quarkus' configuration only. Start
 * reading at {@link io.tidemark.stream.settings.TidemarkSettings}.
 */
package io.tidemark.stream.settings;
