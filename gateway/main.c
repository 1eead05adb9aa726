// SPDX-License-Identifier: MIT
/*
 * main.c - prt-gateway: load, open, serve, drain.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/version.h"
#include "config/config.h"
#include "farm/ready.h"
#include "gateway/api/gateway.h"
#include "log/log.h"
#include "metric/metric.h"

static int failed(const struct err *err, const char *event)
{
    LOG(NULL, ERROR, event, KV("code", err_name(err->code)), KV("story", err->story));
    return 1;
}

/* Blocked in every thread to come, so that this one can wait for them. */
static void block_signals(sigset_t *ret_signals)
{
    (void)sigemptyset(ret_signals);
    (void)sigaddset(ret_signals, SIGTERM);
    (void)sigaddset(ret_signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, ret_signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Waits for the signal to stop, from the start on: while servers are waited for nothing is held, and
 * where they do not come nobody else would listen. */
struct listener {
    pthread_t   thread;
    sigset_t    signals;
    int         number; /* of the signal */
    atomic_bool serving;
};

static void *listen_for_signal(void *arg)
{
    struct listener *listener = arg;

    (void)sigwait(&listener->signals, &listener->number);
    if (!atomic_load(&listener->serving)) {
        _exit(128 + listener->number);
    }
    return NULL;
}

static int serve(const struct config *config, struct err *err)
{
    struct gateway *gateway;
    struct listener listener = {0};

    block_signals(&listener.signals);
    if (pthread_create(&listener.thread, NULL, listen_for_signal, &listener) != 0) {
        return err_set(err, ERR_SYSTEM, "no thread could be started");
    }
    if (gateway_open(&gateway, config, err) < 0) {
        (void)pthread_cancel(listener.thread);
        (void)pthread_join(listener.thread, NULL);
        return -1;
    }
    atomic_store(&listener.serving, true);
    farm_tell_ready();
    LOG(NULL, INFO, "gateway opened", KV("version", version_text),
        KV("listen", config->http_listen), KV("port", http_server_port(gateway->server)));
    (void)pthread_join(listener.thread, NULL);
    LOG(NULL, INFO, "gateway told to stop", KV("signal", strsignal(listener.number)));
    gateway_close(gateway, config->stop_grace);
    LOG(NULL, INFO, "gateway closed");
    return 0;
}

/* All that can be asked for on the command line. */
static int answer(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        return version_print("prt-gateway");
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("prt-gateway: the HTTP door of PR Telemetry. It takes no arguments but these:\n\n"
               "  --version  the version of this program\n  --help     this\n\n"
               "SIGTERM and SIGINT drain: requests in hand are finished within PRT_STOP_GRACE.\n\n"
               "Settings, from the environment:\n");
        config_help(stdout);
        return 0;
    }
    (void)fprintf(stderr,
                  "prt-gateway: \"%s\" is none of its arguments: prt-gateway --help tells them\n",
                  argv[argc == 2 ? 1 : 2]);
    return 2;
}

int main(int argc, char **argv)
{
    struct config config;
    struct err    err = {0};

    if (argc > 1) {
        return answer(argc, argv);
    }
    if (config_load(&config, &err) < 0) {
        return failed(&err, "settings refused");
    }
    log_setup(strcmp(config.log, "json") == 0, log_level_of(config.log_level));
    metric_setup(NULL, NULL);
    return serve(&config, &err) < 0 ? failed(&err, "gateway not opened") : 0;
}
