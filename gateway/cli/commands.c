// SPDX-License-Identifier: MIT
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gateway/cli/cli.h"
#include "gateway/cli/when.h"
#include "value/json.h"

#define FARM    "A farm on this machine"
#define TRACES  "Traces"
#define OPERATE "Operating"

const struct command cli_commands[] = {
    {FARM, "up", "[--port N] [--workers ROLE=N,...] [--detach]",
     "Start the whole farm on this machine",
     "Starts a private nats-server and Postgres in the data directory, the gateway and the workers,\n"
     "and keeps them running: a process that dies is started again and reported. Ctrl-C stops all.\n\n"
     "  --port N          the gateway's port (PRT_HTTP_PORT, 8000); all others are free ones\n"
     "  --workers LIST    how many of each role: validate=1,finalize=1,qa=1,judge=1\n"
     "  --detach          come back when the farm is ready; prt down stops it\n\n"
     "Keys, ports and settings of this farm are kept in DIR/farm.env (mode 0600); other prt commands\n"
     "read it, and a shell can: set -a; . var/farm.env. The API key dev_token_12345 works only here.\n",
     up_run},
    {FARM, "down", "[--wipe]", "Stop exactly what prt up started",
     "Data stays in the data directory.\n\n  --wipe    remove the data directory as well\n", down_run},
    {FARM, "qa-image", "[--force]", "Make the base image that tests run in",
     "Takes about a minute, once; prt up does it by itself where it was not done. Where the image that\n"
     "PRT_QA_BASE_IMAGE names can be pulled, that one is taken, with pytest added.\n\n"
     "  --force   make it anew\n",
     qa_image_run},
    {FARM, "qa-doctor", "[--engine runc|podman|docker] [--runtime R] [--escape]",
     "Say which container engines can run tests here",
     "For each engine: whether it works on this machine or why not and what to do, its version, which\n"
     "limits hold as seen from inside of a sandbox, and how long one takes to start. Exit code 0 when\n"
     "the engine that PRT_SANDBOX asks for works (auto: any of them), else 1.\n\n"
     "  --engine E   only this one\n"
     "  --runtime R  podman and docker start this OCI runtime (PRT_SANDBOX_RUNTIME): runsc is gVisor\n"
     "  --escape     run code that tries to get out inside of each, and show what became of every\n"
     "               attempt; exit code 3 when one was not denied\n"
     "  --json       the same for programs\n",
     qa_doctor_run},
    {FARM, "status", "[--watch]", "Show streams, consumers, lag and processes",
     "  --watch   show it again every second until Ctrl-C\n", status_run},
    {TRACES, "submit", "DIR|FILE... [--wait] [--snapshot-before DIR] [--snapshot-after DIR]",
     "Send a recorded session to the farm",
     "DIR holds session.json, chunks/*.json, before/ and after/ (see examples/); FILEs are chunks.\n\n"
     "  --wait                 until the trace is judged; prints its verdict\n"
     "  --snapshot-before DIR  the workspace at the start (DIR/before where it exists)\n"
     "  --snapshot-after DIR   the workspace at the end (DIR/after where it exists)\n"
     "  --session FILE         body of POST /v1/traces, with FILE... (DIR/session.json)\n"
     "  --first N              send only the first N chunks, and do not complete\n"
     "  --resume TRACE         go on with a trace this machine began\n"
     "Prints the trace id alone on standard output (without --wait).\n",
     submit_run},
    {TRACES, "list", "[--status S] [--task ID] [--limit N] ...", "List traces, newest first",
     "  --status open|completing|closed|finalized    --task ID    --participant ID    --repo ORIGIN\n"
     "  --experiment ID    --passed | --failed       --min-score X\n"
     "  --since TIME       --until TIME              opened then\n"
     "  --limit N          newest N (50), at most 500\n\n"
     WHEN_HELP ".\n",
     list_run},
    {TRACES, "erase", "TRACE [--yes]", "Erase a trace for good; needs an admin key",
     "Its rows, lines, artifacts, document and messages go; only its name stays, so that nothing that\n"
     "comes late makes it anew. Asks first.\n\n"
     "  --yes   do not ask\n",
     erase_run},
    {TRACES, "view", "TRACE|FILE [--field POINTER] [--judge newest|all]",
     "Show a trace: task, timeline, tests, honesty, scores",
     "  --field POINTER   print one value of the document: /qa/validation/status, or a plain name\n"
     "  --judge newest|all  every version of what the judge said, or only the newest (newest)\n"
     "  --json            the whole document\n",
     view_run},
    {TRACES, "log", "TRACE [--follow]", "Print what a trace's tests printed",
     "The log of the newest test run. While it runs: as much as there is, up to ten seconds old.\n\n"
     "  --follow   go on printing until the run is done\n\n"
     "Control characters become ? where a terminal reads.\n",
     log_run},
    {TRACES, "report", "[--wait] TRACE...", "Show several traces side by side: tests, honesty, scores, seconds",
     "  --wait    until each is judged\n\n"
     "f->p, p->p, p->f: tests that failed before and pass after the session, and so on. true: the edits\n"
     "lead from the start to the end, and test runs that were made again came to what was said of them;\n"
     "- where that can't be said. Seconds: from\n"
     "opening to completion, to the document, to the tests' verdict, to the judge's.\n",
     report_run},
    {TRACES, "verify", "TRACE|FILE", "Recompute chain, Merkle tree and signature of a document",
     "The signature covers everything but /qa: tests, scores and their reasons come after it, and may come\n"
     "again. Works offline on a FILE. With the farm's keys (PRT_CHAIN_KEY, PRT_SIGNING_KEY, or the local\n"
     "farm's) the HMAC chain and the signer are checked as well. Names the first event that differs;\n"
     "exit code 3 then.\n",
     verify_run},
    {OPERATE, "keys", "create|list|revoke [--role R] [--tenant T] [--label L] [KEY]",
     "Make, list and revoke API keys",
     "create prints the key, this once only: kept is its SHA-256. Works on PRT_POSTGRES_URL.\n\n"
     "  --role ingest|read|operate|admin   ingest: open traces, send, complete; read: lists, documents,\n"
     "                                     logs; admin: all that and erase; operate: nothing yet (prt\n"
     "                                     dead, replay and sweep work on the servers themselves)\n"
     "  --tenant T                         whose traces (default)\n"
     "  --label L                          what people call it\n\n"
     "revoke takes the key, or its name in the list. Gateways notice within 5 s.\n",
     keys_run},
    {OPERATE, "migrate", "[--new-store]", "Bring the database to this version's schema",
     "Safe to run many times and from several machines at once.\n\n"
     "  --new-store  the object store, or the database, is lost for good. Workers refuse a store that is\n"
     "               not the farm's: most often its volume is not mounted. After this the first worker\n"
     "               that starts takes the one it finds; what a lost one had is missing. Stop all other\n"
     "               workers before, and restart the gateways too\n",
     migrate_run},
    {OPERATE, "sweep", "[--before TIME] [--dry-run] [--force]", "Delete what the object store has and nobody can need",
     "Segments that no row names: a worker that dies between writing one and its commit leaves it; its\n"
     "chunks were worked on again and lie in another. And claim checks (bodies over PRT_CLAIM_CHECK_FROM,\n"
     "as they were sent) whose messages are in no stream any more: older than PRT_INGEST_KEEP and\n"
     "PRT_DEAD_KEEP together, which must be set here as they are for the farm. And artifacts as old that no\n"
     "trace has: uploads of a gateway that died before it told of them. And documents of erased traces,\n"
     "which a finalize leaves that is killed just then. And lines that lie in the database (PRT_KEEP_LINES)\n"
     "because nobody completes their traces go into segments. Safe while the farm runs.\n"
     "After going back to an older backup of the database, the replay of validate comes first.\n\n"
     "  --before TIME   only what was written before (1d ago), at least 10m ago\n"
     "  --dry-run       only say what would be deleted\n"
     "  --force         even if that is more than half of all segments, or of all artifacts\n\n"
     WHEN_HELP ".\n",
     sweep_run},
    {OPERATE, "dead", "list|show|retry|edit|drop [SEQ...] [options]",
     "Look at what the farm gave up on, put it back, or drop it",
     "  list             those that fit, oldest first\n"
     "  show SEQ...      reason, story, tries and the message as JSON; --payload: only that\n"
     "  retry            put back where it failed; leaves the dead letters once that is stored\n"
     "  edit SEQ         correct the message in $EDITOR (or take it --from FILE), then retry\n"
     "  drop             remove for good; asks first unless --yes\n\n"
     "list, retry and drop take all that fit:\n"
     "  --stage validate|finalize|qa|judge     --reason R     --code C     --trace TRACE\n"
     "  --since TIME     --until TIME          given up then  --all        retry or drop every one\n\n"
     WHEN_HELP ".\n",
     dead_run},
    {OPERATE, "replay", "--stage validate|finalize|qa|judge [--trace TRACE] [options]",
     "Give a stage once more what it was given before",
     "validate reads PRT_INGEST again: what is right stays as it is, what is missing or damaged (rows,\n"
     "segments) is built anew and must come out with the same chain, or is left and told as lost (exit\n"
     "code 3). finalize, qa and judge get work for the traces that are meant; qa and judge add a new\n"
     "version. Interrupted, the same command goes on where it was.\n\n"
     "  --trace TRACE                     one trace\n"
     "  --since TIME   --until TIME       validate: messages stored then; else: traces opened then\n"
     "  --from-seq N   --to-seq N         sequence in PRT_INGEST: of messages; else: of the trace's\n"
     "                                    complete message\n"
     "  --filter NAME=VALUE               finalize, qa, judge; again and again: status, qa, tests_passed,\n"
     "                                    tenant, task, participant, repo, experiment\n"
     "  --model M,...  --rubric R         judge: by these models, by this rubric, and not as it is set\n"
     "  --fresh                           judge: ask models again for what they were asked before\n"
     "  --rate N/s                        messages (validate) or traces a second\n"
     "  --dry-run                         only say what would be done\n"
     "  --anew                            from the start, not where it was interrupted\n\n"
     WHEN_HELP ".\n",
     replay_run},
    {OPERATE, "bench", "[--connections N] [--events N] [--rate CHUNKS/S] [--async] [--outage] [--raw] [--keep FILE] [--compare FILE]",
     "Measure how much this farm takes in",
     "Sends chunks of file edits over many connections until they are chained and committed, and\n"
     "tells events a second, verdict latency, CPU and memory of each process, and what to add\n"
     "where it is not enough.\n\n"
     "  --connections N    each waits for its answer, or for its turn (256)\n"
     "  --traces N         open before the start and taken in turn (one for each connection)\n"
     "  --warm-events N    in each trace before counting starts\n"
     "  --events N         events in a chunk (10)      --event-bytes N  about, each (480)\n"
     "  --seconds N        how long to count (10), after 2 s of warming up\n"
     "  --rate N           chunks a second in all, sent when due whatever the farm does; latency\n"
     "                     counts from then. Without: each connection waits for its answer\n"
     "  --async            Prefer: respond-async: the answer comes once JetStream has the chunk\n"
     "  --outage           the same while validate stands still (20 s at most), held by a lock in the\n"
     "                     database; then tells how fast its workers catch up\n"
     "  --keep FILE        go on with the traces of FILE, if there is one, and leave them there\n"
     "  --raw              then publish the same bytes straight into JetStream, for the ratio\n"
     "  --compare FILE     what an earlier run printed with --json: the ratios to it\n",
     bench_run},
    {OPERATE, "judge-prompt", "TRACE|FILE [--model M,...]",
     "Show what a model would be asked about a trace",
     "Prints the messages that would be sent, with tokens and price estimated; asks nobody. The two\n"
     "random words in it are new each time. --json prints the request bodies.\n\n"
     "  --model M   name of the model, or several (PRT_JUDGE_MODEL)\n",
     judge_prompt_run},
    {OPERATE, "judge-eval", "DIR [--model M] [--repeat N]",
     "Measure the judge on a labelled set of sessions",
     "DIR holds {labels, document} files (see examples/judge). Judges each N times (3) and in four\n"
     "variations that should change nothing, by the judge that PRT_JUDGE sets. A model is called N + 4\n"
     "times a session; no cache, and no budget of the farm, is asked.\n\n"
     "  --model M   one model, or mock (PRT_JUDGE_MODEL)\n\n"
     "  kappa       agreement with the labels, quadratic weights: 1 full, 0 chance\n"
     "  error       mean absolute difference from the labels\n"
     "  rank corr   Spearman's\n"
     "  retest      mean spread of the N runs\n"
     "  padding, renaming, reordering, praise   mean absolute change of the score by notes that say\n"
     "              nothing, other file names, changed neighbours, notes that ask for full scores\n",
     judge_eval_run},
    {OPERATE, "completion", "bash|zsh", "Print completion for a shell",
     "bash: . <(prt completion bash)     zsh: prt completion zsh >\"${fpath[1]}/_prt\"\n",
     completion_run},
    {OPERATE, "man", "[COMMAND]", "Print the manual page", "prt man | man -l -     prt man replay | man -l -\n",
     man_run},
    {OPERATE, "config", "", "Print the settings in force, secrets hidden", "", config_run},
};

const size_t cli_command_count = COUNT_OF(cli_commands);

const struct command *cli_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i].name, name) == 0) {
            return &cli_commands[i];
        }
    }
    return NULL;
}

const char *cli_program(struct cli *cli, const char *name)
{
    char    self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char   *slash;

    if (size < 0) {
        return name;
    }
    self[size] = '\0';
    slash = strrchr(self, '/');
    return arena_format(cli->arena, "%.*s/%s", (int)(slash - self), self, name);
}

const char *paint(const struct cli *cli, const char *code)
{
    return cli->paint ? code : "";
}

bool cli_narrower(const struct cli *cli, int columns)
{
    struct winsize size = {0};

    return cli->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 &&
           size.ws_col < columns;
}

void cli_print_json(const struct value *value)
{
    CLEANUP(buf) struct buf out = {0};

    json_pretty(&out, value);
    (void)fwrite(out.data, 1, out.size, stdout);
    (void)fputc('\n', stdout);
}

int config_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    if (argc > 1) {
        return err_set(err, ERR_USAGE, "config takes no argument, and \"%s\" was given", argv[1]);
    }
    config_print(&cli->config, stdout, cli->json);
    return EXIT_DONE;
}
