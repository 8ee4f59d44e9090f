/**
 * The quick start: a broker, the serving application as in production, and an outside client that shows both at work.
 * It knows the client's package, the broker and the serving process, and reaches into neither.
 * Start reading at {@link io.tidemark.cli.demo.DemoRun}.
 */
package io.tidemark.cli.demo;
