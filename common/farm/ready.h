// SPDX-License-Identifier: MIT
/*
 * ready.h - telling whoever started us that we serve: systemd's notification protocol (READY=1 to the
 * datagram socket that NOTIFY_SOCKET names), which prt up speaks as well. Nothing happens where
 * nobody asked.
 */
#ifndef PRT_FARM_READY_H
#define PRT_FARM_READY_H

void farm_tell_ready(void);

#endif
