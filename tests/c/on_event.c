/* The userdata of a callback is released exactly once, when nothing is called with it
 * any more, and before on_free. */
#include "check.h"

struct host;

/* The userdata of one callback. */
struct owned {
    struct host *host;
    int running;
    int releases;
};

struct host {
    struct owned first, second, refused;
    int freed;
    struct flag released;
};

static void release(void *userdata)
{
    struct owned *owned = (struct owned *)userdata;
    CHECK(!owned->running && owned->host->freed == 0);
    owned->releases += 1;
    if (owned == &owned->host->first) {
        flag_raise(&owned->host->released);
    }
}

static void on_free(void *userdata)
{
    struct host *host = (struct host *)userdata;
    host->freed += 1;
    flag_raise(&host->released);
}

static void never(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn, (void)event, (void)userdata;
    CHECK(0 && "it was replaced, removed or refused");
}

static void on_handshake(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    struct owned *first = (struct owned *)userdata;
    CHECK(event->type == WSC_EVENT_HANDSHAKE);
    first->running = 1;
    CHECK_OK(wsc_conn_on_event(conn, WSC_EVENT_HANDSHAKE, never, &first->host->second, release));
    CHECK(first->releases == 0);
    first->running = 0;
}

static void init(struct host *host)
{
    memset(host, 0, sizeof *host);
    host->first.host = host->second.host = host->refused.host = host;
    flag_init(&host->released);
}

static void set(wsc_conn_t *conn, wsc_event_fn callback, struct owned *owned)
{
    CHECK_OK(wsc_conn_on_event(conn, WSC_EVENT_HANDSHAKE, callback, owned, release));
}

/* A callback replaces itself; the connection is freed with what replaced it. */
static void run(wsc_callbacks_t mode, const char *url)
{
    wsc_loop_t *loop = new_loop(mode);
    wsc_conn_t *conn = new_conn(loop, url);
    struct host host;

    init(&host);
    CHECK_OK(wsc_conn_on_free(conn, on_free, &host));
    set(conn, on_handshake, &host.first);
    CHECK_OK(wsc_conn_connect(conn));
    while (mode == WSC_CALLBACKS_ON_DISPATCH && host.first.releases == 0) {
        CHECK_OK(wsc_loop_dispatch(loop, LIMIT_MS));
    }
    flag_take(&host.released);
    CHECK(host.second.releases == 0 && host.freed == 0);
    wsc_conn_free(conn);
    flag_take(&host.released);
    CHECK(host.first.releases == 1 && host.second.releases == 1);
    wsc_loop_free(loop);
    CHECK(host.freed == 1);
    flag_destroy(&host.released);
}

static void without_an_event(const char *url)
{
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);
    wsc_conn_t *conn = new_conn(loop, url);
    const int types[] = {-1, 0, WSC_EVENT_RECONNECT + 1};
    struct host host;
    size_t i;

    init(&host);
    set(conn, never, &host.first);
    set(conn, never, &host.second);
    CHECK(host.first.releases == 1);
    set(conn, NULL, &host.first); /* nothing is called with it */
    CHECK(host.first.releases == 2 && host.second.releases == 1);
    set(conn, never, &host.first);
    CHECK_OK(wsc_conn_on_handshake(conn, NULL, NULL));
    CHECK(host.first.releases == 3);

    for (i = 0; i < sizeof types / sizeof *types; i += 1) {
        CHECK(wsc_conn_on_event(conn, types[i], never, &host.refused, release) == WSC_ERR_INVALID);
        CHECK(host.refused.releases == (int)i + 1);
    }
    host.refused.releases = 0;
    CHECK(wsc_conn_on_event(NULL, WSC_EVENT_CLOSE, never, &host.refused, release) == WSC_ERR_NULL);
    CHECK(host.refused.releases == 1);
    wsc_loop_free(loop);
    CHECK(wsc_conn_on_event(conn, WSC_EVENT_CLOSE, never, &host.refused, release) == WSC_ERR_STATE);
    CHECK(host.refused.releases == 2);
    wsc_conn_free(conn);
    flag_destroy(&host.released);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);

    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    without_an_event(url);
    return 0;
}
