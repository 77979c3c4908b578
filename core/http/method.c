#include "http/method.h"

static const struct wr_slice names[] = {
    [WR_METHOD_GET] = {"GET", 3},         [WR_METHOD_HEAD] = {"HEAD", 4},
    [WR_METHOD_POST] = {"POST", 4},       [WR_METHOD_PUT] = {"PUT", 3},
    [WR_METHOD_DELETE] = {"DELETE", 6},   [WR_METHOD_CONNECT] = {"CONNECT", 7},
    [WR_METHOD_OPTIONS] = {"OPTIONS", 7}, [WR_METHOD_TRACE] = {"TRACE", 5},
    [WR_METHOD_PATCH] = {"PATCH", 5},
};

enum wr_method wr_method_of(struct wr_slice token)
{
    /* The length is a constant to each comparison, so that it is no call. */
    switch (token.n) {
#define IS(id)                                                                                     \
    if (memcmp(token.p, #id, sizeof #id - 1) == 0)                                                 \
        return WR_METHOD_##id;
    case 3:
        IS(GET)
        IS(PUT)
        break;
    case 4:
        IS(HEAD)
        IS(POST)
        break;
    case 5:
        IS(PATCH)
        IS(TRACE)
        break;
    case 6:
        IS(DELETE)
        break;
    case 7:
        IS(CONNECT)
        IS(OPTIONS)
        break;
#undef IS
    default:
        break;
    }
    return WR_METHOD_OTHER;
}

struct wr_slice wr_method_name(enum wr_method method)
{
    return method < WR_METHOD_OTHER ? names[method] : wr_slice(NULL, 0);
}
