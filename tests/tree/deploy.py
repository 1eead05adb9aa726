# SPDX-License-Identifier: MIT
"""What must hold of the rendered overlays, the compose file, the alerts and the dashboard."""
import json
import os
import re
import subprocess
import sys

wrong = []


def complain(*words):
    wrong.append(" ".join(str(word) for word in words))


def rows(file, macro):
    text = open(f"schemas/{file}").read()
    for inside in re.findall(rf'^{macro}\( *(.*?) *\)\s*$', text, re.M):
        yield [part.strip().strip('"') for part in re.findall(r'"(?:[^"\\]|\\.)*"|[^,]+', inside)]


# ---------------------------------------------------------------- overlays


def seconds(text):
    return {"ms": 0.001, "s": 1, "m": 60}[re.sub(r"[0-9]", "", text)] * int(re.sub(r"\D", "", text))


def matches(selector, labels):
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions") or []:
        if rule["operator"] != "In" or labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


# What other programs write besides their data: a variable that names the folder, or the folder itself.
# They do not start, or fail some day, where that is not a mount.
WRITTEN = {"minio": ["$HOME"], "postgres": ["/dev/shm", "/var/run/postgresql", "/tmp"]}


class Overlay:
    def __init__(self, name, docs):
        self.name = name
        self.docs = docs
        self.pods = []  # (namespace, name, kind, pod template, the whole)
        for doc in docs:
            template = doc.get("spec", {}).get("template")
            if doc["kind"] in ("Deployment", "StatefulSet", "Job"):
                self.pods.append((self.space(doc), doc["metadata"]["name"], doc["kind"], template, doc))

    def complain(self, *words):
        complain(f"k8s/overlays/{self.name}:", *words)

    @staticmethod
    def space(doc):
        return doc["metadata"].get("namespace", "")

    def of_kind(self, kind):
        return [doc for doc in self.docs if doc["kind"] == kind]

    def check_schemas(self):
        import kubernetes_validate

        for doc in self.docs:
            at = f'{doc["kind"]} {self.space(doc)}/{doc["metadata"]["name"]}'
            try:
                kubernetes_validate.validate(doc, os.environ["KUBERNETES_VERSION"], strict=True)
            except kubernetes_validate.SchemaNotFoundError:
                if doc["apiVersion"] != "keda.sh/v1alpha1":
                    self.complain(at, "is of no kind that Kubernetes knows")
            except kubernetes_validate.ValidationError as error:
                self.complain(at, "is not valid:", error.message, "at", list(error.path))

    def settings_of(self, space, container):
        found = {}
        for source in container.get("envFrom", []):
            name = source["configMapRef"]["name"]
            maps = [doc for doc in self.of_kind("ConfigMap")
                    if doc["metadata"]["name"] == name and self.space(doc) == space]
            if not maps:
                self.complain("there is no ConfigMap", f"{space}/{name}")
            for doc in maps:
                found.update(doc["data"])
        for env in container.get("env", []):
            found[env["name"]] = env.get("value", "")
        return found

    def check_pods(self):
        for space, name, kind, template, doc in self.pods:
            spec = template["spec"]
            at = f"{kind} {space}/{name}"
            if spec.get("enableServiceLinks") is not False:
                self.complain(at, "lets Kubernetes set variables for Services")
            if spec.get("automountServiceAccountToken") is not False:
                self.complain(at, "holds a token of the cluster")
            if kind != "Job" and not matches(doc["spec"]["selector"], template["metadata"]["labels"]):
                self.complain(at, "does not select its own pods")
            for container in spec["containers"]:
                self.check_container(at, space, kind, spec, container)

    def check_container(self, at, space, kind, spec, container):
        security = {**spec["securityContext"], **container["securityContext"]}
        settings = self.settings_of(space, container)
        image = container["image"]
        if not re.search(r":[^:/]*[0-9][^:/]*$", image):
            self.complain(at, "names its image without a version:", image)
        if not security.get("readOnlyRootFilesystem"):
            self.complain(at, "may write to its root")
        if (security.get("privileged") or not security.get("runAsNonRoot")) and "qa-worker" not in image:
            self.complain(at, "runs as root")
        if "requests" not in container["resources"] or "memory" not in container["resources"]["limits"]:
            self.complain(at, "has no resources")
        if kind != "Job":
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if probe not in container:
                    self.complain(at, "has no", probe)
        # What all pods of a Service need goes away for all at once: none of them would be left.
        ready = container.get("readinessProbe", {}).get("httpGet", {})
        if (ready.get("port"), ready.get("path")) == ("http", "/readyz"):
            self.complain(at, "takes no uploads while the database or the object store is away")
        if "PRT_STOP_GRACE" in settings:
            pause = (container.get("lifecycle") or {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
            needed = seconds(settings["PRT_STOP_GRACE"]) + int(pause[1]) + 5
            if spec["terminationGracePeriodSeconds"] < needed:
                self.complain(at, "is killed before it has drained, which takes up to", needed, "s")
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes and kind != "StatefulSet":
                self.complain(at, "mounts", mount["name"], "which is no volume")
        mounted = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        for path in WRITTEN.get(container["name"], []):
            if (settings.get(path[1:]) if path[0] == "$" else path) not in mounted:
                self.complain(at, "cannot write to", path)
        self.check_values(at, settings)

    def check_values(self, at, settings):
        """The program itself says whether it would start with these."""
        build = os.environ.get("PRT_TEST_BUILD")
        names = {key: value for key, value in settings.items()
                 if key.startswith("PRT_") and not key.endswith("_FILE")}
        if not names or build is None or not os.path.exists(f"{build}/prt"):
            return
        ran = subprocess.run([f"{build}/prt", "--data", "/nonexistent", "config"], env=names,
                             capture_output=True, text=True)
        if ran.returncode != 0:
            self.complain(at, "would not start:", ran.stderr.strip())

    def check_roles(self):
        stages = {row[0]: row[1] for row in rows("pipeline.def", "STAGE")}
        roles = {template["spec"]["containers"][0]["args"][0]: (space, name)
                 for space, name, _, template, _ in self.pods
                 if template["metadata"]["labels"].get("prt/worker") == "yes"}
        if set(roles) != set(stages):
            self.complain("roles are", sorted(roles), "and should be", sorted(stages))
        scaled = {}
        for doc in self.of_kind("ScaledObject"):
            target = (self.space(doc), doc["spec"]["scaleTargetRef"]["name"])
            for trigger in doc["spec"]["triggers"]:
                data = trigger["metadata"]
                scaled[data["consumer"]] = target
                if trigger["type"] != "nats-jetstream" or data["account"] != "$G":
                    self.complain("ScaledObject", *target, "does not ask JetStream's account $G")
                if stages.get(data["consumer"]) != data["stream"]:
                    self.complain("ScaledObject", *target, "asks for", data["stream"], data["consumer"],
                                  "which is no row of pipeline.def")
                if not int(data["lagThreshold"]) > 0:
                    self.complain("ScaledObject", *target, "has no lagThreshold")
                self.check_address(data["natsServerMonitoringEndpoint"], "nats-headless")
        if scaled != roles:
            self.complain("scaled are", scaled, "and should be", roles)

    def check_address(self, address, service):
        host, port = address.split(":")
        name, space = host.split(".")[:2]
        found = [doc for doc in self.of_kind("Service") if doc["metadata"]["name"] == name
                 and self.space(doc) == space and int(port) in [p["port"] for p in doc["spec"]["ports"]]]
        if name != service or not found:
            self.complain("no Service listens at", address)

    def check_selectors(self):
        for doc in self.docs:
            spec = doc.get("spec", {})
            selector = {"Service": {"matchLabels": spec.get("selector")},
                        "PodDisruptionBudget": spec.get("selector"),
                        "NetworkPolicy": spec.get("podSelector")}.get(doc["kind"])
            if selector is None:
                continue
            chosen = [template for space, _, _, template, _ in self.pods
                      if space == self.space(doc) and matches(selector, template["metadata"]["labels"])]
            at = f'{doc["kind"]} {self.space(doc)}/{doc["metadata"]["name"]}'
            if not chosen:
                self.complain(at, "selects no pod")
            ports = {port["name"] for template in chosen for container in template["spec"]["containers"]
                     for port in container.get("ports", [])}
            for port in spec.get("ports", []) if doc["kind"] == "Service" else []:
                if port["targetPort"] not in ports:
                    self.complain(at, "leads to port", port["targetPort"], "which its pods do not have")

    def check_qa_is_shut_in(self):
        allowed = {"names", "to-nats", "to-postgres", "to-object-store"}
        denied = False
        for doc in self.of_kind("NetworkPolicy"):
            if self.space(doc) != "prt-qa":
                continue
            if doc["spec"]["podSelector"] == {} and "egress" not in doc["spec"]:
                denied = "Egress" in doc["spec"]["policyTypes"]
            for rule in doc["spec"].get("egress", []):
                if doc["metadata"]["name"] not in allowed or not rule.get("to") or not rule.get("ports"):
                    self.complain("qa may reach more than NATS, Postgres and the object store:",
                                  doc["metadata"]["name"])
                for peer in rule.get("to", []):
                    if peer.get("ipBlock", {}).get("cidr", "").endswith("/0") or peer.get("podSelector") == {}:
                        self.complain("qa may reach too much:", peer)
        if not denied:
            self.complain("nothing denies qa the network")
        for space, name, _, template, _ in self.pods:
            held = {item["key"] for volume in template["spec"].get("volumes", [])
                    if volume.get("secret", {}).get("secretName") == "prt-keys"
                    for item in volume["secret"].get("items", [{"key": "all of them"}])}
            due = {"gateway": {"token_key"}, "validate": {"chain_key", "signing_key"},
                   "finalize": {"chain_key", "signing_key"}}.get(name, set())
            if held != due:
                self.complain(name, "holds", sorted(held), "of the farm's keys, and should", sorted(due))

    def check_secrets(self, secrets):
        have = {(self.space(doc), doc["metadata"]["name"], key) for doc in secrets for key in doc["stringData"]}
        used = set()
        for space, name, _, template, _ in self.pods:
            for container in template["spec"]["containers"]:
                for env in container.get("env", []):
                    ref = env.get("valueFrom", {}).get("secretKeyRef")
                    if ref and not ref.get("optional"):
                        used.add((space, ref["name"], ref["key"]))
                    self.check_file(space, name, template, container, env, used)
        for missing in sorted(used - have):
            self.complain("k8s/make-secrets makes no", *missing)
        for spare in sorted(have - used):
            self.complain("nobody uses what k8s/make-secrets makes:", *spare)

    def check_file(self, space, name, template, container, env, used):
        if not env["name"].endswith("_FILE"):
            return
        where, key = env["value"].rsplit("/", 1)
        mounts = [mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == where]
        for volume in template["spec"]["volumes"]:
            if volume["name"] in mounts:
                used.add((space, volume["secret"]["secretName"], key))
        if not mounts:
            self.complain(name, "has no", env["value"])


def overlays(folder):
    import yaml

    secrets = list(yaml.safe_load_all(open(f"{folder}/secrets.yaml")))
    for name in ("dev", "production"):
        overlay = Overlay(name, [doc for doc in yaml.safe_load_all(open(f"{folder}/{name}.yaml")) if doc])
        overlay.check_schemas()
        overlay.check_pods()
        overlay.check_roles()
        overlay.check_selectors()
        overlay.check_qa_is_shut_in()
        if name == "dev":
            overlay.check_secrets(secrets)


# ---------------------------------------------------------------- metrics


def series():
    """Every name that /metrics has, with the closed lists of its labels."""
    endings = {"COUNTER": ["_total"], "GAUGE": [""],
               "SECONDS": ["_seconds_bucket", "_seconds_sum", "_seconds_count"],
               "SIZES": ["_bucket", "_sum", "_count"]}
    roles = {row[0] for row in rows("pipeline.def", "STAGE")}
    found = {}
    for name, kind, label, values, *_ in rows("metric.def", "METRIC"):
        for ending in endings[kind]:
            found[f"prt_{name}{ending}"] = {"role": roles, label: set(values.split("|")) if values else None}
    return found


def expressions():
    text = open("deploy/prometheus/alerts.yml").read()
    for body in re.findall(r"^ +expr: (\|\n(?: {10,}.*\n)+|.*)$", text, re.M):
        yield "deploy/prometheus/alerts.yml", body
    for panel in json.load(open("deploy/grafana/dashboards/farm.json"))["panels"]:
        for target in panel.get("targets", []):
            yield f'deploy/grafana/dashboards/farm.json, {panel["title"]}', target["expr"]


def metrics():
    known = series()
    seen = set()
    for at, text in expressions():
        for name, selector in re.findall(r"\b(prt_[a-z0-9_]+)(?:\{([^}]*)\})?", text):
            seen.add(name)
            if name not in known:
                complain(at, "names", name, "which no process counts")
                continue
            for label, value in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', selector):
                values = known[name].get(label)
                if label not in known[name] or (values and not set(value.split("|")) <= values):
                    complain(at, "asks", name, "for", f'{label}="{value}"', "which it never has")
    if len(seen) < 20:
        complain("only", len(seen), "metrics found in alerts and dashboard: is this test looking?")
    shown = {re.sub(r"(_total|_seconds)?(_bucket|_sum|_count)?$", "", name) for name in seen}
    for name, *_ in rows("metric.def", "METRIC"):
        if f"prt_{name}" not in shown:
            complain(f"prt_{name} is on no panel and in no alert")


if __name__ == "__main__":
    {"overlays": overlays, "metrics": metrics}[sys.argv[1]](*sys.argv[2:])
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)
