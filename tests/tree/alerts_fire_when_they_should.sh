#!/bin/sh
# Each rule of alerts.yml, on a farm that is well and on one that is not.
. ./tree.sh
command -v promtool >/dev/null || { echo "no promtool (apt-get install prometheus)"; exit 77; }
promtool check config deploy/prometheus/prometheus.yml || wrong=1
for alert in $(sed -n 's/^ *- alert: //p' deploy/prometheus/alerts.yml); do
    [ "$(grep -c "alertname: $alert\b" deploy/prometheus/alerts_test.yml)" -eq 2 ] ||
        complain "alerts_test.yml does not show when $alert fires and when not"
done
promtool test rules deploy/prometheus/alerts_test.yml || wrong=1
exit $wrong
