/*
 * caught.cc — coroutines that wait in the midst of an exception, of which others know nothing.
 *
 *     POST /WAY?N      throws exception N and catches it, waits there as WAY says, throws it on, and answers
 *                      with the one that comes, at the end of what it has written: "N"
 *     GET /waiting     how many have begun to wait, ever
 *     GET /flying      how many exceptions this request knows of: "0"
 *     GET /release?N   ends the wait of exception N, if it is not the client who does
 *
 * N is a digit below 4.
 */
#include <weir/app.h>

#include <atomic>
#include <exception>
#include <poll.h>
#include <semaphore.h>
#include <string>
#include <sys/eventfd.h>
#include <unistd.h>

namespace
{

constexpr int NUMBERS = 4;
constexpr size_t MUCH =
    32U << 20; /* more than the kernel and the queue take of an answer that nobody reads */

struct Thrown {
    int number;
};

struct Wait {
    std::atomic<bool> is_over{false};
    int fd = -1;
    sem_t done;
};

Wait waits[NUMBERS];
std::atomic<int> begun{0};

int32_t read_it(weir_environ *env, int)
{
    char byte;

    return static_cast<int32_t>(weir_read(env, &byte, 1));
}

int32_t write_it(weir_environ *env, int)
{
    static const std::string piece(65536, '-');
    int32_t err = 0;

    for (size_t n = 0; n < MUCH && err >= 0; n += piece.size())
        err = weir_write(env, piece.data(), piece.size());
    return err;
}

int32_t sleep_it(weir_environ *env, int number)
{
    int32_t err = 0;

    while (err >= 0 && !waits[number].is_over)
        err = weir_sleep(env, 1);
    return err;
}

int32_t wait_for_it(weir_environ *env, int number)
{
    return weir_wait_fd(env, waits[number].fd, POLLIN, WEIR_NEVER);
}

int32_t offload_it(weir_environ *env, int number)
{
    return weir_offload(
        env,
        [](void *done) {
            while (sem_wait(static_cast<sem_t *>(done)) < 0)
                ;
        },
        nullptr, &waits[number].done);
}

const struct {
    const char *name;
    int32_t (*call)(weir_environ *env, int number);
} ways[] = {{"/read", read_it},
            {"/write", write_it},
            {"/sleep", sleep_it},
            {"/wait_fd", wait_for_it},
            {"/offload", offload_it}};

int32_t wait(weir_environ *env, const std::string &path, int number)
{
    for (const auto &way : ways) {
        if (path.rfind(way.name, 0) == 0) {
            begun++;
            return way.call(env, number);
        }
    }
    return WEIR_ENOENT;
}

/* Waits as the stack is unwound. */
struct Unwinding {
    weir_environ *env;
    const std::string &path;
    int number;
    int32_t &err;

    ~Unwinding()
    {
        err = wait(env, path, number);
        if (std::uncaught_exceptions() != 1)
            err = WEIR_ESTATE;
    }
};

int32_t wait_and_throw(weir_environ *env, const std::string &path, int number)
{
    int32_t err = 0;

    if (path.find("/unwinding") != std::string::npos) {
        Unwinding unwinding{env, path, number, err};

        throw Thrown{number};
    }
    try {
        throw Thrown{number};
    } catch (...) {
        err = wait(env, path, number);
        if (err >= 0)
            throw;
    }
    return err;
}

int32_t flying()
{
    return std::uncaught_exceptions() + (std::current_exception() ? 1 : 0);
}

weir_body number_body(weir_environ *env, int32_t n)
{
    return weir_printf(env, "%d", static_cast<int>(n));
}

weir_body release(weir_environ *env, int number)
{
    const uint64_t one = 1;

    waits[number].is_over = true;
    sem_post(&waits[number].done);
    return number_body(env, write(waits[number].fd, &one, sizeof one) == sizeof one ? 0 : -1);
}

weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const std::string path = weir_get(env, "PATH_INFO");
    const char *query = weir_get(env, "QUERY_STRING");
    const int number = query ? (query[0] - '0') % NUMBERS : 0;
    int32_t caught = -1, err = 0;

    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    if (path == "/waiting")
        return number_body(env, begun);
    if (path == "/flying")
        return number_body(env, flying());
    if (path == "/release")
        return release(env, number);
    try {
        err = wait_and_throw(env, path, number);
    } catch (const Thrown &thrown) {
        caught = thrown.number;
    }
    return number_body(env, err < 0 ? err : flying() ? -2 : caught);
}

int32_t load(const weir_host *, const weir_config *, void **)
{
    for (Wait &w : waits) {
        w.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (w.fd < 0 || sem_init(&w.done, 0, 0) < 0)
            return -1;
    }
    return 0;
}

void unload(void *)
{
    for (Wait &w : waits) {
        close(w.fd);
        sem_destroy(&w.done);
    }
}

} // namespace

WEIR_PLUGIN(.name = "caught", .load = load, .unload = unload, .app = app,
            .runs = WEIR_IN_COROUTINE);
