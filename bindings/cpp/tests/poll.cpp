// Batches of events, without handlers.
#include "check.hpp"

#include <poll.h>

TEST(poll_batches)
{
    enum : int { count = 1000 };
    wsc::loop loop;
    wsc::connection first(loop, url());
    wsc::connection second(loop, url());
    first.on_message([] { CHECK(false && "poll runs no handlers"); });
    first.set_header("X", "y");
    wsc::event_batch batch(64);
    CHECK(batch.empty() && batch.begin() == batch.end());
    CHECK(loop.poll(batch, 0ms).empty());
    for (const wsc::connection *ws : {&first, &second}) {
        ws->connect();
        for (int sent = 0; sent < count; sent += 1) {
            ws->send(std::to_string(sent));
        }
    }
    int received[2] = {0, 0};
    int closed = 0;
    while (closed < 2) {
        for (const wsc::event event : loop.poll(batch)) {
            const wsc::connection &ws = event.connection_id() == first.id() ? first : second;
            int &next = received[&ws == &first ? 0 : 1];
            switch (event.type()) {
            case wsc::event_type::message:
                CHECK(event.as<wsc::message>().data() == std::to_string(next));
                next += 1;
                if (next == count) {
                    ws.close(1000, "enough");
                }
                break;
            case wsc::event_type::close:
                CHECK(event.as<wsc::close_info>().reason() == "enough");
                CHECK(event.attempt() == 1);
                closed += 1;
                break;
            case wsc::event_type::handshake:
                CHECK(event.as<wsc::handshake>().header("upgrade") == "websocket");
                CHECK_THROWS(event.as<wsc::message>(), wsc::status::invalid);
                break;
            default:
                CHECK(event.type() == wsc::event_type::connect);
            }
        }
        CHECK(batch.size() <= 64);
    }
    CHECK(received[0] == count && received[1] == count);
    CHECK_THROWS(wsc::event_batch(0), wsc::status::invalid);
    CHECK_THROWS(loop.poll(batch, -5ms), wsc::status::invalid);
}

TEST(a_batch_moves)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    ws.connect();
    wsc::event_batch first(1);
    CHECK(loop.poll(first, limit).size() == 1);
    wsc::event_batch second(std::move(first));
    CHECK(second.size() == 1 && second[0].type() == wsc::event_type::connect);
    CHECK(first.empty() && first.begin() == first.end());

    // What was moved from is filled again.
    CHECK(loop.poll(first, limit).size() == 1);
    CHECK(first[0].type() == wsc::event_type::handshake);
    second = std::move(first);
    CHECK(first.empty() && first.begin() == first.end());
    CHECK(second.size() == 1 && second[0].type() == wsc::event_type::handshake);
    wsc::event_batch &same = second;
    second = std::move(same);
    CHECK(second.size() == 1);
    const wsc::event_batch copy(second);
    CHECK(copy.size() == 1 && copy[0].type() == wsc::event_type::handshake);
}

TEST(an_event_loop_of_your_own)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    bool is_closed = false;
    ws.on_handshake([&] { ws.send("close me"); });
    ws.on_close([&] { is_closed = true; });
    ws.connect();
    while (!is_closed) {
        pollfd watched{loop.fd(), POLLIN, 0};
        CHECK(::poll(&watched, 1, -1) == 1);
        loop.dispatch(0ms);
    }
}
