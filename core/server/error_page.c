#include "server/error_page.h"

#include "base/html.h"
#include "http/status.h"
#include "server/error_page_html.inc"
#include "server/worker.h"

#define PAGE_ROOM                                                                                  \
    (sizeof(ERROR_PAGE_HEAD ERROR_PAGE_MIDDLE ERROR_PAGE_TAIL_1 ERROR_PAGE_TAIL_2) + 512)

static const char *sentence_for(int status)
{
    switch (status) {
    case 400:
        return "The server could not make sense of this request.";
    case 403:
        return "This page is there, but it may not be shown.";
    case 404:
        return "There is no page at this address. It may have moved, or the address has a typo.";
    case 405:
    case 501:
        return "This address cannot be used in that way.";
    case 406:
        return "This page is there, but not in a form that the request accepts.";
    case 408:
        return "The request took too long to arrive.";
    case 412:
        return "The page is not in the state that the request asked for.";
    case 413:
        return "What was sent is larger than this server takes.";
    case 414:
        return "The address is longer than this server takes.";
    case 416:
        return "The page does not have the part that was asked for.";
    case 417:
        return "What the request expects is more than this server does.";
    case 431:
        return "The header of the request is larger than this server takes.";
    case 503:
        return "The server is busy. Please try again in a moment.";
    case 505: /* RFC 9110 15.6.6: which ones are supported */
        return "This server speaks HTTP/1.1 and HTTP/1.0, and no other version.";
    default:
        return status < 500 ? "The request could not be fulfilled."
                            : "Something went wrong on this server.";
    }
}

static void append_title(struct wr_buf *b, int status)
{
    wr_buf_u64(b, (uint64_t)status);
    wr_buf_char(b, ' ');
    wr_buf_slice_append(b, wr_status_reason(status));
}

/* Where a redirect leads, if it is something to follow: RFC 9110 15.4 wants a link to it. Else
 * absent. */
static struct wr_slice target_of(const struct wr_response *r, int status)
{
    static const struct wr_slice starts[] = {{"/", 1}, {"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < r->n && status >= 300 && status < 400; i++)
        if (wr_slice_ieq(r->fields[i].name, WR_SLICE("Location")))
            for (size_t k = 0; k < sizeof starts / sizeof starts[0]; k++)
                if (wr_slice_starts(r->fields[i].value, starts[k]))
                    return r->fields[i].value;
    return wr_slice(NULL, 0);
}

static void append_sentence(struct wr_buf *b, int status, struct wr_slice target)
{
    if (!target.p) {
        wr_buf_slice_append(b, wr_slice_of(sentence_for(status)));
        return;
    }
    WR_BUF_LITERAL(b, "This page is at <a href=\"");
    wr_html_append(b, target);
    WR_BUF_LITERAL(b, "\">another address</a>.");
}

/* Of all lines of the field (RFC 9110 5.3); absent: none, or no memory to join them. */
static struct wr_slice accept_encoding_of(struct wr_exchange *x)
{
    const struct wr_fields *fields = &x->request.fields;
    const struct wr_field *first = wr_fields_find(fields, WR_FIELD_ACCEPT_ENCODING);
    struct wr_buf joined;
    size_t room = 0;

    if (!first || !wr_fields_next(fields, first))
        return first ? first->value : wr_slice(NULL, 0);
    for (const struct wr_field *f = first; f; f = wr_fields_next(fields, f))
        room += f->value.n + 1;
    joined = wr_buf_on(wr_arena_alloc(&x->arena, room), room);
    if (!joined.p)
        return wr_slice(NULL, 0);
    for (const struct wr_field *f = first; f; f = wr_fields_next(fields, f)) {
        wr_buf_slice_append(&joined, f->value);
        wr_buf_char(&joined, ',');
    }
    return wr_buf_slice(&joined);
}

/* RFC 9110 12.5.5: also without a coding, since others get one. */
static void add_coding(struct wr_exchange *x, const struct wr_own_page *own, enum wr_coding coding)
{
    if (coding != WR_CODING_IDENTITY)
        wr_exchange_add_field(x, WR_SLICE("Content-Encoding"), wr_coding_name(coding));
    if (wr_own_page_varies(own))
        wr_exchange_add_field(x, WR_SLICE("Vary"), WR_SLICE("Accept-Encoding"));
}

/* The server's own, in the arena; empty without memory for it. */
static struct wr_slice make_page(struct wr_exchange *x, int status)
{
    struct wr_slice target = target_of(&x->response, status);
    size_t room = PAGE_ROOM + WR_HTML_GROWTH * target.n;
    char *memory = wr_arena_alloc(&x->arena, room);
    struct wr_buf page = wr_buf_on(memory, memory ? room : 0);

    WR_BUF_LITERAL(&page, ERROR_PAGE_HEAD);
    append_title(&page, status);
    WR_BUF_LITERAL(&page, ERROR_PAGE_MIDDLE);
    append_title(&page, status);
    WR_BUF_LITERAL(&page, ERROR_PAGE_TAIL_1);
    append_sentence(&page, status, target);
    WR_BUF_LITERAL(&page, ERROR_PAGE_TAIL_2);
    return wr_buf_slice(&page);
}

/* Of the host that is asked for, if that is known by now; of wildcards that have it; of the site. */
static const struct wr_own_page *find_own(const struct wr_exchange *x, int status)
{
    const struct wr_site *site = x->lease->site;
    const struct wr_vhosts *hosts = &site->router.hosts;
    const struct wr_vhost *host = wr_vhosts_find(hosts, x->request.host);

    for (; host; host = wr_vhosts_behind(hosts, host)) {
        const struct wr_own_page *page = wr_error_pages_find(host->error_pages, status);

        if (page)
            return page;
    }
    return wr_error_pages_find(site->error_pages, status);
}

void wr_error_page(struct wr_exchange *x, int status)
{
    const struct wr_own_page *own = find_own(x, status);
    struct wr_slice type = WR_SLICE("text/html; charset=utf-8"), page = {NULL, 0};
    enum wr_coding coding = WR_CODING_IDENTITY;

    x->response.status = status;
    wr_exchange_spread_block(x); /* a redirect's Location may be there */
    if (own) {
        type = own->type;
        coding = wr_own_page_choose(own, accept_encoding_of(x), &page);
    } else if (!wr_status_is_bodiless(status)) {
        page = make_page(x, status);
    }
    if (!page.p) { /* a 304, or out of memory: a status without a page is still an answer */
        x->response.length = 0;
        return;
    }
    wr_exchange_add_field(x, WR_SLICE("Content-Type"), type);
    if (own)
        add_coding(x, own, coding);
    wr_exchange_set_content(x, page, NULL);
}
