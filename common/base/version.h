// SPDX-License-Identifier: MIT
/* version.h - which version of PR Telemetry this program is: that of project() in CMakeLists.txt. */
#ifndef PRT_BASE_VERSION_H
#define PRT_BASE_VERSION_H

extern const char version_text[];

/* Prints "<program> <version>", what --version prints. Returns what main is to return: 0, or 1 if it
 * could not be written. */
int version_print(const char *program);

#endif
