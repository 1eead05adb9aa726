# What the tests of judge models share; not a test. Source it after farm.sh.
#
#   judge_farm MODELS [options of prt up]    a farm whose judge asks MODELS of tests/lib/judge-server, which
#                             answers as their names say; PRT_JUDGE_* set before are kept
#   model_up                  only that server: $model_port, $model_tls_port, $model_ca_file, $model_key; where
#                             the farm finds it is then $judge_url
#   submit_one                a session without a snapshot, which QA answers at once: $trace
#   judged_one                the same, until there is a result: $work/judge
#   field POINTER             of that result
#   model_server PATH         GET: asked/NAME, last/NAME, waited/NAME
#   expect_unscored REASON    the result has no scores and says why; the model was asked once more, no more
#   expect_scores N           every dimension and overall are N
#   given_up CODE             one dead letter of the judge, with this code, and no result

model_up() {
    local name value
    coproc MODEL { exec "$root/tests/lib/judge-server"; }
    while read -r name value <&"${MODEL[0]}" && [ "$name" != ready ]; do declare -g "model_$name=$value"; done
    judge_url=http://127.0.0.1:$model_port/v1
    export no_proxy=127.0.0.1
}

judge_farm() {
    model=$1
    shift
    [ -n "${model_port:-}" ] || model_up
    export PRT_JUDGE=openai PRT_JUDGE_MODEL=$model PRT_JUDGE_API_KEY=$model_key PRT_JUDGE_BASE_URL=$judge_url
    farm_up "$@"
}

submit_one() {
    trace=$(prt submit --session "$examples/one_line_fix/session.json" "$examples"/one_line_fix/chunks/*.json)
}

judged_one() {
    submit_one
    wait_until judged "$trace"
    prt view "$trace" --field /qa/judge >"$work/judge"
}

field() { jq -r "$1" "$work/judge"; }

model_server() { curl -s "http://127.0.0.1:$model_port/$1"; }

expect_scores() {
    expect "$(field .status)" = scored
    expect "$(jq -c '[.scores[]] | unique' "$work/judge")" = "[$1]"
    expect "$(jq -c '[.reasons[].evidence | length > 0] | unique' "$work/judge")" = '[true]'
}

expect_unscored() {
    expect "$(field .status)" = unscored
    field .reason >"$work/reason"
    grep -qF "$1" "$work/reason" || { cat "$work/reason"; return 1; }
    expect "$(jq -c '[.scores[]] | unique' "$work/judge")" = '[null]'
    prt view "$trace" >"$work/shown"
    grep "^judge  *$model  unscored: " "$work/shown" | grep -qF "$1" || { cat "$work/shown"; return 1; }
    expect "$(model_server "asked/$model")" = 2
    expect "$(db "SELECT judge_overall IS NULL FROM traces")" = t
}

no_dead_letters() { [ "$(prt --json dead list | jq '.dead_letters | length')" = 0 ]; }

given_up() {
    [ "$(prt --json dead list --stage judge | jq -c '[.dead_letters[].code]')" = "[\"$1\"]" ] &&
        [ "$(db "SELECT count(*) FROM judge_results")" = 0 ]
}
