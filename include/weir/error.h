/*
 * weir/error.h — what functions of the public interface return when they fail: negative numbers,
 * never errno.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* name, number, text for people */
#define WEIR_ERRORS(X)                                                                             \
    X(WEIR_EINVAL, -5000, "an argument is not valid")                                              \
    X(WEIR_ENOMEM, -5001, "out of memory")                                                         \
    X(WEIR_ESTATE, -5002, "not possible in this state of the server")                              \
    X(WEIR_EADDRINUSE, -5003, "the address is in use")                                             \
    X(WEIR_EACCES, -5004, "permission denied")                                                     \
    X(WEIR_ENOENT, -5005, "no such file or folder")                                                \
    X(WEIR_ENOTDIR, -5006, "not a folder")                                                         \
    X(WEIR_EADDRNOTAVAIL, -5007, "the address is not one of this machine")                         \
    X(WEIR_ESYSTEM, -5008, "a system call failed")

#define WEIR_ERROR_ENUMERATOR(name, number, text) name = (number),
enum weir_error { WEIR_ERRORS(WEIR_ERROR_ENUMERATOR) WEIR_OK = 0 };
#undef WEIR_ERROR_ENUMERATOR

/* The text of an error number; a static string, also for numbers that are none. Any thread. */
__attribute__((visibility("default"))) const char *weir_strerror(int32_t error);

#ifdef __cplusplus
}
#endif

#endif
