/*
 * jsonapi.c — a JSON API: notes that are kept in memory.
 *
 *     GET    /jsonapi/notes      200 {"notes": [{"id": 1, "text": "…"}, …]}
 *     POST   /jsonapi/notes      201 and the note, made of {"text": "…"}
 *     GET    /jsonapi/notes/1    200 and the note
 *     DELETE /jsonapi/notes/1    204
 *
 * What fails answers {"error": "why"}. It runs in threads, several at a time, so a mutex guards the
 * notes. They are gone when the server stops.
 */
#include <weir/app.h>

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#define CONTENT_MAX 16384
#define NOTES_MAX   100

struct notes {
    pthread_mutex_t lock;
    json_t *all; /* an array; also its items' reference counts are guarded */
    json_int_t last_id;
};

static int32_t load(const weir_host *host, const weir_config *config, void **state)
{
    struct notes *notes = calloc(1, sizeof *notes);

    (void)host;
    if (!notes)
        return weir_config_fail(config, "out of memory");
    notes->all = json_array();
    if (!notes->all || pthread_mutex_init(&notes->lock, NULL) != 0) {
        json_decref(notes->all);
        free(notes);
        return weir_config_fail(config, "out of memory");
    }
    *state = notes;
    return 0;
}

static void unload(void *state)
{
    struct notes *notes = state;

    pthread_mutex_destroy(&notes->lock);
    json_decref(notes->all);
    free(notes);
}

/* ---- answers ---- */

/* Text as json_dumps gave it; NULL: it had no memory for it. */
static weir_body answer(weir_environ *env, weir_start_response *start_response, int32_t status,
                        char *text)
{
    if (!text)
        return weir_error(env, 503);
    start_response(
        env, status,
        WEIR_HEADERS({"Content-Type", "application/json"}, {"Cache-Control", "no-store"}));
    return weir_owned(text, strlen(text), free, text);
}

static weir_body fail(weir_environ *env, weir_start_response *start_response, int32_t status,
                      const char *why)
{
    json_t *error = json_pack("{s:s}", "error", why);
    char *text = error ? json_dumps(error, JSON_COMPACT) : NULL;

    json_decref(error);
    return answer(env, start_response, status, text);
}

static weir_body not_allowed(weir_environ *env, weir_start_response *start_response,
                             const char *allow)
{
    weir_header_add(env, "Allow", allow, strlen(allow));
    return fail(env, start_response, 405, "not with this method");
}

/* ---- all notes ---- */

static weir_body list(weir_environ *env, weir_start_response *start_response, struct notes *notes)
{
    json_t *root;
    char *text = NULL;

    pthread_mutex_lock(&notes->lock);
    root = json_pack("{s:O}", "notes", notes->all);
    if (root)
        text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    pthread_mutex_unlock(&notes->lock);
    return answer(env, start_response, 200, text);
}

/* Whether the content says that it is JSON. It also keeps other sites' forms out: a browser does
 * not send this type across sites without asking first. */
static int is_json(const char *type)
{
    static const char json[] = "application/json";
    const size_t n = sizeof json - 1;

    return type && strncasecmp(type, json, n) == 0 && (type[n] == '\0' || strchr("; \t", type[n]));
}

/* Takes the note in. 201 with *text set, or another status. */
static int32_t add(struct notes *notes, const char *content, char **text, json_int_t *id)
{
    int32_t status = 503;
    json_t *note = NULL;

    pthread_mutex_lock(&notes->lock);
    if (json_array_size(notes->all) >= NOTES_MAX) {
        status = 507;
    } else {
        *id = notes->last_id + 1;
        note = json_pack("{s:I, s:s}", "id", *id, "text", content);
        *text = note ? json_dumps(note, JSON_COMPACT) : NULL;
        if (*text && json_array_append(notes->all, note) == 0) {
            notes->last_id = *id;
            status = 201;
        }
        json_decref(note);
    }
    pthread_mutex_unlock(&notes->lock);
    return status;
}

static weir_body create(weir_environ *env, weir_start_response *start_response, struct notes *notes)
{
    const char *content;
    char *text = NULL, where[32];
    json_error_t error;
    json_int_t id = 0;
    int32_t status;
    json_t *root;
    size_t n;

    if (!is_json(weir_get(env, "CONTENT_TYPE")))
        return fail(env, start_response, 415, "the content must be application/json");
    content = weir_content(env, &n);
    root = json_loadb(content ? content : "", n, JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return weir_error(env, 503);
    if (json_unpack_ex(root, NULL, JSON_STRICT, "{s:s}", "text", &content) < 0) {
        json_decref(root);
        return fail(env, start_response, 400, "the content must be {\"text\": \"…\"}");
    }
    status = add(notes, content, &text, &id);
    json_decref(root);
    if (status != 201) {
        free(text);
        return fail(env, start_response, status, "there is no room for another note");
    }
    snprintf(where, sizeof where, "notes/%lld", (long long)id); /* relative to /jsonapi/notes */
    weir_header_add(env, "Location", where, strlen(where));
    return answer(env, start_response, status, text);
}

/* ---- one note ---- */

/* Its place in the array; as many as there are: it is not there. */
static size_t find(const struct notes *notes, json_int_t id)
{
    size_t i;
    json_t *note;

    json_array_foreach(notes->all, i, note)
    {
        if (json_integer_value(json_object_get(note, "id")) == id)
            break;
    }
    return i;
}

static weir_body show(weir_environ *env, weir_start_response *start_response, struct notes *notes,
                      json_int_t id)
{
    json_t *note;
    char *text;

    pthread_mutex_lock(&notes->lock);
    note = json_array_get(notes->all, find(notes, id));
    text = note ? json_dumps(note, JSON_COMPACT) : NULL;
    pthread_mutex_unlock(&notes->lock);
    if (!note) /* only compared: it may be gone by now */
        return fail(env, start_response, 404, "there is no such note");
    return answer(env, start_response, 200, text);
}

static weir_body erase(weir_environ *env, weir_start_response *start_response, struct notes *notes,
                       json_int_t id)
{
    int err;

    pthread_mutex_lock(&notes->lock);
    err = json_array_remove(notes->all, find(notes, id));
    pthread_mutex_unlock(&notes->lock);
    if (err != 0)
        return fail(env, start_response, 404, "there is no such note");
    start_response(env, 204, NULL);
    return weir_empty();
}

/* The number of "/notes/12", 12; 0: another path. */
static json_int_t id_of(const char *path)
{
    static const char before[] = "/notes/";
    const size_t n = sizeof before - 1;
    json_int_t id = 0;

    if (strncmp(path, before, n) != 0 || path[n] == '0' || strlen(path + n) > 18)
        return 0;
    for (path += n; *path >= '0' && *path <= '9'; path++)
        id = 10 * id + (*path - '0');
    return *path == '\0' ? id : 0;
}

static weir_body app(weir_environ *env, weir_start_response *start_response)
{
    struct notes *notes = weir_state(env);
    const char *method = weir_get(env, "REQUEST_METHOD");
    const char *path = weir_get(env, "PATH_INFO");
    int is_get;
    json_int_t id;

    if (!method || !path)
        return weir_error(env, 503);
    is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (strcmp(path, "/notes") == 0) {
        if (is_get)
            return list(env, start_response, notes);
        if (strcmp(method, "POST") == 0)
            return create(env, start_response, notes);
        return not_allowed(env, start_response, "GET, HEAD, POST");
    }
    id = id_of(path);
    if (id == 0)
        return fail(env, start_response, 404, "try /notes");
    if (is_get)
        return show(env, start_response, notes, id);
    if (strcmp(method, "DELETE") == 0)
        return erase(env, start_response, notes, id);
    return not_allowed(env, start_response, "GET, HEAD, DELETE");
}

WEIR_PLUGIN(.name = "jsonapi", .app = app, .load = load, .unload = unload,
            .body_buffer_max = CONTENT_MAX);
