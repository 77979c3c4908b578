/*
 * streams_native.cc — the interface as a C++ programmer would use it: lambdas for callbacks, objects that own
 * themselves, strings. Compiles with -fno-exceptions -fno-rtti too.
 */
#include <weir/app.h>

#include <memory>
#include <string>
#include <utility>

namespace
{

struct Upload {
    weir_start_response *start_response;
    std::string text;
};

/* An object that lives as long as the request. */
template <typename T, typename... Args> T *make(weir_environ *env, Args &&...args)
{
    T *object = new T{std::forward<Args>(args)...};

    weir_defer(
        env, [](void *arg) { delete static_cast<T *>(arg); }, object);
    return object;
}

weir_body owned(std::string text)
{
    auto *kept = new std::string(std::move(text));

    return weir_owned(
        kept->data(), kept->size(), [](void *arg) { delete static_cast<std::string *>(arg); },
        kept);
}

/* Content as it comes, backwards. */
bool read_some(weir_environ *env, Upload &upload)
{
    char buf[1000];
    int64_t n;

    while ((n = weir_read(env, buf, sizeof buf)) > 0)
        upload.text.append(buf, static_cast<size_t>(n));
    return n != WEIR_AGAIN;
}

weir_body answer(weir_environ *env, Upload &upload)
{
    upload.start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}));
    return owned(std::string(upload.text.rbegin(), upload.text.rend()));
}

weir_body reverse(weir_environ *env, weir_start_response *start_response)
{
    auto *upload = make<Upload>(env, start_response, std::string());

    if (read_some(env, *upload))
        return answer(env, *upload);
    weir_on_input(
        env,
        [](weir_environ *e, void *arg) {
            auto &it = *static_cast<Upload *>(arg);

            if (read_some(e, it))
                weir_finish(e, answer(e, it));
        },
        upload);
    return weir_later(env);
}

weir_body reverse_all(weir_environ *env, weir_start_response *start_response)
{
    weir_read_all(
        env, 1 << 20,
        [](weir_environ *e, void *arg, const void *data, int64_t n) {
            auto &it = *static_cast<Upload *>(arg);

            if (n < 0) {
                weir_finish(e, weir_error(e, n == WEIR_ETOOBIG ? 413 : 400));
                return;
            }
            it.text.assign(static_cast<const char *>(data), static_cast<size_t>(n));
            weir_finish(e, answer(e, it));
        },
        make<Upload>(env, start_response, std::string()));
    return weir_later(env);
}

struct Lines {
    int left;
    std::string line;

    int32_t next(weir_chunk *chunk)
    {
        if (left == 0)
            return WEIR_END;
        line = std::to_string(left--) + "\n";
        chunk->data = line.data();
        chunk->size = line.size();
        return WEIR_CHUNK;
    }
};

weir_body count_down(weir_environ *env, weir_start_response *start_response)
{
    auto lines = std::make_unique<Lines>(Lines{1000, {}});

    start_response(env, 200, nullptr);
    return weir_iterable([](weir_environ *, void *arg,
                            weir_chunk *chunk) { return static_cast<Lines *>(arg)->next(chunk); },
                         [](void *arg) { delete static_cast<Lines *>(arg); }, lines.release());
}

weir_body write_down(weir_environ *env, weir_start_response *start_response)
{
    start_response(env, 200, WEIR_HEADERS({"Content-Type", "text/plain"}, {"X-Way", "write"}));
    for (int i = 1000; i > 0; i--) {
        const std::string line = std::to_string(i) + "\n";

        if (weir_write(env, line.data(), line.size()) < 0)
            break;
    }
    return weir_empty();
}

weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const char *path = weir_get(env, "PATH_INFO");
    const std::string name = path ? path : "";

    if (name == "/reverse")
        return reverse(env, start_response);
    if (name == "/reverse-all")
        return reverse_all(env, start_response);
    if (name == "/count-down")
        return count_down(env, start_response);
    if (name == "/write-down")
        return write_down(env, start_response);
    return weir_decline();
}

} // namespace

WEIR_PLUGIN(.name = "native", .app = app);
