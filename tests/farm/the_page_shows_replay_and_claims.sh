#!/bin/bash
# A real browser opens a link to a trace: the page shows its tests, its replay and each recorded test run against what
# the same run came to here; and text of strangers stays text.
. ./farm.sh
command -v chromium >/dev/null || { echo "chromium is not installed"; trap - EXIT; rm -rf "$work"; exit 77; }

export PRT_QA_CLAIMS=4
prt qa-image >/dev/null
farm_up
cp -r "$examples/three_file_fix" "$work/lies"
# A run that was made up, a file that nobody edited, a title that would be markup.
sed -i 's/"num_passed": *14,/"num_passed": 15,/; s/"num_passed":14,/"num_passed":15,/' "$work"/lies/chunks/*.json
echo '# not recorded' >"$work/lies/after/not_recorded.py"
jq '.task.title = "<img src=x onerror=alert(1)>"' "$work/lies/session.json" >"$work/session" && mv "$work/session" "$work/lies/session.json"
true=$(prt submit "$examples/three_file_fix")
lies=$(prt submit "$work/lies")
WAIT_SECONDS=180 wait_until judged "$true"
WAIT_SECONDS=180 wait_until judged "$lies"

page() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$work/chrome" --virtual-time-budget=8000 \
        --dump-dom "$url/#$1" 2>"$work/chrome.err" >"$work/page"
    grep -q '<dt>replay' "$work/page"
}
holds() { grep -qF "$1" "$work/page" || { echo "the page does not hold: $1"; grep -o '<dl>.*</dl>' "$work/page"; return 1; }; }
wait_until page "$true"
holds '<span class="good">passed: 14 passed, 4 of them not before, 0 failed</span>'
holds '<span class="good">yes: 6 edits, 12 hashes verified</span>'
holds '<dt>test run at seq 21</dt><dd><span class="good">14 passed, 0 failed, here as well</span>'
holds '<dt>judge</dt><dd>mock'
wait_until page "$lies"
holds '<span class="bad">no: only in final snapshot in not_recorded.py, after 6 edits, 12 hashes verified</span>'
holds '<span class="bad">said 15 passed, 0 failed; here 14 passed, 0 failed</span>'
holds '<h2>&lt;img src=x onerror=alert(1)&gt;</h2>'
