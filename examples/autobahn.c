/*
 * The client that the Autobahn test suite's fuzzing server examines: it runs each
 * case, sends back every message, and has the reports written.
 *
 *     autobahn ws://host:port agent [plain]
 *
 * Compression is offered unless the third argument says `plain`. It exits 0 when
 * all cases were run; what came of them is in the reports.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wsc.h>

struct run {
    char count[16];  /* what the server sent to /getCaseCount */
    bool opened;
};

static void must(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
        exit(1);
    }
}

static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct run *run = userdata;
    (void)ws, (void)event;
    run->opened = true;
}

/* The number of cases comes as a text of its own. */
static void on_count(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct run *run = userdata;
    (void)ws;
    if (event->len < sizeof run->count) {
        memcpy(run->count, event->data, event->len);
        run->count[event->len] = '\0';
    }
}

/* A send may fail because a case has just ended; the server knows. */
static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)userdata;
    (void)wsc_conn_send_message(ws, event->message_type, WSC_PART_WHOLE, 0, event->data, event->len);
}

/* Goes to one URL of the server and returns when that connection is over. */
static void visit(const char *url, bool deflate, wsc_event_fn handler, struct run *run)
{
    wsc_loop_t *loop;
    wsc_conn_t *ws;

    must(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new");
    must(wsc_conn_new(loop, url, &ws), "wsc_conn_new");
    must(wsc_conn_set_deflate(ws, deflate), "wsc_conn_set_deflate");
    must(wsc_conn_set_deflate_threshold(ws, 0), "wsc_conn_set_deflate_threshold");
    /* The cases of 16 MiB come back whole. */
    must(wsc_conn_set_max_message_size(ws, (size_t)64 << 20), "wsc_conn_set_max_message_size");
    must(wsc_conn_set_max_frame_size(ws, (size_t)64 << 20), "wsc_conn_set_max_frame_size");
    must(wsc_conn_set_send_queue_limit(ws, (size_t)256 << 20), "wsc_conn_set_send_queue_limit");
    must(wsc_conn_set_deflate_max_ratio(ws, 2000), "wsc_conn_set_deflate_max_ratio");
    must(wsc_conn_on_handshake(ws, on_handshake, run), "wsc_conn_on_handshake");
    must(wsc_conn_on_message(ws, handler, run), "wsc_conn_on_message");
    must(wsc_conn_connect(ws), "wsc_conn_connect");
    must(wsc_loop_run(loop), "wsc_loop_run");
    wsc_conn_free(ws);
    wsc_loop_free(loop);
}

int main(int argc, char **argv)
{
    struct run run = { "", false };
    char url[1024];
    bool deflate = argc < 4 || strcmp(argv[3], "plain") != 0;
    int i, count;

    if (argc < 3) {
        fprintf(stderr, "usage: %s ws://host:port agent [plain]\n", argv[0]);
        return 2;
    }
    snprintf(url, sizeof url, "%s/getCaseCount", argv[1]);
    visit(url, false, on_count, &run);
    count = atoi(run.count);
    for (i = 1; i <= count; i++) {
        snprintf(url, sizeof url, "%s/runCase?case=%d&agent=%s", argv[1], i, argv[2]);
        run.opened = false;
        visit(url, deflate, on_message, &run);
        if (!run.opened) {
            fprintf(stderr, "case %d did not open\n", i);
            return 1;
        }
    }
    snprintf(url, sizeof url, "%s/updateReports?agent=%s", argv[1], argv[2]);
    visit(url, false, on_count, &run);
    printf("%d cases\n", count);
    return count > 0 ? 0 : 1;
}
