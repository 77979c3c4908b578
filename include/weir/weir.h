/*
 * weir/weir.h — all that a program needs which has Weir inside and apps of its own: weir/app.h, the
 * application interface, and weir/server.h. A plugin needs weir/app.h alone, a test weir/test.h.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/app.h>
#include <weir/server.h>

#endif
