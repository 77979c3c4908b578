/*
 * field_id.h — wr_field_id_of() inline, for what looks at every name of every head.
 */
#ifndef WR_HTTP_FIELD_ID_H
#define WR_HTTP_FIELD_ID_H

#include "http/field.h"

/* Is the name, of a known length from 4 up, the one in lower case? Setting bit 5 lowers letters and
 * makes no other tchar a letter or a hyphen. The words at both ends may overlap. */
__attribute__((always_inline)) static inline bool wr_is_name(const char *name, const char *lower,
                                                             size_t n)
{
    const uint64_t bits = UINT64_C(0x2020202020202020);
    uint64_t a, b, odd = 0;
    uint32_t c, d;

    if (n < sizeof a) {
        memcpy(&c, name, sizeof c);
        memcpy(&d, lower, sizeof d);
        odd = (c | (uint32_t)bits) ^ d;
        memcpy(&c, name + n - sizeof c, sizeof c);
        memcpy(&d, lower + n - sizeof d, sizeof d);
        return (odd | ((c | (uint32_t)bits) ^ d)) == 0;
    }
    for (size_t i = 0; i + sizeof a < n; i += sizeof a) {
        memcpy(&a, name + i, sizeof a);
        memcpy(&b, lower + i, sizeof b);
        odd |= (a | bits) ^ b;
    }
    memcpy(&a, name + n - sizeof a, sizeof a);
    memcpy(&b, lower + n - sizeof b, sizeof b);
    return (odd | ((a | bits) ^ b)) == 0;
}

/* For each length the last letters of the names that have it, a bit each: most fields of a request have
 * none of these names, which is seen here. A name that is added to wr_field_id_find() needs its letter here:
 * else it is not found (tests/unit/http/test_h1_scan.c looks at all of them). */
static const uint32_t wr_field_last_letters[] = {
#define WR_LAST(letter) (UINT32_C(1) << ((letter) % 32))
    [4] = WR_LAST('t'),
    [5] = WR_LAST('e'),
    [6] = WR_LAST('e') | WR_LAST('t'),
    [7] = WR_LAST('r'),
    [8] = WR_LAST('h') | WR_LAST('e'),
    [10] = WR_LAST('n') | WR_LAST('t'),
    [12] = WR_LAST('e'),
    [13] = WR_LAST('h'),
    [14] = WR_LAST('h'),
    [15] = WR_LAST('g'),
    [17] = WR_LAST('e') | WR_LAST('g'),
    [19] = WR_LAST('e'),
#undef WR_LAST
};

static inline bool wr_may_be_known(struct wr_slice name)
{
    const size_t lengths = sizeof wr_field_last_letters / sizeof wr_field_last_letters[0];

    return name.n < lengths && (wr_field_last_letters[name.n] &
                                UINT32_C(1) << (unsigned char)name.p[name.n - 1] % 32) != 0;
}

/* As wr_field_id_of(), of at least one octet. Inlined, for a call would cost a scan its vectors. */
__attribute__((always_inline)) static inline enum wr_field_id wr_field_id_find(struct wr_slice name)
{
    if (!wr_may_be_known(name))
        return WR_FIELD_OTHER;
    /* The length is a constant to each comparison, so that it is of words alone. */
    switch (name.n) {
#define WR_IS(id, text)                                                                            \
    if (wr_is_name(name.p, text, sizeof(text) - 1))                                                \
        return WR_FIELD_##id;
    case 4:
        WR_IS(HOST, "host")
        break;
    case 5:
        WR_IS(RANGE, "range")
        break;
    case 6:
        WR_IS(COOKIE, "cookie")
        WR_IS(EXPECT, "expect")
        break;
    case 7:
        WR_IS(REFERER, "referer")
        break;
    case 8:
        WR_IS(IF_MATCH, "if-match")
        WR_IS(IF_RANGE, "if-range")
        break;
    case 10:
        WR_IS(USER_AGENT, "user-agent")
        WR_IS(CONNECTION, "connection")
        break;
    case 12:
        WR_IS(CONTENT_TYPE, "content-type")
        break;
    case 13:
        WR_IS(IF_NONE_MATCH, "if-none-match")
        break;
    case 14:
        WR_IS(CONTENT_LENGTH, "content-length")
        break;
    case 15:
        WR_IS(ACCEPT_ENCODING, "accept-encoding")
        break;
    case 17:
        WR_IS(IF_MODIFIED_SINCE, "if-modified-since")
        WR_IS(TRANSFER_ENCODING, "transfer-encoding")
        break;
    case 19:
        WR_IS(IF_UNMODIFIED_SINCE, "if-unmodified-since")
        break;
#undef WR_IS
    default:
        break;
    }
    return WR_FIELD_OTHER;
}

#endif
