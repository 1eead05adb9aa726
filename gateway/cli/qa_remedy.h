// SPDX-License-Identifier: MIT
/*
 * qa_remedy.h - what to do about an engine that cannot run tests, by what its story says.
 */
#ifndef PRT_GATEWAY_CLI_QA_REMEDY_H
#define PRT_GATEWAY_CLI_QA_REMEDY_H

/* For a story that no row knows. */
extern const char qa_remedy_other[];

/* Never empty. Pure. */
const char *qa_remedy(const char *engine, const char *story);

#endif
