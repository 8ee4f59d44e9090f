/**
 * The settings of a serving process, checked before anything else starts. They know no other part of the project but
 * the words they are read into. Start reading at {@link io.tidemark.stream.settings.TidemarkSettings}.
 */
package io.tidemark.stream.settings;
