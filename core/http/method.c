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
    for (unsigned m = 0; m < WR_METHOD_OTHER; m++)
        if (wr_slice_eq(token, names[m]))
            return (enum wr_method)m;
    return WR_METHOD_OTHER;
}

struct wr_slice wr_method_name(enum wr_method method)
{
    return method < WR_METHOD_OTHER ? names[method] : wr_slice(NULL, 0);
}
