/*
 * cxx.cc — an application in C++17: /cxx?river=Elbe&town=Dresden answers a numbered line for each
 * parameter, a piece each.
 *
 * An exception that leaves app or next never gets into the server: it is caught, the log says what
 * it was, and the client gets a 500. /cxx/throw shows that.
 */
#include <weir/app.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace
{

/* A slice of the request as it lies: nothing is copied, and it stays until the response is over. */
std::string_view get(weir_environ *env, const char *key)
{
    std::size_t n;
    const char *p = weir_get_n(env, key, &n);

    return {p, n};
}

/* The parameters of a query as an iterable body, which owns it from weir_iterable() on. */
class Parameters
{
  public:
    explicit Parameters(std::string_view query) : rest_(query)
    {
    }

    static weir_body body(std::unique_ptr<Parameters> parameters)
    {
        return weir_iterable(next, close, parameters.release());
    }

  private:
    static std::int32_t next(weir_environ *, void *arg, weir_chunk *chunk)
    {
        return static_cast<Parameters *>(arg)->next(chunk);
    }

    static void close(void *arg)
    {
        delete static_cast<Parameters *>(arg);
    }

    std::int32_t next(weir_chunk *chunk)
    {
        if (rest_.empty())
            return WEIR_END;

        const std::string_view parameter = rest_.substr(0, rest_.find('&'));
        const std::size_t equals = parameter.find('=');

        rest_.remove_prefix(std::min(parameter.size() + 1, rest_.size()));
        line_ = std::to_string(++count_) + ". ";
        line_ += parameter.substr(0, equals);
        if (equals != std::string_view::npos) {
            line_ += " = ";
            line_ += parameter.substr(equals + 1);
        }
        line_ += '\n';
        chunk->data = line_.data();
        chunk->size = line_.size();
        return WEIR_CHUNK;
    }

    std::string_view rest_;
    std::string line_; // the piece that is being sent
    int count_ = 0;
};

weir_body app(weir_environ *env, weir_start_response *start_response)
{
    const std::string_view method = get(env, "REQUEST_METHOD");

    if (method != "GET" && method != "HEAD") {
        start_response(env, 405, WEIR_HEADERS({"Allow", "GET, HEAD"}));
        return weir_error(env, 405);
    }
    if (get(env, "PATH_INFO") == "/throw")
        throw std::runtime_error("thrown on purpose");

    auto parameters = std::make_unique<Parameters>(get(env, "QUERY_STRING"));

    start_response(env, 200,
                   WEIR_HEADERS({"Content-Type", "text/plain; charset=utf-8"},
                                {"X-Content-Type-Options", "nosniff"}));
    return Parameters::body(std::move(parameters));
}

} // namespace

WEIR_PLUGIN(.name = "cxx", .app = app, .runs = WEIR_ON_LOOP);
