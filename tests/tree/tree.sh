# What tests of the tree share. Source it.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
sources() { git ls-files -co --exclude-standard -- "$@"; }
wrong=0
complain() { echo "$*"; wrong=1; }
