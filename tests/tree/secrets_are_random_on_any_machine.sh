#!/bin/sh
# k8s/make-secrets gives whole and fresh keys and passwords where openssl is not installed, or nothing.
. ./tree.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/few" "$work/none"
for tool in od tr; do ln -s "$(command -v $tool)" "$work/few/$tool"; done

PATH=$work/few /bin/sh k8s/make-secrets >"$work/secrets" 2>"$work/said" ||
    complain "make-secrets wants more than od and tr: $(cat "$work/said")"
keys=$(sed -n 's/^  [a-z]*_key: "\([0-9a-f]\{64\}\)"$/\1/p' "$work/secrets" | sort -u | wc -l)
[ "$keys" -eq 3 ] || complain "make-secrets makes $keys keys of 64 hex digits, not 3"
words=$(sed -n 's/^  [a-z_]*: ".*\(p[0-9a-f]\{40\}\)"$/\1/p' "$work/secrets" | sort -u | wc -l)
[ "$words" -eq 3 ] || complain "make-secrets makes $words passwords, not 3"
k8s/make-secrets | grep -F -f "$work/secrets" | grep '[0-9a-f]\{40\}' && complain "make-secrets makes the same again"

PATH=$work/none /bin/sh k8s/make-secrets >"$work/secrets" 2>"$work/said" &&
    complain "make-secrets made secrets of nothing"
[ -s "$work/secrets" ] && complain "make-secrets printed what is no secret: $(head -n 5 "$work/secrets")"
exit $wrong
