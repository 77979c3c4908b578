/*
 * json.h — rows as JSON text, piece by piece. What is a number, a truth value or JSON in PostgreSQL
 * is that here, NULL is null, all else a string. Text is UTF-8, for the connection has asked for
 * that.
 */
#ifndef QUERY_JSON_H
#define QUERY_JSON_H

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Above `max` bytes, and without memory, it has failed. */
struct json {
    char *p;
    size_t n, cap, max;
    int has_failed;
};

static inline void json_add(struct json *j, const char *p, size_t n)
{
    if (j->has_failed || n > j->max - j->n) {
        j->has_failed = 1;
        return;
    }
    if (j->n + n > j->cap) {
        size_t cap = 2 * (j->n + n);
        char *larger = realloc(j->p, cap);

        if (!larger) {
            j->has_failed = 1;
            return;
        }
        j->p = larger;
        j->cap = cap;
    }
    memcpy(j->p + j->n, p, n);
    j->n += n;
}

static inline void json_put(struct json *j, const char *text)
{
    json_add(j, text, strlen(text));
}

static inline void json_put_string(struct json *j, const char *s)
{
    json_put(j, "\"");
    while (*s != '\0') {
        size_t n = 0;
        char code[8];

        while ((unsigned char)s[n] >= ' ' && s[n] != '"' && s[n] != '\\')
            n++;
        json_add(j, s, n);
        s += n;
        if (*s == '\0')
            break;
        snprintf(code, sizeof code, "\\u%04x", (unsigned)(unsigned char)*s++);
        json_put(j, code);
    }
    json_put(j, "\"");
}

/* The numbers of types never change: src/include/catalog/pg_type.dat of PostgreSQL. */
static inline void json_put_value(struct json *j, Oid type, const char *text)
{
    switch (type) {
    case 16: /* bool */
        json_put(j, text[0] == 't' ? "true" : "false");
        break;
    case 114:  /* json */
    case 3802: /* jsonb */
        json_put(j, text);
        break;
    case 20:   /* int8 */
    case 21:   /* int2 */
    case 23:   /* int4 */
    case 700:  /* float4 */
    case 701:  /* float8 */
    case 1700: /* numeric */
        if (strspn(text + (text[0] == '-'), "0123456789") > 0) {
            json_put(j, text);
            break;
        }
        json_put_string(j, text); /* NaN, Infinity */
        break;
    default:
        json_put_string(j, text);
    }
}

/* Rows of a result, behind those of before. */
static inline void json_put_rows(struct json *j, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++) {
        json_put(j, j->n > 0 && j->p[j->n - 1] == '}' ? ",{" : "{");
        for (int i = 0; i < PQnfields(result); i++) {
            json_put(j, i > 0 ? "," : "");
            json_put_string(j, PQfname(result, i));
            json_put(j, ":");
            if (PQgetisnull(result, row, i))
                json_put(j, "null");
            else
                json_put_value(j, PQftype(result, i), PQgetvalue(result, row, i));
        }
        json_put(j, "}");
    }
}

#endif
