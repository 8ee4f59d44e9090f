package io.tidemark.benchmark.scaling;

import io.tidemark.benchmark.scaling.HorizontalAutoscaler.Metric;
import io.tidemark.benchmark.scaling.Signal.Trigger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/**
 * Simulates a deployment of workers under a workload. The result depends on the arguments only.
 *
 * <p>KEDA makes the first worker and removes the last one, by the lag; the HorizontalPodAutoscaler decides the number
 * while there are workers.
 */
public final class ScalingSimulation {

    /** {@code pollingInterval} of {@code k8s/components/keda}, which applies to the first and the last worker only. */
    private static final double POLLING_SECONDS = 15;

    private static final double MINUTE = 60;
    /** Interval at which the time beyond the target is sampled. */
    private static final double SAMPLE_SECONDS = 5;

    private final Workload workload;
    private final WorkerSettings workerSettings;
    private final GroupSettings groupSettings;
    private final ScalerSettings scaler;

    public ScalingSimulation(
            Workload workload, WorkerSettings workerSettings, GroupSettings groupSettings, ScalerSettings scaler) {
        this.workload = workload;
        this.workerSettings = workerSettings;
        this.groupSettings = groupSettings;
        this.scaler = scaler;
    }

    /**
     * Runs the trace until each request has ended.
     *
     * @param targetSeconds time to the first token beyond which a request is late
     */
    public ScalingResult run(Signal signal, long seed, double targetSeconds) {
        return new Run(signal, workload.requests(seed, groupSettings.partitions()), targetSeconds).run();
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
        private final List<Request> requests;
        private final double target;
        private final double end = workload.hours() * 3600;
        private final VirtualClock clock = new VirtualClock();
        private final ConsumerGroup group;
        private final Prometheus prometheus;
        private final HorizontalAutoscaler autoscaler;
        /** All pods, also those that have ended. */
        private final List<Pod> pods = new ArrayList<>();

        private final List<Integer> replicasByMinute = new ArrayList<>();
        private final List<Double> waitByMinute = new ArrayList<>();
        private int finished;
        private double lastActive;
        private int scaleOuts;
        private int scaleIns;
        private int samples;
        private int lateSamples;

        Run(Signal signal, List<Request> requests, double target) {
            this.signal = signal;
            this.requests = requests;
            this.target = target;
            this.group = new ConsumerGroup(clock, groupSettings, any -> finished++);
            this.prometheus = new Prometheus(clock);
            this.autoscaler = new HorizontalAutoscaler(
                    Math.max(1, scaler.minReplicas()),
                    scaler.maxReplicas(),
                    signal.stabilizationSeconds().orElse(scaler.stabilizationSeconds()));
        }

        ScalingResult run() {
            for (int i = 0; i < signal.replicas().orElse(scaler.minReplicas()); i++) {
                start();
            }
            arrive(0);
            clock.every(SAMPLE_SECONDS, this::sample);
            clock.every(MINUTE, this::minute);
            if (signal.replicas().isEmpty()) {
                clock.every(HorizontalAutoscaler.SYNC_SECONDS, this::synchronize);
                if (scaler.minReplicas() == 0) {
                    clock.every(POLLING_SECONDS, this::poll);
                }
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
            int current = replicas();
            if (current > 0) {
                List<Metric> metrics = signal.thresholds().entrySet().stream()
                        .map(each -> new Metric(value(each.getKey(), each.getValue()), each.getValue()))
                        .toList();
                scale(autoscaler.replicas(clock.now(), current, metrics));
            }
        }

        private double value(Trigger trigger, double threshold) {
            return switch (trigger) {
                // no more workers than partitions, as with allowIdleConsumers: false
                case LAG -> Math.min(group.lag(), threshold * groupSettings.partitions());
                case WORK -> prometheus.workSeconds();
                case LOAD -> prometheus.loadWorkers();
            };
        }

        private void poll() {
            if (group.lag() > 0) {
                lastActive = clock.now();
                if (replicas() == 0) {
                    scale(1);
                }
            } else if (replicas() > 0 && clock.now() - lastActive > scaler.cooldownSeconds()) {
                scale(0);
            }
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
            Pod pod = new Pod(new Worker(clock, workerSettings, group), clock.now());
            pods.add(pod);
            clock.after(workerSettings.startSeconds(), () -> {
                if (!pod.stopping) {
                    pod.ready = true;
                    group.join(pod.worker);
                    prometheus.scrape(pod.worker, scaler.metricsSeconds());
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
                lateSamples += oldestWait() > target ? 1 : 0;
            }
        }

        private void minute() {
            if (clock.now() > 0 && clock.now() <= end) {
                replicasByMinute.add(replicas());
                waitByMinute.add(oldestWait());
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
                    requests.size(),
                    (double) Arrays.stream(waits).filter(wait -> wait > target).count() / waits.length,
                    (double) lateSamples / samples,
                    waits[waits.length / 2],
                    waits[(int) (waits.length * 0.99)],
                    pods.stream().mapToDouble(each -> each.seconds(end)).sum() / 3600,
                    scaleOuts,
                    scaleIns,
                    lost / (lost + tokens),
                    minutes());
        }

        private List<ScalingResult.Minute> minutes() {
            double[] needed = new double[replicasByMinute.size() + 1];
            for (Request each : requests) {
                needed[(int) Math.min(needed.length - 1, each.arrival / MINUTE)] +=
                        workerSettings.throughput().seconds(each.prompt, each.completion, workerSettings.maxNumSeqs())
                                / MINUTE;
            }
            return IntStream.range(0, replicasByMinute.size())
                    .mapToObj(i -> new ScalingResult.Minute(needed[i], replicasByMinute.get(i), waitByMinute.get(i)))
                    .toList();
        }
    }
}
