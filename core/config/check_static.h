/*
 * check_static.h — what the texts of a static route and its rules may be, apart from where they
 * stand.
 *
 * Each function gives NULL for one that is right, else what was expected, for a message: static text
 * but where `advice` has room for it. Names and values are not empty, and have no NUL.
 * Source: RFC 9110 5, 8.3, 12.5; RFC 9111 5.2.
 */
#ifndef WR_CONFIG_CHECK_STATIC_H
#define WR_CONFIG_CHECK_STATIC_H

#define WR_ADVICE_MAX 160

/* A name in a folder, which is to answer for it. */
const char *wr_expected_index(const char *name);

/* A path beneath a folder: with "{path}" in it, or without. */
const char *wr_expected_try(const char *path);
const char *wr_expected_fallback(const char *path);

/* The value of Content-Type, and of Cache-Control or the short word for one. */
const char *wr_expected_type(const char *value);
const char *wr_expected_cache_control(const char *value);

/* The ending of a name, as a key of types. */
const char *wr_expected_ending(const char *ending, char advice[static WR_ADVICE_MAX]);

/* A field of answers that is neither the connection's nor decided by the server itself. */
const char *wr_expected_field_name(const char *name);
const char *wr_expected_field_value(const char *value);

#endif
