"""Tidemark in a cluster: the base with lower requests, applied as its documentation says."""
import json
import shutil
import time

from programs import Failure
from images import ROOT

NAMESPACE = "tidemark"
WORKER, CALIBRATOR = "tidemark-worker", "tidemark-calibrator"
ROLLOUT_SECONDS = 240
PODS = "app.kubernetes.io/name=tidemark"
# of pods on a machine of two processors, on which a worker's engine has one
REQUESTS = {"cpu": "400m", "memory": "1Gi"}


class Installation:
    """Deployments, settings and pods in the namespace NAMESPACE."""

    def __init__(self, cluster, folder):
        self._cluster = cluster
        self._folder = folder
        shutil.copytree(ROOT / "k8s", folder / "k8s")

    def kubectl(self, *arguments, **options):
        return self._cluster.kubectl("--namespace", NAMESPACE, *arguments, **options)

    def deploy(self, base="../k8s/base", components=(), settings=(), worker=None, calibrator=None, generators=(), scaled_object=()):
        """
        Applies the base or an overlay and returns when its pods have been replaced, unless none is wanted.

        settings: of the ConfigMap; worker, calibrator: a patch of the pod's specification; scaled_object: operations of a
        JSON patch
        """
        container = {"name": "tidemark", "resources": {"requests": REQUESTS}}
        patches = [self._pod_patch(name, {"containers": [container]}) for name in (WORKER, CALIBRATOR)]
        patches += [self._pod_patch(name, patch) for name, patch in ((WORKER, worker), (CALIBRATOR, calibrator)) if patch]
        if scaled_object:
            patches.append({"target": {"kind": "ScaledObject", "name": WORKER}, "patch": json.dumps(scaled_object)})
        folder = self._folder / "deploy"
        folder.mkdir(exist_ok=True)
        settings = {"TIDEMARK_ENGINE_COMPUTE_TYPE": "int8", **dict(settings)}
        (folder / "kustomization.yaml").write_text(json.dumps({
            "resources": [base], "components": [f"../k8s/components/{each}" for each in components], "patches": patches,
            "configMapGenerator": [{"name": "tidemark", "behavior": "merge",
                                    "literals": [f"{name}={value}" for name, value in settings.items()]}, *generators]}))
        self.kubectl("apply", "-k", folder)

    @staticmethod
    def _pod_patch(name, specification):
        return {"patch": json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                                     "spec": {"template": {"spec": specification}}})}

    def scale(self, replicas, name=WORKER):
        self.kubectl("scale", f"--replicas={replicas}", f"deployment/{name}")

    def await_rollout(self, *names):
        """Until all replicas of Deployments are new and ready, and their old pods have ended."""
        for name in names or (WORKER, CALIBRATOR):
            self.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={ROLLOUT_SECONDS}s")
        self.until(lambda: not any("deletionTimestamp" in pod["metadata"] for pod in self.pods()), "old pods do not end")

    def until(self, condition, what, seconds=ROLLOUT_SECONDS, poll_seconds=0.5):
        end = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > end:
                raise Failure(f"{what} after {seconds} s:\n{self.kubectl('get', 'pods', '-o', 'wide', check=False).stdout}")
            time.sleep(poll_seconds)
        return value

    def pods(self, component=None):
        """The pods of Tidemark as the API server describes them, the oldest first."""
        selector = PODS + (f",app.kubernetes.io/component={component}" if component else "")
        pods = json.loads(self.kubectl("get", "pods", "--selector", selector, "-o", "json").stdout)["items"]
        return sorted(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def workers(self):
        """The names of the workers that are ready."""
        return [name_of(pod) for pod in self.pods("worker") if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]

    def execute(self, pod, *command, check=True):
        return self.kubectl("exec", pod, "-c", "tidemark", "--", *command, check=check)


def name_of(pod):
    return pod["metadata"]["name"]


def is_ready(pod):
    return condition_time(pod, "Ready") is not None


def condition_time(pod, kind):
    """When a condition of a pod became true, as text; None if it is not true."""
    return next((each["lastTransitionTime"] for each in pod["status"].get("conditions", ())
                 if each["type"] == kind and each["status"] == "True"), None)


def restarts_of(pod):
    return sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))


def last_end(pod):
    """How the container of a pod ended last: reason and exit code."""
    for each in pod["status"].get("containerStatuses", ()):
        ended = each.get("lastState", {}).get("terminated") or each.get("state", {}).get("terminated")
        if ended:
            return ended["reason"], ended["exitCode"]
    return None
