/* libwebsockets: everything happens in the callback of its protocol. */
#include <libwebsockets.h>

#include "bench.h"

struct session {
    long owed;        /* messages to send */
    size_t received;  /* of a message that comes in parts */
};

enum { BUFFER = 65536 };

static struct lws_context *context;
static unsigned char *out, *in_parts;
static struct lws **sessions;
static long started, opened, sent;
static bool finished;

static void open_next(void);

static void owe(struct lws *wsi, long messages)
{
    struct session *session = lws_wsi_user(wsi);
    session->owed += messages;
    lws_callback_on_writable(wsi);
}

static void on_open(struct lws *wsi)
{
    long i;
    sessions[opened++] = wsi;
    while (started < bench.connections && started - opened < BENCH_OPENING)
        open_next();
    if (opened < bench.connections)
        return;
    if (bench.connections > 1)
        bench_opened();
    if (bench_is(BENCH_SEND))
        owe(wsi, bench_total());
    else if (bench_is(BENCH_FAN))
        owe(wsi, 1);
    else if (bench_is(BENCH_ECHO))
        for (i = 0; i < opened; i++)
            owe(sessions[i], bench.depth);
}

static void on_writable(struct lws *wsi, struct session *session)
{
    /*
     * More than one write for each callback, as long as they go straight out. What
     * compression holds back goes out between callbacks, so there it is one.
     */
    while (session->owed > 0 && !lws_send_pipe_choked(wsi)) {
        enum lws_write_protocol type = bench.deflate ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
        if (bench_is(BENCH_SEND) && sent == bench.warmup)
            bench_start();
        memcpy(out + LWS_PRE, bench_payload(sent++), (size_t)bench.size);
        if (lws_write(wsi, out + LWS_PRE, (size_t)bench.size, type) < 0)
            bench_fail("lws_write", "failed");
        session->owed -= 1;
        if (bench.deflate)
            break;
    }
    if (session->owed > 0)
        lws_callback_on_writable(wsi);
}

static void on_receive(struct lws *wsi, struct session *session, const void *data, size_t len)
{
    bool whole = lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);
    if (bench_is(BENCH_SEND)) {
        bench_stop();
        finished = true;
        return;
    }
    if (session->received || !whole) {
        if (session->received + len > (size_t)bench.size)
            bench_fail("a message", "is too long");
        memcpy(in_parts + session->received, data, len);
    }
    session->received += len;
    if (!whole || finished)
        return;
    bench_check(session->received);
    session->received = 0;
    if (bench_step())
        finished = true;
    else if (bench_is(BENCH_ECHO))
        owe(wsi, 1);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *data, size_t len)
{
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        bench_fail("connection", data ? data : "failed");
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        on_open(wsi);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        on_writable(wsi, user);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        on_receive(wsi, user, data, len);
        break;
    default:
        break;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {"bench", callback, sizeof(struct session), BUFFER, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static const struct lws_extension extensions[] = {
    {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate"},
    {NULL, NULL, NULL},
};

static void open_next(void)
{
    struct lws_client_connect_info info = {
        .context = context,
        .address = bench.host,
        .port = (int)bench.port,
        .path = bench.path,
        .host = bench.host,
        .local_protocol_name = "bench",
        .ssl_connection = bench.tls ? LCCSCF_USE_SSL : 0,
    };
    started += 1;
    if (!lws_client_connect_via_info(&info))
        bench_fail("connection", "failed");
}

int main(void)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .pt_serv_buf_size = BUFFER,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
    };
    bench_init();
    info.options = bench.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0;
    info.client_ssl_ca_filepath = bench.tls ? getenv("SSL_CERT_FILE") : NULL;
    info.extensions = bench.deflate ? extensions : NULL;
    info.fd_limit_per_thread = (unsigned int)bench.connections + 20;
    lws_set_log_level(LLL_ERR, NULL);
    context = lws_create_context(&info);
    if (!context)
        bench_fail("lws_create_context", "failed");
    sessions = calloc((size_t)bench.connections, sizeof *sessions);
    out = malloc(LWS_PRE + (size_t)bench.size);
    in_parts = malloc((size_t)bench.size);

    bench_open();
    open_next();
    while (!finished)
        if (lws_service(context, 0) < 0)
            bench_fail("lws_service", "failed");
    bench_report();
    return 0;
}
