#include "server/config.h"

#define KIB 1024U
#define MIB (1024ULL * 1024)

const struct wr_config wr_config_default = {
    .head_bytes_max = 32 * KIB,
    .target_bytes_max = 8 * KIB,
    .field_bytes_max = 16 * KIB,
    .fields_max = WR_FIELDS_LIMIT,
    .body_bytes_max = 100 * MIB,
    .discard_bytes_max = (uint64_t)256 * KIB,
    .arena_bytes_max = 4 * MIB,
    .app_queue_bytes = (uint64_t)256 * KIB,
    .pipelined_max = 256,
    .body_rate_min = 240,
    .write_rate_min = 240,
    .handshake_ms = 10000,
    .head_ms = 15000,
    .body_idle_ms = 30000,
    .keep_alive_ms = 75000,
    .write_idle_ms = 30000,
    .linger_ms = 5000,
};
