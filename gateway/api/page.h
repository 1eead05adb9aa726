// SPDX-License-Identifier: MIT
/*
 * page.h - the files of gateway/ui, compiled in.
 */
#ifndef PRT_GATEWAY_API_PAGE_H
#define PRT_GATEWAY_API_PAGE_H

#include "base/bytes.h"

extern const struct bytes page_index_html, page_farm_css, page_farm_js;
extern const struct bytes page_docs_html, page_docs_js;

#endif
