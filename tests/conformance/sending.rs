//! RFC 6455 §5 and §7: what a client sends.

use super::*;

fn opened(server: &Server) -> (Client, Peer) {
    let client = Client::new(server);
    let (mut peer, request) = client.connect(server);
    peer.write(Peer::answer(&request, ""));
    client.until("handshake");
    (client, peer)
}

fn send(client: &Client, text: &str) -> wsc_status_t {
    let status = unsafe { wsc_conn_send_text(client.conn, text.as_ptr().cast(), text.len()) };
    must(unsafe { wsc_conn_flush(client.conn) });
    status
}

fn close(client: &Client, code: u16, reason: &[u8]) -> wsc_status_t {
    unsafe { wsc_conn_close(client.conn, code, reason.as_ptr().cast(), reason.len()) }
}

#[test]
fn rfc_6455_5_3_every_frame_has_a_mask_of_its_own() {
    let server = Server::listen();
    let (client, mut peer) = opened(&server);
    let mut masks = Vec::new();
    for text in ["a", "b", "", "c"] {
        assert_eq!(send(&client, text), WSC_OK);
        masks.push(peer.frame().mask.unwrap());
    }
    must(unsafe { wsc_conn_ping(client.conn, null(), 0) });
    masks.push(peer.frame().mask.unwrap());
    assert_eq!(close(&client, 1000, b""), WSC_OK);
    masks.push(peer.frame().mask.unwrap());
    masks.sort();
    masks.dedup();
    assert_eq!(masks.len(), 6, "a mask came twice");
}

#[test]
fn rfc_6455_5_2_lengths_are_minimal() {
    let server = Server::listen();
    let (client, mut peer) = opened(&server);
    for size in [0, 1, 125, 126, 65535, 65536] {
        // The peer takes apart only what is encoded right.
        assert_eq!(send(&client, &"x".repeat(size)), WSC_OK);
        let frame = peer.frame();
        assert_eq!((frame.payload.len(), frame.fin, frame.rsv), (size, true, 0));
    }
}

#[test]
fn rfc_6455_5_4_parts_are_fragments() {
    let server = Server::listen();
    let (client, mut peer) = opened(&server);
    for (part, fin, opcode) in [
        (wsc_part_t::WSC_PART_FIRST, false, op::BINARY),
        (wsc_part_t::WSC_PART_MORE, false, op::CONTINUATION),
        (wsc_part_t::WSC_PART_LAST, true, op::CONTINUATION),
        (wsc_part_t::WSC_PART_WHOLE, true, op::BINARY),
    ] {
        must(unsafe {
            wsc_conn_send_message(client.conn, 2, part as i32, 0, c"x".as_ptr().cast(), 1)
        });
        must(unsafe { wsc_conn_flush(client.conn) });
        let frame = peer.frame();
        assert_eq!((frame.fin, frame.opcode), (fin, opcode));
    }
}

#[test]
fn rfc_6455_5_5_and_8_1_control_payloads_and_text_are_checked() {
    let server = Server::listen();
    let (client, _peer) = opened(&server);
    let long = [0; 126];
    let ping = unsafe { wsc_conn_ping(client.conn, long.as_ptr().cast(), long.len()) };
    assert_eq!(ping, wsc_status_t::WSC_ERR_TOO_BIG);
    let bad = unsafe { wsc_conn_send_text(client.conn, c"\xff".as_ptr().cast(), 1) };
    assert_eq!(bad, wsc_status_t::WSC_ERR_UTF8);
    assert_eq!(
        close(&client, 1000, b"\xff"),
        wsc_status_t::WSC_ERR_CLOSE_REASON
    );
}

/// Nothing follows our close frame, and what the server still sends is taken.
#[test]
fn rfc_6455_5_5_1_and_7_1_2_our_close() {
    let server = Server::listen();
    let (client, mut peer) = opened(&server);
    assert_eq!(close(&client, 3001, b"bye"), WSC_OK);
    assert_eq!(peer.close_frame(), Some((3001, "bye".into())));
    assert_eq!(send(&client, "late"), wsc_status_t::WSC_ERR_STATE);
    peer.send_all(&[
        Frame::text("before"),
        Frame::ping("x"),
        Frame::close(3001, ""),
    ]);
    // §7.1.1: the server ends the TCP connection first.
    let events = client.poll(1000);
    assert!(
        !events.iter().any(|event| event.starts_with("close")),
        "{events:?}"
    );
    assert!(peer.try_frame().is_none(), "a frame after the close frame");
    peer.half_close();
    let events = [events, client.until("close")].concat();
    assert_eq!(events, ["text before", "ping x", "close 3001 clean"]);
}

#[test]
fn rfc_6455_7_1_1_the_server_is_not_waited_for_for_ever() {
    let server = Server::listen();
    let client = Client::new(&server);
    must(unsafe { wsc_conn_set_close_timeout(client.conn, 100) });
    let (mut peer, request) = client.connect(&server);
    peer.write(Peer::answer(&request, ""));
    peer.send(&Frame::close(1000, ""));
    assert_eq!(
        client.until("close"),
        ["handshake", "close 1000 clean by peer"]
    );
}

#[test]
fn rfc_6455_7_4_1_codes_that_must_not_be_sent_are_refused() {
    let server = Server::listen();
    let (client, _peer) = opened(&server);
    for code in [999, 1001, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert_eq!(close(&client, code, b""), wsc_status_t::WSC_ERR_CLOSE_CODE);
    }
}
