/**
 * The names that requests use, and what each stands for: a folder of the settings, a version that a record names, or an
 * alias of several. Depends on {@code adapter}, {@code adapter.source}, {@code message}, {@code text} and {@code time},
 * but not on Kafka. Start reading at {@link io.tidemark.catalog.AdapterCatalog}.
 */
package io.tidemark.catalog;
