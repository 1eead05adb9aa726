#!/bin/bash
# A snapshot that is no archive, or a hostile one, is refused with a named reason; the trace ends.
. ./farm.sh

prt qa-image >/dev/null
farm_up

python3 - "$work" <<'P'
import io, sys, tarfile
work = sys.argv[1]
def tar(name, *members):
    with tarfile.open(f"{work}/{name}.tar.gz", "w:gz") as out:
        for info, data in members:
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
def file(name, **more):
    info = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(info, key, value)
    return info
open(f"{work}/no_archive.tar.gz", "wb").write(b"this is no archive at all" * 100)
tar("traversal", (file("../../etc/cron.d/evil"), b"x"))
tar("absolute", (file("/etc/cron.d/evil"), b"x"))
tar("link_out", (file("a", type=tarfile.SYMTYPE, linkname="../../../etc/passwd"), b""))
tar("device", (file("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b""))
P

for name in no_archive traversal absolute link_out device; do
    token=$key
    api POST /v1/traces -H 'Content-Type: application/json' -d '{"participant_id":"p","task_id":"t","task_title":"hostile"}' >/dev/null
    trace=$(jq -r .trace_id "$work/answer")
    token=$(jq -r .upload_token "$work/answer")
    api POST "/v1/traces/$trace/events:ingest" -H 'Content-Type: application/json' \
        -d '{"chunk_id":"c","chunk_seq":0,"events":[{"id":"e","seq":0,"ts_client_s":1,"type":"cmd_run","cmd":"ls","exit_code":0}]}' >/dev/null
    api PUT "/v1/traces/$trace/artifacts/final_workspace_snapshot" -T "$work/$name.tar.gz" >/dev/null
    expect "$(status)" = 201
    api POST "/v1/traces/$trace/complete" >/dev/null
    echo "$trace" >"$work/trace.$name"
done
for name in no_archive traversal absolute link_out device; do
    trace=$(cat "$work/trace.$name")
    wait_until judged "$trace"
    prt view "$trace" --field /qa/validation --json >"$work/validation"
    expect "$(jq -c '[.status, .tests_passed]' "$work/validation")" = '["infra_error",null]'
    expect "$(jq -r '.reason | length > 0' "$work/validation")" = true
    jq -r '.reason' "$work/validation"
done
