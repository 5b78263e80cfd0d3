#include "check.hpp"

#include <algorithm>

TEST(echo)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    std::vector<std::string> story;
    const std::vector<unsigned char> binary{0, 1, 254, 255};

    ws.on_connect([&] { story.emplace_back("connect"); });
    ws.on_handshake([&](wsc::connection_ref conn, wsc::handshake answer) {
        story.emplace_back("handshake");
        CHECK(answer.status_line() == "HTTP/1.1 101 Switching Protocols");
        CHECK(answer.header("UPGRADE") == "websocket");
        CHECK(!answer.header("No-Such-Field"));
        CHECK(!answer.header("Upgrade", 1));
        std::size_t fields = 0;
        while (const auto field = answer.header_at(fields)) {
            CHECK(answer.header(field->name) == field->value);
            fields += 1;
        }
        CHECK(fields >= 3);
        CHECK(answer.subprotocol().empty());
        CHECK(answer.raw().substr(answer.raw().size() - 4) == "\r\n\r\n");
        CHECK(answer.attempt() == 1 && answer.connection_id() == ws.id());
        CHECK(conn.state() == wsc::state::open && conn.id() == ws.id());
        conn.send("hello");
        conn.send_text("");
        conn.send_binary(binary);
        conn.send(wsc::message_type::binary, std::string_view("a\0b", 3));
    });
    ws.on_message([&](wsc::message message) {
        story.emplace_back(message.data());
        CHECK(message.size() == message.bytes().size());
        if (story.size() < 5) {
            CHECK(message.is_text());
            return;
        }
        CHECK(message.is_binary());
        if (message.size() == 4) {
            CHECK(message.bytes()[3] == std::byte{255});
            CHECK(std::vector<std::byte>(message.bytes().begin(), message.bytes().end()).size() == 4);
        } else {
            ws.close(1000, "bye");
        }
    });
    ws.on_error([](wsc::error_info) { CHECK(false && "an error"); });
    ws.on_close([&](wsc::close_info info) {
        story.emplace_back("close");
        CHECK(info.code() == 1000 && info.clean() && info.unsent() == 0);
        CHECK(info.reason() == "bye" && info.status() == wsc::status::ok);
    });
    CHECK(ws.state() == wsc::state::initial);
    ws.connect();
    loop.run();
    CHECK(ws.state() == wsc::state::closed);
    CHECK((story
           == std::vector<std::string>{"connect", "handshake", "hello", "",
                                       std::string(binary.begin(), binary.end()),
                                       std::string("a\0b", 3), "close"}));
}

TEST(pings)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    std::string seen;
    ws.set_auto_pong(false);
    ws.on_handshake([&] { ws.ping("beat"); });
    ws.on_pong([&](wsc::pong_info pong) {
        seen += pong.data();
        CHECK(ws.counter(wsc::counter::pings_sent) == 1);
        ws.send("ping me");
    });
    ws.on_ping([&](wsc::connection_ref conn, wsc::ping_info ping) {
        seen += ping.data();
        conn.pong(ping.data());
        conn.close();
    });
    ws.connect();
    loop.run();
    CHECK(seen == "beatpinged");
    CHECK(ws.counter(wsc::counter::pongs_sent) == 1);
    CHECK(ws.counter(wsc::counter::round_trip_us) > 0);
}

TEST(a_full_send_queue)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    std::vector<std::string> story;
    ws.set_send_queue_limit(1);
    ws.on_buffer_full([&] { story.emplace_back("full"); });
    ws.on_buffer_drain([&](wsc::buffer_drain_info) {
        story.emplace_back("drain");
        ws.set_send_queue_limit(1 << 20); // else the next one fills it again
        CHECK(ws.try_send("second") == wsc::status::ok);
    });
    ws.on_message([&](wsc::message message) {
        story.emplace_back(message.data());
        if (message.data() == "second") {
            ws.close();
        }
    });
    ws.connect();
    ws.send("first"); // waits for the handshake
    CHECK(ws.buffered_amount() > 0);
    CHECK(ws.try_send("refused") == wsc::status::queue_full);
    CHECK(ws.try_send_text("refused") == wsc::status::queue_full);
    CHECK(ws.try_send_binary(std::string_view("refused")) == wsc::status::queue_full);
    CHECK_THROWS(ws.send("refused"), wsc::status::queue_full);
    loop.run();
    CHECK(story.size() == 4);
    // The echo of the first may be there before the loop has told of the drain.
    std::sort(story.begin() + 1, story.begin() + 3);
    CHECK((story == std::vector<std::string>{"full", "drain", "first", "second"}));
}

TEST(an_error_says_why)
{
    wsc::loop loop;
    wsc::connection ws(loop, "ws://127.0.0.1:1/");
    int errors = 0;
    ws.on_error([&](wsc::error_info info) {
        errors += 1;
        CHECK(info.status() == wsc::status::refused && info.phase() == wsc::phase::tcp);
        CHECK(!info.text().empty() && info.http_status() == 0);
    });
    ws.on_close([&](wsc::close_info info) {
        CHECK(info.status() == wsc::status::refused && info.phase() == wsc::phase::tcp);
        CHECK(info.code() == 1006 && !info.clean() && errors == 1);
    });
    ws.connect();
    loop.run();
    CHECK(errors == 1);
}

TEST(pause_and_resume)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    int messages = 0;
    ws.on_handshake([&] {
        ws.pause_recv();
        ws.send("hello");
        ws.flush();
        loop.flush();
    });
    ws.on_message([&](wsc::connection_ref conn) {
        messages += 1;
        conn.close();
    });
    ws.connect();
    dispatch_until(loop, [&] { return ws.state() == wsc::state::open; });
    loop.dispatch(moment);
    CHECK(messages == 0);
    ws.resume_recv();
    loop.run();
    CHECK(messages == 1);
}
