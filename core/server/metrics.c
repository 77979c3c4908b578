#include "server/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- sums ---- */

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void wr_metrics_add(struct wr_metrics *sum, const struct wr_metrics *worker)
{
    for (int i = 0; i < WR_METRIC_COUNT; i++)
        wr_metric_add(&sum->count[i], read_counter(&worker->count[i]));
    for (int m = 0; m < WR_METRICS_METHODS; m++)
        for (int i = 0; i < WR_METRICS_CLASSES; i++)
            wr_metric_add(&sum->answered[m][i], read_counter(&worker->answered[m][i]));
    for (int i = 0; i < WR_H1_REASON_COUNT; i++)
        wr_metric_add(&sum->refused[i], read_counter(&worker->refused[i]));
}

/* ---- text: all series of a name in one group behind its HELP and TYPE ---- */

static const struct {
    const char *name, *label, *doc;
} rows[WR_METRIC_COUNT] = {
#define X(id, name, label, doc) [WR_METRIC_##id] = {name, label, doc},
    WR_METRICS(X)
#undef X
};

static const char *const reasons[WR_H1_REASON_COUNT] = {
#define X(id, status, text) [WR_H1_##id] = #id,
    WR_H1_REASONS(X)
#undef X
};

static void put_family(FILE *out, const char *name, const char *type, const char *doc)
{
    fprintf(out, "# HELP weir_%s %s\n# TYPE weir_%s %s\n", name, doc, name, type);
}

/* Series that nothing has been counted in yet are there too: one that appears with its first count
 * would show no increase. */
static void put_rows(FILE *out, const struct wr_metrics *sum)
{
    const char *before = "";

    for (int i = 0; i < WR_METRIC_COUNT; i++) {
        const char *name = rows[i].name, *label = rows[i].label;

        if (strcmp(name, before) != 0)
            fprintf(out, "# HELP weir_%s_total %s\n# TYPE weir_%s_total counter\n", name,
                    rows[i].doc, name);
        fprintf(out, *label ? "weir_%s_total{%s} " : "weir_%s_total%s ", name, label);
        fprintf(out, "%" PRIu64 "\n", read_counter(&sum->count[i]));
        before = name;
    }
}

static void put_answered(FILE *out, const struct wr_metrics *sum)
{
    put_family(out, "requests_total", "counter",
               "Requests that were answered, by method and class of the status.");
    for (int m = 0; m < WR_METRICS_METHODS; m++) {
        struct wr_slice name = wr_method_name((enum wr_method)m);

        if (!name.p)
            name = WR_SLICE("other");
        for (int i = 0; i < WR_METRICS_CLASSES; i++)
            fprintf(out, "weir_requests_total{method=\"%.*s\",code=\"%dxx\"} %" PRIu64 "\n",
                    (int)name.n, name.p, i + 1, read_counter(&sum->answered[m][i]));
    }
}

static void put_refused(FILE *out, const struct wr_metrics *sum)
{
    put_family(out, "requests_refused_total", "counter",
               "Requests that broke a rule of HTTP or met a limit, by which.");
    for (int i = WR_H1_OK + 1; i < WR_H1_REASON_COUNT; i++) {
        fputs("weir_requests_refused_total{reason=\"", out);
        for (const char *p = reasons[i]; *p; p++)
            fputc(wr_ascii_lower(*p), out);
        fprintf(out, "\"} %" PRIu64 "\n", read_counter(&sum->refused[i]));
    }
}

/* As the value of a label, in which these three are escaped. */
static void put_label_value(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            fputc('\\', out);
        if (*text == '\n')
            fputs("\\n", out);
        else
            fputc(*text, out);
    }
}

static void put_facts(FILE *out, const struct wr_metrics_total *total)
{
    put_family(out, "connections_open", "gauge", "Connections that are open.");
    fprintf(out, "weir_connections_open %ld\n", total->connections);
    if (total->started_ms > 0) {
        put_family(out, "start_time_seconds", "gauge",
                   "When the server was started, in seconds since 1970.");
        fprintf(out, "weir_start_time_seconds %" PRId64 ".%03d\n", total->started_ms / 1000,
                (int)(total->started_ms % 1000));
    }
    if (total->version) {
        put_family(out, "build_info", "gauge", "1, with the version as a label.");
        fputs("weir_build_info{version=\"", out);
        put_label_value(out, total->version);
        fputs("\"} 1\n", out);
    }
}

char *wr_metrics_text(const struct wr_metrics_total *total)
{
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    bool is_whole;

    if (!out)
        return NULL;
    put_answered(out, &total->sum);
    put_refused(out, &total->sum);
    put_rows(out, &total->sum);
    put_facts(out, total);
    is_whole = !ferror(out);
    if (fclose(out) == 0 && is_whole)
        return text;
    free(text);
    return NULL;
}
