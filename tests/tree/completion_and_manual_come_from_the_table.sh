#!/bin/bash
# What prt completion offers works in bash, and the manual pages are clean roff with every command in them.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
prt=${PRT_TEST_BUILD:-$root/build/sanitized}/prt
[ -x "$prt" ] || { echo "$prt is not built"; exit 77; }
commands=$("$prt" --help | sed -n 's/^  \([a-z-]\+\)  *.*/\1/p')

# offered WORD... : what is offered for the last, half-typed word.
eval "$("$prt" completion bash)"
offered() {
    COMP_WORDS=(prt "$@")
    COMP_CWORD=$#
    _prt
    echo "${COMPREPLY[*]}"
}
expect() { [ "$1" = "$2" ] || { echo "\"$1\" is not \"$2\""; exit 1; }; }
for command in $commands; do
    case " $(offered '') " in *" $command "*) ;; *) echo "$command is not offered"; exit 1 ;; esac
done
expect "$(offered repl)" replay
expect "$(offered --data dir dead re)" retry
expect "$(offered replay --stage '')" "validate finalize qa judge"
expect "$(offered replay --dr)" --dry-run
expect "$(offered list --pass)" --passed
"$prt" completion zsh | grep -q '^#compdef prt'

page=$("$prt" man)
for command in $commands; do
    grep -qx "\.SS ${command//-/\\\\-}" <<<"$page" || { echo "$command is not in the manual"; exit 1; }
    "$prt" man "$command" >/dev/null
done
if command -v groff >/dev/null; then
    expect "$(groff -man -Tutf8 -ww <<<"$page" 2>&1 >/dev/null)" ""
fi
if "$prt" completion fish 2>/dev/null || "$prt" man nothing 2>/dev/null; then exit 1; fi
