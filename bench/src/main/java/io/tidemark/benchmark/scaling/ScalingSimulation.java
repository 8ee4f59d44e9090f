package io.tidemark.benchmark.scaling;

import io.tidemark.benchmark.scaling.HorizontalAutoscaler.Metric;
import io.tidemark.benchmark.scaling.Signal.Trigger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Simulates a deployment of workers under a workload. The result depends on the arguments only. With triggers, the
 * HorizontalPodAutoscaler decides the number of workers, which is 1 at first.
 */
public final class ScalingSimulation {

    /** Time to the first token beyond which a request is late, in seconds. */
    public static final double TARGET_SECONDS = 10;

    private static final double MINUTE = 60;
    /** Interval at which the time beyond the target is sampled. */
    private static final double SAMPLE_SECONDS = 5;

    private final Workload workload;
    private final Deployment deployment;
    private final List<Request> requests;

    ScalingSimulation(Workload workload, Deployment deployment, long seed) {
        this.workload = workload;
        this.deployment = deployment;
        this.requests = workload.requests(seed, deployment.partitions());
    }

    /** A bursty day of 5 requests a second for workers with SmolLM2-135M. */
    public static ScalingSimulation ofDay(long seed) {
        return new ScalingSimulation(new Workload(24, 5, true), Deployment.SMOLLM2, seed);
    }

    /** Runs the trace until each request has ended. */
    public ScalingResult run(Signal signal) {
        return new Run(signal).run();
    }

    /** The workers that the requests of each minute keep busy, at the highest throughput. */
    public DoubleSummaryStatistics neededWorkers() {
        double[] needed = new double[(int) Math.ceil(workload.hours() * 3600 / MINUTE)];
        for (Request each : requests) {
            double seconds = deployment.throughput().seconds(each.prompt, each.completion, deployment.maxNumSeqs());
            needed[(int) (each.arrival / MINUTE)] += seconds / MINUTE;
        }
        return Arrays.stream(needed).summaryStatistics();
    }

    /** The number of requests. */
    public int requests() {
        return requests.size();
    }

    private static final class Pod {

        final Worker worker;
        final double created;
        boolean ready;
        boolean stopping;
        OptionalDouble ended = OptionalDouble.empty();

        Pod(Worker worker, double created) {
            this.worker = worker;
            this.created = created;
        }

        double seconds(double end) {
            double until = ended.orElse(worker.stoppedAt().orElse(end));
            return Math.max(0, Math.min(until, end) - created);
        }
    }

    /** The state of one simulation. */
    private final class Run {

        private final Signal signal;
        private final List<Request> requests =
                ScalingSimulation.this.requests.stream().map(Request::unstarted).toList();
        private final double end = workload.hours() * 3600;
        private final VirtualClock clock = new VirtualClock();
        private final ConsumerGroup group;
        private final Prometheus prometheus;
        private final HorizontalAutoscaler autoscaler;
        /** All pods, also those that have ended. */
        private final List<Pod> pods = new ArrayList<>();

        private int finished;
        private int scaleOuts;
        private int scaleIns;
        private int samples;
        private int lateSamples;

        Run(Signal signal) {
            this.signal = signal;
            this.group = new ConsumerGroup(clock, deployment, any -> finished++);
            this.prometheus = new Prometheus(clock);
            this.autoscaler = new HorizontalAutoscaler(deployment.maxReplicas(), signal.stabilizationSeconds());
        }

        ScalingResult run() {
            for (int i = 0; i < signal.replicas().orElse(1); i++) {
                start();
            }
            arrive(0);
            clock.every(SAMPLE_SECONDS, this::sample);
            if (signal.replicas().isEmpty()) {
                clock.every(HorizontalAutoscaler.SYNC_SECONDS, this::synchronize);
            }
            while (finished < requests.size() || clock.now() < end) {
                clock.step();
            }
            return result();
        }

        private void arrive(int index) {
            if (index < requests.size()) {
                Request request = requests.get(index);
                clock.after(request.arrival - clock.now(), () -> {
                    group.append(request);
                    arrive(index + 1);
                });
            }
        }

        private int replicas() {
            return (int) pods.stream().filter(each -> !each.stopping).count();
        }

        private void synchronize() {
            List<Metric> metrics = signal.thresholds().entrySet().stream()
                    .map(each -> new Metric(value(each.getKey(), each.getValue()), each.getValue()))
                    .toList();
            scale(autoscaler.replicas(clock.now(), replicas(), metrics));
        }

        private double value(Trigger trigger, double threshold) {
            return switch (trigger) {
                // no more workers than partitions, as with allowIdleConsumers: false
                case LAG -> Math.min(group.lag(), threshold * deployment.partitions());
                case WORK -> prometheus.workSeconds();
                case LOAD -> prometheus.loadWorkers();
            };
        }

        /** Pods that are not ready end first, then the youngest. */
        private void scale(int replicas) {
            int current = replicas();
            if (replicas > current) {
                scaleOuts++;
                IntStream.range(current, replicas).forEach(any -> start());
            } else if (replicas < current) {
                scaleIns++;
                pods.stream()
                        .filter(each -> !each.stopping)
                        .sorted(Comparator.comparing((Pod each) -> each.ready)
                                .thenComparing(each -> each.created, Comparator.reverseOrder()))
                        .limit(current - replicas)
                        .toList()
                        .forEach(this::stop);
            }
        }

        private void start() {
            Pod pod = new Pod(new Worker(clock, deployment, group), clock.now());
            pods.add(pod);
            clock.after(deployment.startSeconds(), () -> {
                if (!pod.stopping) {
                    pod.ready = true;
                    group.join(pod.worker);
                    prometheus.scrape(pod.worker);
                }
            });
        }

        private void stop(Pod pod) {
            pod.stopping = true;
            if (pod.ready) {
                pod.worker.stop();
            } else {
                pod.ended = OptionalDouble.of(clock.now());
            }
        }

        private double oldestWait() {
            return clock.now() - group.oldestWithoutToken().orElse(clock.now());
        }

        private void sample() {
            if (clock.now() < end) {
                samples++;
                lateSamples += oldestWait() > TARGET_SECONDS ? 1 : 0;
            }
        }

        private ScalingResult result() {
            double[] waits = requests.stream()
                    .mapToDouble(Request::timeToFirstToken)
                    .sorted()
                    .toArray();
            double lost = requests.stream().mapToDouble(each -> each.lostTokens).sum();
            double tokens = requests.stream().mapToDouble(Request::tokens).sum();
            return new ScalingResult(
                    (double) Arrays.stream(waits)
                                    .filter(wait -> wait > TARGET_SECONDS)
                                    .count()
                            / waits.length,
                    (double) lateSamples / samples,
                    waits[waits.length / 2],
                    waits[(int) (waits.length * 0.99)],
                    pods.stream().mapToDouble(each -> each.seconds(end)).sum() / 3600,
                    scaleOuts,
                    scaleIns,
                    lost / (lost + tokens));
        }
    }
}
