#include "http/h1_head.h"

#include "http/authority.h"

/* Of a Host field: empty when the target URI has no authority (RFC 9112 3.2), but then without a port. */
static bool is_host(struct wr_slice s)
{
    struct wr_authority parsed;

    return wr_authority_parse(s, &parsed) && (parsed.host.n > 0 || s.n == 0);
}

/* RFC 9110 4.2.1: an http URI has a host that is not empty; 9.3.6: CONNECT has a port as well. */
static bool names_host(const struct wr_target *target)
{
    struct wr_authority parsed;

    return wr_authority_parse(target->authority, &parsed) && parsed.host.n > 0 &&
           (target->form != WR_TARGET_AUTHORITY || parsed.port >= 0);
}

/* RFC 9112 3.2: exactly one valid Host in HTTP/1.1; what an absolute target names overrides it. */
static enum wr_h1_reason find_host(const struct wr_h1_head *head, bool is_host_known,
                                   struct wr_h1_message *out)
{
    const struct wr_field *host = wr_fields_find(head->fields, WR_FIELD_HOST);
    struct wr_slice authority = out->target.authority;

    if (!host && head->minor > 0)
        return WR_H1_HOST_MISSING;
    if (host && wr_fields_next(head->fields, host))
        return WR_H1_HOST_MANY;
    if (host && !is_host_known && !is_host(host->value))
        return WR_H1_HOST_VALUE;
    if (authority.p && !names_host(&out->target))
        return WR_H1_AUTHORITY;
    out->host = authority.p ? authority : host ? host->value : wr_slice(NULL, 0);
    return WR_H1_OK;
}

/* RFC 9110 4.2.3: to OPTIONS, an URI without a path is not that of "/"; it is what a proxy in front
 * would have made a '*' (RFC 9112 3.2.4). */
static bool is_of_server(const struct wr_h1_head *head, const struct wr_target *target)
{
    return head->method == WR_METHOD_OPTIONS && target->form == WR_TARGET_ABSOLUTE &&
           !target->raw_path.p && !target->query.p;
}

/* The only token of the list, as browsers send it? */
static bool is_keep_alive(struct wr_slice list)
{
    static const char token[] = "keep-alive";

    if (list.n != sizeof token - 1)
        return false;
    for (size_t i = 0; i < sizeof token - 1; i++)
        if ((list.p[i] | 0x20) != token[i])
            return false;
    return true;
}

/* RFC 9112 9.3; `close` in any of the Connection fields wins. */
static bool wants_keep_alive(const struct wr_h1_head *head)
{
    bool has_keep_alive = false;

    for (const struct wr_field *f = wr_fields_find(head->fields, WR_FIELD_CONNECTION); f;
         f = wr_fields_next(head->fields, f)) {
        if (is_keep_alive(f->value)) {
            has_keep_alive = true;
            continue;
        }
        if (wr_list_has_token(f->value, WR_SLICE("close")))
            return false;
        has_keep_alive |= wr_list_has_token(f->value, WR_SLICE("keep-alive"));
    }
    return head->minor > 0 || has_keep_alive;
}

/* RFC 9110 10.1.1; a client of HTTP/1.0 cannot wait for a 100, its field is ignored. */
static enum wr_h1_reason read_expectation(const struct wr_h1_head *head, bool *expects_continue)
{
    *expects_continue = false;
    if (head->minor == 0)
        return WR_H1_OK;
    for (const struct wr_field *f = wr_fields_find(head->fields, WR_FIELD_EXPECT); f;
         f = wr_fields_next(head->fields, f)) {
        struct wr_slice list = f->value, expectation;

        while (wr_slice_next_token(&list, &expectation)) {
            if (!wr_slice_ieq(expectation, WR_SLICE("100-continue")))
                return WR_H1_EXPECTATION;
            *expects_continue = true;
        }
    }
    return WR_H1_OK;
}

static bool split_target(const struct wr_h1_head *head, struct wr_h1_message *out)
{
    const struct wr_slice target = head->target;
    const size_t n = head->plain_path;

    if (n == 0 || head->method == WR_METHOD_CONNECT)
        return wr_target_split(target, head->method == WR_METHOD_CONNECT,
                               head->method == WR_METHOD_OPTIONS, &out->target);
    out->has_plain_path = true;
    out->target.form = WR_TARGET_ORIGIN;
    out->target.raw_path = wr_slice(target.p, n);
    if (n < target.n)
        out->target.query = wr_slice_from(target, n + 1);
    return true;
}

enum wr_h1_reason wr_h1_interpret(const struct wr_h1_head *head, bool is_host_known,
                                  struct wr_h1_message *out)
{
    enum wr_h1_reason reason;

    *out = (struct wr_h1_message){0};
    if (!split_target(head, out))
        return WR_H1_TARGET_FORM;
    if (is_of_server(head, &out->target))
        out->target.form = WR_TARGET_ASTERISK;
    reason = find_host(head, is_host_known, out);
    if (reason == WR_H1_OK)
        reason = wr_h1_framing_of(head->fields, head->minor, &out->framing);
    if (reason == WR_H1_OK)
        reason = read_expectation(head, &out->expects_continue);
    out->keep_alive = wants_keep_alive(head);
    if (out->framing.kind == WR_H1_NO_BODY ||
        (out->framing.kind == WR_H1_LENGTH && out->framing.length == 0))
        out->expects_continue = false; /* nothing to wait with */
    return reason;
}
