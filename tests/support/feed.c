#include "feed.h"

#include <stdio.h>

void wr_feed_all(struct wr_slice input, wr_feed_fn *run, void *arg)
{
    struct wr_feed whole = {.input = input}, bytes = {.input = input, .bytewise = true};

    run(&whole, arg);
    run(&bytes, arg);
    for (size_t split = 1; split < input.n; split++) {
        struct wr_feed two = {.input = input, .split = split};

        run(&two, arg);
    }
}

bool wr_feed_next(struct wr_feed *feed, struct wr_slice *part)
{
    size_t n = feed->input.n - feed->at;

    if (n == 0)
        return false;
    if (feed->bytewise)
        n = 1;
    else if (feed->at < feed->split)
        n = feed->split - feed->at;
    *part = wr_slice(feed->input.p + feed->at, n);
    feed->at += n;
    return true;
}

const char *wr_feed_name(const struct wr_feed *feed)
{
    static char name[40];

    if (feed->bytewise)
        return "byte by byte";
    if (feed->split == 0)
        return "whole";
    snprintf(name, sizeof name, "split at %zu", feed->split);
    return name;
}
