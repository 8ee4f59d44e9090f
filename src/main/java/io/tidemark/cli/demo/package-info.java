/**
 * {@code tidemark demo}: a broker, worker and calibrator as in production, and a client. Depends on {@code client},
 * {@code broker}, {@code cli.adapters}, {@code cli.serving}, {@code cli.model} and {@code cli.console}. Start with
 * {@link io.tidemark.cli.demo.DemoRun}.
 */
package io.tidemark.cli.demo;
