/*
 * weir/version.h — which Weir this is. Semantic Versioning 2.0.0.
 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0
#define WEIR_VERSION       "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, which may be newer than this header. A static string. */
__attribute__((visibility("default"))) const char *weir_version(void);

#ifdef __cplusplus
}
#endif

#endif
