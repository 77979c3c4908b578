#include "http/field.h"

#include "http/field_id.h"

enum wr_field_id wr_field_id_of(struct wr_slice name)
{
    return name.n > 0 ? wr_field_id_find(name) : WR_FIELD_OTHER;
}

/* clang-format off */
#define S WR_CHAR_VALUE                                        /* SP and HTAB */
#define L (WR_CHAR_VALUE | WR_CHAR_TARGET)                      /* '/' */
#define V (L | WR_CHAR_SEGMENT)
#define P (WR_CHAR_TOKEN | WR_CHAR_VALUE | WR_CHAR_TARGET)     /* '%' */
#define T (P | WR_CHAR_SEGMENT)
#define H (WR_CHAR_TOKEN | WR_CHAR_VALUE)                      /* '#' */
#define M (V | WR_CHAR_NAME)
#define N (T | WR_CHAR_NAME)

const uint8_t wr_char_class[256] = {
    /*       x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 xA xB xC xD xE xF */
    /* 0x */ 0, 0, 0, 0, 0, 0, 0, 0, 0, S, 0, 0, 0, 0, 0, 0,
    /* 1x */ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    /* 2x */ S, N, V, H, N, P, N, N, M, M, N, N, M, N, N, L,
    /* 3x */ N, N, N, N, N, N, N, N, N, N, V, M, V, M, V, V,
    /* 4x */ V, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
    /* 5x */ N, N, N, N, N, N, N, N, N, N, N, V, V, V, T, N,
    /* 6x */ T, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
    /* 7x */ N, N, N, N, N, N, N, N, N, N, N, V, T, V, N, 0,
    /* 8x */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    /* 9x */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    /* Ax */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    /* Bx */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    /* Cx */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    /* Dx */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    /* Ex */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    /* Fx */ V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
};
/* clang-format on */

bool wr_is_token(struct wr_slice s)
{
    return s.n > 0 && wr_skip_class(s.p, s.p + s.n, WR_CHAR_TOKEN) == s.p + s.n;
}

bool wr_field_may_trail(struct wr_slice name)
{
    static const struct wr_slice barred[] = {
#define NAME(text) {text, sizeof(text) - 1}
        /* framing, and what belongs to one connection */
        NAME("content-length"),
        NAME("transfer-encoding"),
        NAME("connection"),
        NAME("keep-alive"),
        NAME("proxy-connection"),
        NAME("te"),
        NAME("trailer"),
        NAME("upgrade"),
        /* routing, and controls of a request */
        NAME("host"),
        NAME("max-forwards"),
        NAME("expect"),
        NAME("cache-control"),
        NAME("pragma"),
        NAME("range"),
        NAME("if-match"),
        NAME("if-none-match"),
        NAME("if-modified-since"),
        NAME("if-unmodified-since"),
        NAME("if-range"),
        /* who asks */
        NAME("authorization"),
        NAME("proxy-authorization"),
        NAME("www-authenticate"),
        NAME("proxy-authenticate"),
        NAME("cookie"),
        NAME("set-cookie"),
        /* control of an answer */
        NAME("age"),
        NAME("date"),
        NAME("expires"),
        NAME("location"),
        NAME("retry-after"),
        NAME("vary"),
        NAME("warning"),
        /* what the content is */
        NAME("content-encoding"),
        NAME("content-type"),
        NAME("content-range"),
        NAME("content-language"),
        NAME("content-location"),
        NAME("content-disposition"),
#undef NAME
    };

    for (size_t i = 0; i < sizeof barred / sizeof barred[0]; i++)
        if (wr_slice_ieq(name, barred[i]))
            return false;
    return true;
}

bool wr_list_has_token(struct wr_slice list, struct wr_slice token)
{
    struct wr_slice element;

    while (wr_slice_next_token(&list, &element))
        if (wr_slice_ieq(element, token))
            return true;
    return false;
}
