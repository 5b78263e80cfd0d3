package wsc_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"libwsc/wsc"
)

// patience is how long a test waits for what should happen.
const patience = 20 * time.Second

const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
	compressed     = 0x40 // RSV1, beside the opcode
)

// A peer is the server's side of one connection, which a test's script plays.
type peer struct {
	net.Conn
	r *bufio.Reader
}

// serve starts a server that runs the script for each connection, and returns its
// URL. A script ends with its function; its error fails the test.
func serve(t testing.TB, script func(p *peer) error) string {
	t.Helper()
	return "ws://" + listen(t, "tcp", "127.0.0.1:0", script).String()
}

// listen runs the script for each connection to an address.
func listen(t testing.TB, network, address string, script func(p *peer) error) net.Addr {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var scripts sync.WaitGroup
	scripts.Add(1)
	go func() {
		defer scripts.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			scripts.Add(1)
			go func() {
				defer scripts.Done()
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				if err := script(&peer{conn, bufio.NewReader(conn)}); err != nil {
					t.Errorf("server: %v", err)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		scripts.Wait()
	})
	return listener.Addr()
}

// serveOpen is serve for scripts that begin after a plain handshake.
func serveOpen(t testing.TB, script func(p *peer) error) string {
	t.Helper()
	return serve(t, func(p *peer) error {
		if _, err := p.accept(""); err != nil {
			return err
		}
		return script(p)
	})
}

// accept reads the upgrade request and accepts it; fields end in CR LF.
func (p *peer) accept(fields string) (*http.Request, error) {
	request, err := http.ReadRequest(p.r)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	_, err = io.WriteString(p, acceptance(request, fields))
	return request, err
}

func acceptance(request *http.Request, fields string) string {
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + fields + "\r\n"
}

func frame(fin bool, op byte, payload []byte) []byte {
	head := []byte{op, 0}
	if fin {
		head[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		head[1] = byte(n)
	case n < 1<<16:
		head[1] = 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] = 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	return append(head, payload...)
}

func closeFrame(code uint16, reason string) []byte {
	return frame(true, opClose, append([]byte{byte(code >> 8), byte(code)}, reason...))
}

func (p *peer) send(op byte, payload []byte) error {
	_, err := p.Write(frame(true, op, payload))
	return err
}

// receive reads one unfragmented frame. op has the RSV bits, too.
func (p *peer) receive() (op byte, payload []byte, err error) {
	fin, op, payload, err := p.receivePart()
	if err == nil && !fin {
		err = errors.New("a fragment")
	}
	return op, payload, err
}

// receivePart reads one frame and takes the mask off.
func (p *peer) receivePart() (fin bool, op byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return false, 0, nil, err
	}
	if head[1]&0x80 == 0 {
		return false, 0, nil, fmt.Errorf("not masked: %x", head)
	}
	n := uint64(head[1] & 0x7f)
	var long [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(p.r, long[6:])
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		_, err = io.ReadFull(p.r, long[:])
		n = binary.BigEndian.Uint64(long[:])
	}
	if err != nil {
		return false, 0, nil, err
	}
	var mask [4]byte
	if _, err := io.ReadFull(p.r, mask[:]); err != nil {
		return false, 0, nil, err
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(p.r, payload); err != nil {
		return false, 0, nil, err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0]&0x80 != 0, head[0] &^ 0x80, payload, nil
}

func (p *peer) expect(op byte, payload string) error {
	gotOp, got, err := p.receive()
	if err != nil {
		return fmt.Errorf("waiting for frame %d %q: %w", op, payload, err)
	}
	if gotOp != op || string(got) != payload {
		return fmt.Errorf("got frame %d %q, want %d %q", gotOp, got, op, payload)
	}
	return nil
}

// echo sends messages back, answers pings and close frames, and ends with the
// connection.
func (p *peer) echo() error {
	for {
		op, payload, err := p.receive()
		if err != nil {
			return ignoreEnd(err)
		}
		switch op {
		case opPing:
			op = opPong
		case opPong:
			continue
		}
		if err := p.send(op, payload); err != nil {
			return ignoreEnd(err)
		}
		if op == opClose {
			return nil
		}
	}
}

// drain reads frames until the connection ends.
func (p *peer) drain() error {
	for {
		if _, _, err := p.receive(); err != nil {
			return ignoreEnd(err)
		}
	}
}

func ignoreEnd(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return nil
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func dial(t testing.TB, url string, opts *wsc.DialOptions) *wsc.Conn {
	t.Helper()
	c, _, err := wsc.Dial(testContext(t), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseNow)
	return c
}

func read(t testing.TB, c *wsc.Conn) string {
	t.Helper()
	_, data, err := c.Read(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func write(t testing.TB, c *wsc.Conn, text string) {
	t.Helper()
	if err := c.Write(testContext(t), wsc.Text, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func wantStatus(t testing.TB, err error, status wsc.Status, phase wsc.Phase) *wsc.Error {
	t.Helper()
	var e *wsc.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Status != status || e.Phase != phase {
		t.Fatalf("got %q, %v; want %q, %v", e.Status, e.Phase, status, phase)
	}
	return e
}
