/*
 * weir/error.h — the text of the error numbers that functions of the public interface return; the
 * numbers themselves, all negative and never errno, are in weir/app.h.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <weir/app.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The text of an error number; a static string, also for numbers that are none. Any thread. */
__attribute__((visibility("default"))) const char *weir_strerror(int32_t error);

#ifdef __cplusplus
}
#endif

#endif
