/* A host that loads the library at run time and closes it again, as plugins do: with
 * connections open and threads at work. The code stays loaded, so that these go on, and
 * who opens the library again finds them. */
#include "check.h"

#include <dlfcn.h>

/* The functions of the library; none is called by its name, so that nothing else keeps
 * it loaded. */
struct library {
    void *handle;
    wsc_status_t (*loop_new)(int32_t, wsc_loop_t **);
    wsc_status_t (*loop_dispatch)(wsc_loop_t *, int32_t);
    void (*loop_free)(wsc_loop_t *);
    wsc_status_t (*conn_new)(wsc_loop_t *, const char *, wsc_conn_t **);
    wsc_status_t (*conn_on_message)(wsc_conn_t *, wsc_event_fn, void *);
    wsc_status_t (*conn_connect)(wsc_conn_t *);
    wsc_status_t (*conn_send_text)(wsc_conn_t *, const void *, size_t);
    void (*conn_free)(wsc_conn_t *);
};

/* A cast would not be ISO C. */
#define FIND(library, name)                                            \
    do {                                                               \
        void *found = dlsym((library)->handle, "wsc_" #name);          \
        CHECK(found != NULL);                                          \
        memcpy(&(library)->name, &found, sizeof found);                \
    } while (0)

static struct library load(void)
{
    struct library library;

    library.handle = dlopen("libwsc.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library.handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    FIND(&library, loop_new);
    FIND(&library, loop_dispatch);
    FIND(&library, loop_free);
    FIND(&library, conn_new);
    FIND(&library, conn_on_message);
    FIND(&library, conn_connect);
    FIND(&library, conn_send_text);
    FIND(&library, conn_free);
    return library;
}

static void unload(struct library *library)
{
    CHECK(dlclose(library->handle) == 0);
    memset(library, 0, sizeof *library);
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn;
    CHECK(is_text(event, "hello"));
    flag_raise((struct flag *)userdata);
}

struct connection {
    wsc_loop_t *loop;
    wsc_conn_t *conn;
    struct flag received;
};

static void open_connection(struct library *library, struct connection *connection,
                            wsc_callbacks_t mode, const char *url)
{
    flag_init(&connection->received);
    CHECK(library->loop_new((int32_t)mode, &connection->loop) == WSC_OK);
    CHECK(library->conn_new(connection->loop, url, &connection->conn) == WSC_OK);
    CHECK(library->conn_on_message(connection->conn, on_message, &connection->received) == WSC_OK);
    CHECK(library->conn_connect(connection->conn) == WSC_OK);
    CHECK(library->conn_send_text(connection->conn, "hello", 5) == WSC_OK);
}

static void await_message(struct library *library, struct connection *connection,
                          wsc_callbacks_t mode)
{
    while (mode == WSC_CALLBACKS_ON_DISPATCH && !connection->received.is_up) {
        CHECK(library->loop_dispatch(connection->loop, LIMIT_MS) == WSC_OK);
    }
    flag_take(&connection->received);
}

static void free_connection(struct library *library, struct connection *connection)
{
    library->conn_free(connection->conn);
    library->loop_free(connection->loop);
    flag_destroy(&connection->received);
}

static void run(wsc_callbacks_t mode, const char *url)
{
    struct library library = load();
    struct connection old;
    struct connection fresh;

    open_connection(&library, &old, mode, url);
    if (mode == WSC_CALLBACKS_ON_THREAD) {
        unload(&library);
        flag_take(&old.received); /* told by a thread of the closed library */
        flag_raise(&old.received);
        library = load();
    }
    await_message(&library, &old, mode);
    unload(&library);

    library = load();
    CHECK(library.conn_send_text(old.conn, "hello", 5) == WSC_OK);
    await_message(&library, &old, mode);
    open_connection(&library, &fresh, mode, url);
    await_message(&library, &fresh, mode);
    free_connection(&library, &old);
    free_connection(&library, &fresh);
    unload(&library);
}

/* A thread that used the library ends after the library was closed: what the library
 * left to be done at a thread's end is still there. */
static void *uses_and_closes(void *url)
{
    run(WSC_CALLBACKS_ON_DISPATCH, (const char *)url);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    char copy[64];
    pthread_t thread;

    CHECK(strlen(url) < sizeof copy);
    memcpy(copy, url, strlen(url) + 1);
    CHECK(pthread_create(&thread, NULL, uses_and_closes, copy) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    run(WSC_CALLBACKS_ON_DISPATCH, url);
    run(WSC_CALLBACKS_ON_THREAD, url);
    return 0;
}
