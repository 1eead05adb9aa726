#!/bin/sh
# Overlays render, are what Kubernetes knows and hold what k8s/README.md promises; the compose file is one.
. ./tree.sh
# Pinned: another day's schemas would test something else.
packages="kubernetes-validate==1.34.1 check-jsonschema==0.33.3"
kustomize_version=v5.5.0
export KUBERNETES_VERSION=1.34

cache=${XDG_CACHE_HOME:-${HOME:-/var/cache}/.cache}/pr-telemetry/deploy-tools
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if command -v kustomize >/dev/null; then
    render() { kustomize build "$1"; }
elif kubectl kustomize --help >/dev/null 2>&1; then
    render() { kubectl kustomize "$1"; }
else
    kustomize=$cache/$kustomize_version/kustomize
    if [ ! -x "$kustomize" ]; then
        command -v go >/dev/null || { echo "no kustomize, no kubectl and no go to build one with"; exit 77; }
        GOBIN=$cache/$kustomize_version go install "sigs.k8s.io/kustomize/kustomize/v5@$kustomize_version" >"$work/go" 2>&1 ||
            { echo "kustomize could not be built: $(tail -n 1 "$work/go")"; exit 77; }
    fi
    render() { "$kustomize" build "$1"; }
fi

python=""
for one in python3 /usr/bin/python3; do
    if [ -z "$python" ] && "$one" -m pip --version >/dev/null 2>&1; then python=$one; fi
done
[ -n "$python" ] || { echo "python3 has no pip (apt-get install python3-pip)"; exit 77; }
# What was compiled for one Python does not load in another.
tools=$cache/$(echo "$packages $("$python" -V)" | sha256sum | cut -c1-16)
if [ ! -f "$tools/complete" ]; then
    rm -rf "$tools"
    mkdir -p "$tools"
    # shellcheck disable=SC2086 # one word a package
    "$python" -m pip install -q --target "$tools" $packages >"$work/pip" 2>&1 ||
        { echo "$packages cannot be had: $(tail -n 1 "$work/pip")"; exit 77; }
    touch "$tools/complete"
fi
export PYTHONPATH=$tools

for overlay in dev production; do
    render k8s/overlays/$overlay >"$work/$overlay.yaml" 2>"$work/said" ||
        complain "k8s/overlays/$overlay does not render: $(cat "$work/said")"
done
# The component that no overlay has turned on.
mkdir -p "$work/k8s/overlays"
cp -r k8s/base k8s/components "$work/k8s/"
cp -r k8s/overlays/dev "$work/k8s/overlays/"
printf 'components: [../../components/qa-gvisor]\n' >>"$work/k8s/overlays/dev/kustomization.yaml"
render "$work/k8s/overlays/dev" | grep -q 'runtimeClassName: gvisor' || complain "qa-gvisor changes nothing"
k8s/make-secrets >"$work/secrets.yaml"
[ "$wrong" -eq 0 ] || exit 1
"$python" tests/tree/deploy.py overlays "$work" || wrong=1

"$python" -m check_jsonschema --builtin-schema vendor.compose-spec deploy/docker-compose.yml || wrong=1
# What the compose file asks for is in .env.example, and the other way round.
asked=$(grep -oE '\$\{[A-Z_]+' deploy/docker-compose.yml | tr -d '${' | sort -u)
offered=$(sed -n 's/^\([A-Z_]*\)=.*/\1/p' deploy/.env.example | sort -u)
[ "$asked" = "$offered" ] || complain "docker-compose.yml asks for" $asked "and .env.example offers" $offered

# An older server does not know sync_interval; all else is the same.
if command -v nats-server >/dev/null; then
    for conf in deploy/nats.conf k8s/base/farm/nats.conf k8s/overlays/production/nats.conf; do
        sed '/sync_interval/d' $conf >"$work/nats.conf"
        SERVER_NAME=nats-0 NATS_PASSWORD=p1 ROUTE_0=nats://route:p1@a:1 ROUTE_1=nats://route:p1@b:1 \
            ROUTE_2=nats://route:p1@c:1 nats-server -t -c "$work/nats.conf" >"$work/said" 2>&1 ||
            complain "$conf: $(cat "$work/said")"
    done
fi
exit $wrong
