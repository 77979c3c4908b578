#include <stdio.h>
#include <stdlib.h>

#include "app/json_parse.h"
#include "config/check_static.h"
#include "config/reader.h"
#include "io/address.h"
#include "server/router.h"

/* ---- texts ---- */

static void refuse(struct wr_reader *r, const struct wr_json_node *node, const char *expected)
{
    char shown[WR_CONFIG_SHOW_MAX];

    wr_report(r, node, WR_JSON_VALUE, "expected %s, found %s", expected,
              wr_config_show(node, shown));
}

static bool check_listen(struct wr_reader *r, const struct wr_json_node *node, const char **value)
{
    const char *why, *scheme = "unix:", *path = *value + strlen(scheme);
    struct wr_address address;

    if (strncmp(*value, scheme, strlen(scheme)) == 0 && *path) {
        const char *absolute = wr_reader_absolute(r, scheme, path);

        *value = absolute ? absolute : *value;
    }
    if (wr_address_parse(*value, &address, &why) == 0)
        return true;
    if (strncmp(why, "expected ", strlen("expected ")) == 0) {
        refuse(r, node, why + strlen("expected "));
    } else {
        char shown[WR_CONFIG_SHOW_MAX];

        wr_report(r, node, WR_JSON_VALUE, "expected an address (%s), found %s", why,
                  wr_config_show(node, shown));
    }
    return false;
}

static bool check_path(struct wr_reader *r, const struct wr_json_node *node, const char **value)
{
    const char *expected = wr_route_check_path(wr_slice_of(*value));

    if (expected)
        refuse(r, node, expected);
    return !expected;
}

static bool check_host(struct wr_reader *r, const struct wr_json_node *node, const char **value)
{
    const char *expected = wr_vhost_check(wr_slice_of(*value));

    if (expected)
        refuse(r, node, expected);
    return !expected;
}

static bool make_absolute(struct wr_reader *r, const struct wr_json_node *node, const char **value)
{
    const char *absolute = wr_reader_absolute(r, "", *value);

    (void)node;
    *value = absolute ? absolute : *value;
    return true;
}

static bool check_plugin(struct wr_reader *r, const struct wr_json_node *node, const char **value)
{
    return !strchr(*value, '/') || make_absolute(r, node, value);
}

static bool check_log(struct wr_reader *r, const struct wr_json_node *node, const char **value)
{
    /* A file of this name is not what anybody has in mind who writes that. */
    if (strcmp(*value, "off") == 0) {
        refuse(r, node, "a path, \"-\" or null");
        return false;
    }
    return strcmp(*value, "-") == 0 || make_absolute(r, node, value);
}

static bool check_access_log(struct wr_reader *r, const struct wr_json_node *node,
                             const char **value)
{
    return strcmp(*value, "-") == 0 || strcmp(*value, "off") == 0 || make_absolute(r, node, value);
}

static bool is_alpha(char c)
{
    char lower = wr_ascii_lower(c);

    return lower >= 'a' && lower <= 'z';
}

/* RFC 3986 3.1, with the colon. */
static bool has_scheme(const char *text)
{
    const char *p = text;

    if (!is_alpha(*p))
        return false;
    while (is_alpha(*p) || (*p >= '0' && *p <= '9') || *p == '+' || *p == '-' || *p == '.')
        p++;
    return *p == ':';
}

/* What a Location field can carry as it is. */
static bool check_redirect(struct wr_reader *r, const struct wr_json_node *node, const char **value)
{
    const char *expected = NULL;

    if (**value != '/' && !has_scheme(*value))
        expected = "a path that begins with '/', or a URL with its scheme";
    for (const char *p = *value; *p && !expected; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\"<>\\^`{|}", *p))
            expected = "a path or URL of the characters that a URL may have";
    if (expected)
        refuse(r, node, expected);
    return !expected;
}

static const struct {
    const char *section, *key;
    bool (*check)(struct wr_reader *r, const struct wr_json_node *node, const char **value);
    const char *(*expected)(const char *value); /* in place of check, where that is all */
} checks[] = {
    {"root", "listen", check_listen, NULL},
    {"log", "file", check_log, NULL},
    {"access_log", "file", check_access_log, NULL},
    {"rule", "cache_control", NULL, wr_expected_cache_control},
    {"rule", "fields", NULL, wr_expected_field_value},
    {"rule", "type", NULL, wr_expected_type},
    {"route", "path", check_path, NULL},
    {"route", "host", check_host, NULL},
    {"route", "index", NULL, wr_expected_index},
    {"route", "try", NULL, wr_expected_try},
    {"route", "fallback", NULL, wr_expected_fallback},
    {"route", "types", NULL, wr_expected_type},
    {"route", "plugin", check_plugin, NULL},
    {"route", "redirect", check_redirect, NULL},
    {"host", "names", check_host, NULL},
};

bool wr_check_text(struct wr_reader *r, const struct wr_option *option,
                   const struct wr_json_node *node, const char **value)
{
    if (option->kind == WR_PATH || option->kind == WR_PAGES)
        return make_absolute(r, node, value);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const char *expected;

        if (strcmp(option->section, checks[i].section) != 0 ||
            strcmp(option->key, checks[i].key) != 0)
            continue;
        if (checks[i].check)
            return checks[i].check(r, node, value);
        expected = checks[i].expected(*value);
        if (expected)
            refuse(r, node, expected);
        return !expected;
    }
    return true;
}

/* ---- maps ---- */

void wr_check_name(struct wr_reader *r, const struct wr_option *option,
                   const struct wr_json_node *node)
{
    char advice[WR_ADVICE_MAX], shown[WR_CONFIG_SHOW_MAX];
    const char *name = node->path.key, *expected;

    if (!*name)
        expected = "a name";
    else if (strcmp(option->key, "types") == 0)
        expected = wr_expected_ending(name, advice);
    else
        expected = wr_expected_field_name(name);
    if (!expected)
        return;
    wr_line_tidy(shown, sizeof shown, snprintf(shown, sizeof shown, "%s", name));
    wr_report(r, node, WR_JSON_KEY, "expected %s, found \"%s\"", expected, shown);
}

/* Names of fields that differ in case alone are one; the reader has told of those that do not. */
void wr_check_map(struct wr_reader *r, const struct wr_map *map)
{
    for (size_t i = 1; i < map->n; i++) {
        const char *name = map->v[i].name;

        for (size_t k = 0; k < i; k++) {
            if (strcasecmp(map->v[k].name, name) != 0 || strcmp(map->v[k].name, name) == 0)
                continue;
            wr_report(r, wr_json_node_of(map->v[i].at), WR_JSON_KEY,
                      "this name was already given in line %zu",
                      wr_json_node_of(map->v[k].at)->key_place.line);
            break;
        }
    }
}

/* ---- what may be there once ---- */

/* Who lays claim to a name, an address, a route. */
struct claim {
    const char *host, *path;
    const struct wr_host_options *site; /* that a route is of; NULL: none */
    bool is_exact;
    size_t order;
    const struct wr_json_node *node;
};

struct claims {
    struct claim *v;
    size_t n, cap;
};

static struct claim *new_claim(struct wr_reader *r, struct claims *c)
{
    struct claim *v = c->v;

    if (c->n == c->cap) {
        c->cap = c->cap * 2 + 16;
        v = reallocarray(v, c->cap, sizeof *v);
    }
    if (!v) {
        c->cap = c->n;
        r->no_memory = true;
        return NULL;
    }
    c->v = v;
    v[c->n] = (struct claim){.host = "", .path = "", .order = c->n};
    return &v[c->n++];
}

static int compare_claimed(const struct claim *a, const struct claim *b)
{
    int order = strcmp(a->host, b->host);

    if (order == 0)
        order = strcmp(a->path, b->path);
    return order != 0 ? order : (int)a->is_exact - (int)b->is_exact;
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int order = compare_claimed(x, y);

    if (order != 0)
        return order;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_places(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;

    if (x->node->place.line != y->node->place.line)
        return x->node->place.line < y->node->place.line ? -1 : 1;
    return x->node->place.column < y->node->place.column
               ? -1
               : x->node->place.column > y->node->place.column;
}

static void report_again(struct wr_reader *r, const struct claim *first, const struct claim *again,
                         const char *what)
{
    if (r->set)
        wr_report(r, again->node, WR_JSON_VALUE, "this %s was already given", what);
    else
        wr_report(r, again->node, WR_JSON_VALUE, "this %s was already given in line %zu", what,
                  first->node->place.line);
}

/* A host that is named twice, of which that is told: its routes are not to blame. */
static bool is_same_fault(const struct claim *a, const struct claim *b)
{
    return a->node == b->node || (a->site && b->site && a->site != b->site);
}

/* Reports each claim to what an earlier one has. In the order of the text, which is not that in
 * which claims were made: routes may stand behind hosts. */
static void settle(struct wr_reader *r, struct claims *c, const char *what)
{
    const struct claim *first = c->v;

    if (c->n > 1) {
        qsort(c->v, c->n, sizeof *c->v, compare_places);
        for (size_t i = 0; i < c->n; i++)
            c->v[i].order = i;
        qsort(c->v, c->n, sizeof *c->v, compare_claims);
    }
    for (size_t i = 1; i < c->n; i++) {
        if (compare_claimed(first, &c->v[i]) != 0)
            first = &c->v[i];
        else if (!is_same_fault(first, &c->v[i]))
            report_again(r, first, &c->v[i], what);
    }
    free(c->v);
}

/* As the router compares it. */
static const char *canonical_host(struct wr_reader *r, const char *host)
{
    struct wr_slice name = wr_vhost_without_dot(wr_slice_of(host));
    char *out = wr_reader_alloc(r, name.n + 1);

    if (!out)
        return "";
    for (size_t i = 0; i < name.n; i++)
        out[i] = wr_ascii_lower(name.p[i]);
    out[name.n] = '\0';
    return out;
}

static const char *canonical_path(struct wr_reader *r, const struct wr_route_options *route)
{
    size_t n = strlen(route->path);
    const char *out;

    if (!route->exact && n > 0 && route->path[n - 1] == '/')
        n--;
    out = wr_arena_dup(&r->options->arena, wr_slice(route->path, n)).p;
    r->no_memory = r->no_memory || !out;
    return out ? out : "";
}

/* The path where it is written, since that is what people look for. */
static const struct wr_json_node *node_of_route(const struct wr_route_options *route)
{
    const struct wr_json_node *node = wr_json_node_of(route->at);
    const struct wr_json_node *path = wr_json_member(node, "path");

    return path ? path : node;
}

/* What is empty was found wrong, and has been reported. */
static void claim_route(struct wr_reader *r, struct claims *c, const char *host,
                        const struct wr_host_options *site, const struct wr_route_options *route)
{
    struct claim *claim;

    if (!*route->path || (host && !*host))
        return;
    claim = new_claim(r, c);
    if (!claim)
        return;
    claim->site = site;
    claim->host = host ? canonical_host(r, host) : "";
    claim->path = canonical_path(r, route);
    claim->is_exact = route->exact;
    claim->node = node_of_route(route);
}

static void claim_host(struct wr_reader *r, struct claims *routes, struct claims *names,
                       const struct wr_host_options *host)
{
    for (size_t i = 0; i < host->names.n; i++) {
        struct claim *claim = new_claim(r, names);

        if (claim) {
            claim->host = canonical_host(r, host->names.v[i]);
            claim->node = wr_json_node_of(host->names.at[i]);
        }
        for (size_t j = 0; j < host->routes.n; j++)
            claim_route(r, routes, host->names.v[i], host, &host->routes.v[j]);
    }
}

void wr_check_root(struct wr_reader *r, const struct wr_root_options *root)
{
    struct claims routes = {0}, names = {0};

    for (size_t i = 0; i < root->routes.n; i++)
        claim_route(r, &routes, root->routes.v[i].host, NULL, &root->routes.v[i]);
    for (size_t i = 0; i < root->hosts.n; i++)
        claim_host(r, &routes, &names, &root->hosts.v[i]);
    settle(r, &routes, "route");
    settle(r, &names, "host");
}

/* Each address in one form; a port of 0 is another one each time. */
void wr_check_texts(struct wr_reader *r, const struct wr_option *option,
                    const struct wr_texts *texts)
{
    struct claims addresses = {0};

    if (strcmp(option->key, "listen") != 0)
        return;
    for (size_t i = 0; i < texts->n; i++) {
        char text[WR_ADDRESS_TEXT_MAX];
        struct wr_address address;
        struct claim *claim;
        const char *why;

        if (wr_address_parse(texts->v[i], &address, &why) < 0 ||
            (address.sa.any.sa_family != AF_UNIX && wr_address_port(&address) == 0))
            continue;
        wr_address_format(&address, text);
        claim = new_claim(r, &addresses);
        if (!claim)
            continue;
        claim->node = wr_json_node_of(texts->at[i]);
        claim->host = wr_arena_dup(&r->options->arena, wr_slice_of(text)).p;
        r->no_memory = r->no_memory || !claim->host;
        claim->host = claim->host ? claim->host : "";
    }
    settle(r, &addresses, "address");
}

/* ---- objects ---- */

static const char *const kinds[] = {"static", "plugin", "redirect", "metrics"};

/* What the key's absence says is null for a text, and false for the one flag. */
static bool says_something(const struct wr_json_node *member)
{
    return member->type != (strcmp(member->path.key, "metrics") == 0 ? JSON_FALSE : JSON_NULL);
}

static bool is_kind(const struct wr_json_node *member)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(member->path.key, kinds[i]) == 0)
            return says_something(member);
    return false;
}

static bool has_kind(const struct wr_json_node *route, const char *kind)
{
    const struct wr_json_node *member = wr_json_member(route, kind);

    return member && says_something(member);
}

/* Gives the first; with keys that are not known one of them may be what is missing. */
static const struct wr_json_node *check_kinds(struct wr_reader *r, const struct wr_json_node *route,
                                              bool unknown)
{
    const struct wr_json_node *first = NULL;

    for (const struct wr_json_node *m = route->first; m; m = m->next) {
        if (!is_kind(m))
            continue;
        if (first && strcmp(first->path.key, m->path.key) != 0)
            wr_report(r, m, WR_JSON_KEY,
                      "expected one of static, plugin, redirect and metrics, found \"%s\" as well",
                      first->path.key);
        first = first ? first : m;
    }
    if (!first && !unknown)
        wr_report(r, route, WR_JSON_VALUE,
                  "expected one of static, plugin, redirect and metrics, found none");
    return first;
}

/* Of a folder that a call has named, so that where it is is not said here. */
static void check_folder(struct wr_reader *r, const struct wr_json_node *folder)
{
    for (const struct wr_json_node *m = folder->first; m; m = m->next) {
        const char *key = m->path.key, *kind = wr_route_kind_of(key);
        bool is_known = wr_section_find(wr_section_route(), key);

        if (is_known && (!kind || strcmp(kind, "static") != 0 || strcmp(key, kind) == 0))
            wr_report(r, m, WR_JSON_KEY,
                      "expected a key that says how a folder is served, found one of routes");
    }
}

static void check_route(struct wr_reader *r, const struct wr_json_node *route, bool unknown)
{
    bool in_host = route->path.parent->parent->parent != NULL; /* /hosts/0/routes/0 */
    const struct wr_json_node *kind = check_kinds(r, route, unknown);
    const char *of;

    for (const struct wr_json_node *m = route->first; m; m = m->next) {
        if (in_host && strcmp(m->path.key, "host") == 0 && m->type != JSON_NULL)
            wr_report(r, m, WR_JSON_KEY,
                      "expected no host in a route of \"hosts\", which has their names");
        of = wr_route_kind_of(m->path.key);
        if (kind && of && strcmp(of, m->path.key) != 0 && !has_kind(route, of))
            wr_report(r, m, WR_JSON_KEY,
                      "expected this key in a route with \"%s\", found one with \"%s\"", of,
                      kind->path.key);
    }
}

/* Does this member of a rule do something, or only say for which paths? */
static bool is_action(const struct wr_json_node *member)
{
    if (strcmp(member->path.key, "match") == 0 || strcmp(member->path.key, "hashed") == 0)
        return false;
    return member->type != JSON_NULL && member->type != JSON_FALSE &&
           !(member->type == JSON_OBJECT && member->n == 0);
}

static void check_rule(struct wr_reader *r, const struct wr_json_node *rule, bool unknown)
{
    for (const struct wr_json_node *m = rule->first; m; m = m->next)
        if (is_action(m))
            return;
    if (!unknown)
        wr_report(r, rule, WR_JSON_VALUE,
                  "expected at least one of cache_control, fields, type, download and deny, found "
                  "none");
}

static void check_host_object(struct wr_reader *r, const struct wr_json_node *host, bool unknown)
{
    const struct wr_json_node *names = wr_json_member(host, "names");

    if (!names && !unknown)
        wr_report_missing(r, host, "names");
    else if (names && names->type == JSON_ARRAY && names->n == 0)
        wr_report(r, names, WR_JSON_VALUE, "expected at least one host, found an empty array");
}

void wr_check_section(struct wr_reader *r, const struct wr_section *section,
                      const struct wr_json_node *node, bool unknown)
{
    if (section == wr_section_route() && !node->path.parent)
        check_folder(r, node);
    else if (section == wr_section_route())
        check_route(r, node, unknown);
    else if (strcmp(section->name, "rule") == 0)
        check_rule(r, node, unknown);
    else if (strcmp(section->name, "host") == 0)
        check_host_object(r, node, unknown);
}
