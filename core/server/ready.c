#include "server/ready.h"

#include "http/h1_format.h"
#include "http/status.h"
#include "server/worker.h"

void wr_ready_start(struct wr_buf *b, int status)
{
    wr_h1_format_status(b, status, wr_slice(NULL, 0));
    WR_BUF_LITERAL(b, WR_WORKER_FIELDS);
}

void wr_ready_end(struct wr_buf *b, int status, size_t content_n)
{
    if (status != 304)
        wr_h1_format_length(b, content_n);
    WR_BUF_LITERAL(b, "\r\n");
}

size_t wr_ready_around(int status, size_t content_n)
{
    char memory[WR_STATUS_LINE_MAX + sizeof WR_WORKER_FIELDS + sizeof "Content-Length: \r\n\r\n" +
                WR_U64_MAX];
    struct wr_buf b = wr_buf_on(memory, sizeof memory);

    wr_ready_start(&b, status);
    wr_ready_end(&b, status, content_n);
    return b.n;
}

struct wr_ready_answer wr_ready_answer(int status, char *p, struct wr_slice content)
{
    return (struct wr_ready_answer){
        .status = status,
        .n = (size_t)(content.p - p) + content.n,
        .p = p,
        .content = content,
        .date = p + wr_status_line(status).n,
        .date_s = INT64_MIN,
    };
}
