/*
 * metrics.h — what the server has counted, on all its loops, for Prometheus and what reads its text
 * format: an app, written against weir/app.h like any plugin.
 *
 * It answers GET, HEAD and OPTIONS at the path of its route; below that there is nothing. The text
 * tells of numbers alone: no path, no address, no name that a client has sent.
 */
#ifndef WR_HANDLERS_METRICS_H
#define WR_HANDLERS_METRICS_H

#include <weir/app.h>

/* Mounted without a state. */
extern const weir_plugin wr_metrics_plugin;

#endif
