/*
 * static_request.h — what the files of the static server share: a request to it, and the loop's part
 * of a folder.
 *
 *     static.c          which file answers a path: index, attempts, fallback, listing; the app's life
 *     static_quick.c    … and the usual request at once, where all was decided for one before
 *     static_answer.c   that file as a response: coding, conditions, ranges
 *     static_head.c     … and its fields, which are kept with it
 *     static_wait.c     what a request waits for: the disk, a coding
 *     static_listing.c  … and a listing, which requests share
 *     static_options.c  what the folder was told to do
 *
 * Threads: the loop of the request.
 */
#ifndef WR_HANDLERS_STATIC_REQUEST_H
#define WR_HANDLERS_STATIC_REQUEST_H

#include "app/builtin.h"
#include "handlers/chores.h"
#include "handlers/file_cache.h"
#include "handlers/file_windows.h"
#include "handlers/listing.h"
#include "handlers/static_options.h"

/* How often a request waits: for a file that changes again and again, on a machine short of memory. */
#define WR_STATIC_WAITS_MAX 6

/* A folder. */
struct wr_static {
    struct wr_static_options options;
    struct wr_encodings *encodings; /* NULL: nothing is encoded on the fly */
};

#define WR_STATIC_ACCEPTS    8   /* browsers have few texts for Accept-Encoding, … */
#define WR_STATIC_ACCEPT_MAX 112 /* … and short ones */

/* What a text of Accept-Encoding means. */
struct wr_static_accept {
    struct wr_accept_codings codings;
    size_t n; /* 0: none yet */
    char text[WR_STATIC_ACCEPT_MAX];
};

/* A folder on a loop. */
struct wr_static_loop {
    struct wr_app_loop *loop;
    struct wr_static *folder;
    struct wr_file_cache *cache;
    struct wr_chores *chores;
    struct wr_file_windows *windows;
    size_t listed;                                      /* bytes of listings that are held */
    struct wr_static_accept accepts[WR_STATIC_ACCEPTS]; /* seen last, by a hash of the text */
    struct wr_accept_codings accepted;                  /* of a text that is not kept there */
};

/* A listing that is on its way to clients. */
struct wr_static_text {
    struct wr_static_loop *loop;
    unsigned refs;
    char *p; /* malloc'ed */
    size_t n;
};

/* What a chore has made. */
struct wr_static_listing {
    bool is_made;
    int err;
    enum wr_listing_format format;
    enum wr_coding coding;
    struct wr_static_text *text; /* held */
    uint64_t hash;               /* of the text */
};

struct wr_static_request {
    weir_environ *env;
    weir_start_response *start_response;
    struct wr_static_loop *loop;
    struct wr_slice path; /* below the route; decoded, NUL-terminated, begins with '/' */
    struct wr_static_verdict verdict;
    bool varies_by_accept; /* what answers here depends on Accept */
    bool is_negotiated;    /* the client takes codings of the file, and may have it in any */

    /* of one that waits, and then lies in the arena */
    bool is_kept;
    unsigned waits; /* how often it has */
    struct wr_waiter waiter;
    struct wr_static_listing listing;
};

/* weir_get_n() with a key whose length is known. */
static inline __attribute__((always_inline)) struct wr_slice wr_static_get(weir_environ *env,
                                                                           const char *key)
{
    size_t n;
    const char *value = weir_get_n(env, key, &n);

    return wr_slice(value, n);
}

static inline struct wr_file_moment wr_static_now(const struct wr_static_request *r)
{
    const struct wr_loop *loop = r->loop->loop->worker->loop;

    return (struct wr_file_moment){.turn = wr_loop_turn(loop), .wall_ns = wr_loop_wall_ns(loop)};
}

/*
 * ---- static_wait.c ----
 *
 * Each begins what is to be waited for, or joins who waits already, and gives *later for the app to
 * return: wr_static_answer() is called again when it is done. False: no thread has time, or the
 * request has waited often enough.
 */

/* Until the kernel has what a look-up of `path` needs. */
bool wr_static_wait_for_disk(struct wr_static_request *r, struct wr_slice path, weir_body *later);

/* Until the file has been encoded; the entry stays the caller's. */
bool wr_static_wait_for_coding(struct wr_static_request *r, struct wr_file_entry *e,
                               enum wr_coding coding, weir_body *later);

/* What these are made of: the copy in the arena of a request that waits, and so outlives the call (NULL:
 * no memory), … */
struct wr_static_request *wr_static_keep(struct wr_static_request *r);

/* … what it returns, … */
weir_body wr_static_wait_for(struct wr_static_request *r, struct wr_chore *c);

/* … and its waiter's resume. */
void wr_static_resume(struct wr_waiter *w, struct wr_chore *c);

/* ---- static_listing.c ---- */

/* As above, until the folder at `path`, NUL-terminated, has been read and written down. */
bool wr_static_wait_for_listing(struct wr_static_request *r, struct wr_slice path,
                                weir_body *later);

void wr_static_text_unref(struct wr_static_text *t); /* NULL is allowed */

/* ---- static.c ---- */

/* Answers a request from the beginning, or again after it has waited. */
weir_body wr_static_answer(struct wr_static_request *r);

/* ---- static_quick.c ---- */

/* What a request is answered with. */
struct wr_static_quick {
    struct wr_file_entry *entry; /* not held */
    int status;
    const struct wr_field_block *block;
    struct wr_slice content;
};

/*
 * GET or HEAD of a small file that the cache has, unchanged, and that was answered with before, whole or
 * by 304: neither the path nor the rules are looked at again, and no field is written anew. False: it is
 * to be answered the long way.
 */
bool wr_static_find_quickly(weir_environ *env, struct wr_static_loop *l,
                            struct wr_static_quick *out);

/* wr_accept_codings_parse() of a text that may have come before; until the next call. */
const struct wr_accept_codings *wr_static_accepted(struct wr_static_loop *l, struct wr_slice text);

/* ---- static_head.c ---- */

#define WR_STATIC_LINES_MAX                                                                        \
    ((size_t)4096) /* of a block: more than that is written anew each time */

/* The fields of all answers with a representation, as blocks: of 200, and of 206 with one part; of 304.
 * Kept with the representation. Of the 304, and of the 200 where there is room in front of the content, all
 * is ready (server/ready.h). */
struct wr_static_heads {
    struct wr_field_block content, not_modified;
    struct wr_ready_answer ready_content, ready_not_modified;
};

/* NULL: none were made. */
static inline const struct wr_static_heads *wr_static_heads_of(const struct wr_representation *rep)
{
    return *rep->kept;
}

/* What the rules say of the answer, r->verdict, as fields of it. */
void wr_static_add_rules(const struct wr_static_request *r);

/* The Content-Type of the file. */
struct wr_slice wr_static_type_of(const struct wr_static_request *r, const struct wr_file *f);

void wr_static_add_vary(const struct wr_static_request *r, bool by_coding);

void wr_static_add_nosniff(const struct wr_static_request *r);

/*
 * Begins a response with the entry, which is held until that is over, and adds all fields, those of the
 * rules too, but for what a part has: with content (for several parts all but their type), or as a 304.
 */
void wr_static_start_content(struct wr_static_request *r, int status, struct wr_file_entry *e,
                             const struct wr_representation *rep);
void wr_static_start_parts(struct wr_static_request *r, struct wr_slice type,
                           struct wr_file_entry *e, const struct wr_representation *rep);
void wr_static_start_not_modified(struct wr_static_request *r, struct wr_file_entry *e,
                                  const struct wr_representation *rep);

/* ---- static_answer.c ---- */

/* Takes the entry. */
weir_body wr_static_answer_file(struct wr_static_request *r, struct wr_file_entry *e);

/* What a chore has made, without an error. */
weir_body wr_static_answer_listing(struct wr_static_request *r);

/* Answers without a file: the rules judge by the path alone. A page for the status: */
weir_body wr_static_answer_status(struct wr_static_request *r, int status);

/* A redirect to an address that is in the arena, or no options at all (204). */
weir_body wr_static_answer_redirect(struct wr_static_request *r, const struct wr_buf *location);
weir_body wr_static_answer_options(struct wr_static_request *r);

#endif
