// SPDX-License-Identifier: MIT
/*
 * page.c - GET /: the web page. Nothing on it comes from anywhere else.
 */
#include "gateway/api/page.h"

#include <string.h>

#include "gateway/api/gateway.h"
#include "gateway/api/resources.h"

#define POLICY                                                                                     \
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:;"  \
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void answer_page(struct exchange *x, const char *type, struct bytes page)
{
    exchange_header(x, "Content-Security-Policy", POLICY);
    exchange_header(x, "X-Content-Type-Options", "nosniff");
    exchange_header(x, "Referrer-Policy", "no-referrer");
    exchange_header(x, "Cache-Control", "no-cache");
    exchange_answer(x, 200, type, page);
}

/* A local farm's own key is filled in, so that its page works at once; no other farm accepts it. */
void page_show(struct exchange *x)
{
    static const char marker[] = "name=\"prt-key\" content=\"\"";
    const char       *page = arena_text(x->arena, page_index_html);
    const char       *at = strstr(page, marker);

    if (!gateway_of(x)->config->dev_key || at == NULL) {
        answer_page(x, "text/html; charset=utf-8", page_index_html);
        return;
    }
    page = arena_format(x->arena, "%.*sname=\"prt-key\" content=\"%s\"%s", (int)(at - page), page,
                        CONFIG_DEV_KEY, at + sizeof(marker) - 1);
    answer_page(x, "text/html; charset=utf-8", bytes_of(page));
}

void page_style(struct exchange *x)
{
    answer_page(x, "text/css; charset=utf-8", page_farm_css);
}

void page_script(struct exchange *x)
{
    answer_page(x, "text/javascript; charset=utf-8", page_farm_js);
}

void docs_show(struct exchange *x)
{
    answer_page(x, "text/html; charset=utf-8", page_docs_html);
}

void docs_script(struct exchange *x)
{
    answer_page(x, "text/javascript; charset=utf-8", page_docs_js);
}
