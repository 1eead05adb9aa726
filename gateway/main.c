// SPDX-License-Identifier: MIT
/*
 * main.c - prt-gateway: load, open, serve, drain.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

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

static int serve(const struct config *config, struct err *err)
{
    struct gateway *gateway;
    sigset_t        signals;
    int             signal_number;

    block_signals(&signals);
    TRY(gateway_open(&gateway, config, err));
    farm_tell_ready();
    LOG(NULL, INFO, "gateway opened", KV("listen", config->http_listen),
        KV("port", http_server_port(gateway->server)));
    (void)sigwait(&signals, &signal_number);
    LOG(NULL, INFO, "gateway told to stop", KV("signal", strsignal(signal_number)));
    gateway_close(gateway, config->stop_grace);
    LOG(NULL, INFO, "gateway closed");
    return 0;
}

int main(int argc, char **argv)
{
    struct config config;
    struct err    err = {0};

    if (argc > 1) {
        printf("prt-gateway - the HTTP door of PR Telemetry. It takes no arguments; its settings "
               "are:\n\n");
        config_help(stdout);
        return strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    if (config_load(&config, &err) < 0) {
        return failed(&err, "settings refused");
    }
    log_setup(strcmp(config.log, "json") == 0, log_level_of(config.log_level));
    metric_setup(NULL, NULL);
    return serve(&config, &err) < 0 ? failed(&err, "gateway not opened") : 0;
}
