// Loops and connections with static storage: destroyed after main, in reverse order, while
// their traffic goes on. No handler runs when its loop is gone, each handler is deleted, and
// nothing crashes or hangs.
//
//     statics MODE URL...
#include <wsc.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

constexpr int ended = 7;

// Not destroyed: they are looked at until the end.
std::atomic<int> received{0};
std::atomic<bool> is_over{false};
std::atomic<int> handlers{0};

void check(bool holds, const char *what)
{
    if (!holds) {
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    }
}

/// Destroyed last of all: what a handler might use.
struct first_of_all {
    ~first_of_all()
    {
        is_over = true;
        // Whoever still runs handlers has the time to show it.
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        check(handlers == 0, "a handler was not deleted");
        std::_Exit(ended);
    }
} first;

/// What a handler owns.
struct owned {
    owned() { handlers += 1; }
    owned(const owned &) { handlers += 1; }
    ~owned() { handlers -= 1; }
};

struct {
    std::vector<wsc::loop> loops;
    std::vector<wsc::connection> connections;
} statics;

void on_message(wsc::connection_ref conn)
{
    check(!is_over, "a handler runs after its loop was destroyed");
    received += 1;
    try {
        conn.send("hello");
    } catch (const wsc::error &) {
        // It is being closed.
    }
}

} // namespace

int main(int argc, char **argv)
{
    check(argc >= 3, "statics MODE URL...");
    alarm(100); // one that hangs is ended by SIGALRM
    const auto where = std::atoi(argv[1]) == 0 ? wsc::callbacks::on_dispatch : wsc::callbacks::on_thread;
    statics.loops.emplace_back(where);
    wsc::loop &loop = statics.loops.front();
    for (int url = 2; url < argc; url += 1) {
        wsc::connection &conn = statics.connections.emplace_back(loop, argv[url]);
        check(wsc_conn_set_tls_danger_accept_anything(conn.native_handle(), true) == WSC_OK, "tls");
        conn.on_handshake([](wsc::connection_ref opened) { opened.send("hello"); });
        conn.on_message([own = owned()](wsc::connection_ref conn) { on_message(conn); });
        conn.connect();
    }
    while (received < 20) {
        if (where == wsc::callbacks::on_dispatch) {
            loop.dispatch(std::chrono::milliseconds(100));
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
    return 1; // the last destructor says otherwise
}
