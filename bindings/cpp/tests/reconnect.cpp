#include "check.hpp"

TEST(reconnect_inside_on_close)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    std::vector<std::uint32_t> attempts;
    ws.on_handshake([](wsc::connection_ref conn) { conn.send("close me"); });
    ws.on_close([&](wsc::connection_ref conn, wsc::close_info info) {
        CHECK(info.code() == 1000 && info.reason() == "as asked" && info.clean());
        attempts.push_back(info.attempt());
        CHECK(conn.state() == wsc::state::closed);
        if (info.attempt() < 3) {
            conn.reconnect(info.attempt() == 1 ? 0ms : 10ms);
        }
    });
    ws.connect();
    loop.run();
    CHECK((attempts == std::vector<std::uint32_t>{1, 2, 3}));
}

TEST(cancel_a_reconnect)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    ws.on_close([](wsc::connection_ref conn) { conn.reconnect(1h); });
    ws.on_handshake([](wsc::connection_ref conn) { conn.abort(); });
    ws.connect();
    dispatch_until(loop, [&] { return ws.state() == wsc::state::waiting; });
    ws.cancel_reconnect();
    loop.run();
    CHECK(ws.state() == wsc::state::closed);
    CHECK_THROWS(ws.reconnect(-1ms), wsc::status::invalid);
    CHECK_THROWS(ws.close(), wsc::status::state);
}
