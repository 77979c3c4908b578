/*
 * threads_kore.c — a module of Kore that answers by a task, for tools/bench-threads.
 *
 * A task runs on one of Kore's `task_threads`; when it has finished, Kore calls the handler again.
 */
#include <kore/http.h>
#include <kore/kore.h>
#include <kore/seccomp.h>
#include <kore/tasks.h>

/* What glibc needs to start a thread, and Kore 4.1 does not allow by itself. */
KORE_SECCOMP_FILTER("hello", KORE_SYSCALL_ALLOW(clone3), KORE_SYSCALL_ALLOW(rseq),
                    KORE_SYSCALL_ALLOW(madvise), KORE_SYSCALL_ALLOW(rt_sigprocmask));

int hello(struct http_request *req);

static int work(struct kore_task *t)
{
    (void)t;
    return KORE_RESULT_OK;
}

int hello(struct http_request *req)
{
    struct kore_task *t = req->hdlr_extra; /* Kore frees it with the request */

    if (!t) {
        t = kore_malloc(sizeof *t);
        req->hdlr_extra = t;
        kore_task_create(t, work);
        kore_task_bind_request(t, req);
        kore_task_run(t);
        return KORE_RESULT_RETRY;
    }
    if (!kore_task_finished(t)) {
        http_request_sleep(req);
        return KORE_RESULT_RETRY;
    }
    kore_task_destroy(t);
    http_response_header(req, "content-type", "text/plain");
    http_response(req, HTTP_STATUS_OK, "Hello, World!\n", 14);
    return KORE_RESULT_OK;
}
