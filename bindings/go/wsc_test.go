package wsc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"libwsc/wsc"
)

// TestMain sees to it that the tests leave nothing behind, as a whole.
func TestMain(m *testing.M) {
	// Go's poller keeps descriptors of its own from the first use on.
	if listener, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		listener.Close()
	}
	before := descriptors()
	code := m.Run()
	wsc.CloseIdle()
	http.DefaultClient.CloseIdleConnections()
	if left := settle(before, descriptors); code == 0 && left > before {
		fmt.Fprintf(os.Stderr, "%d descriptors before the tests, %d after\n", before, left)
		code = 1
	}
	os.Exit(code)
}

func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// settle waits until the count has come down to want, and returns it.
func settle(want int, count func() int) int {
	deadline := time.Now().Add(patience)
	for count() > want && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	return count()
}

func TestEcho(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	big := bytes.Repeat([]byte("0123456789abcdef"), 5<<16)
	for _, m := range []struct {
		typ  wsc.MessageType
		data []byte
	}{
		{wsc.Text, []byte("hello")},
		{wsc.Binary, []byte{0, 1, 2, 255}},
		{wsc.Text, []byte{}},
		{wsc.Binary, nil},
		{wsc.Text, []byte("grüße, 世界")},
		{wsc.Binary, big},
		{wsc.Binary, big[:512]},
		{wsc.Binary, big[:513]},
	} {
		if err := c.Write(testContext(t), m.typ, m.data); err != nil {
			t.Fatal(err)
		}
		typ, data, err := c.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if typ != m.typ || !bytes.Equal(data, m.data) {
			t.Errorf("got %v of %d bytes, want %v of %d", typ, len(data), m.typ, len(m.data))
		}
	}
}

func TestCompression(t *testing.T) {
	text := strings.Repeat("all work and no play ", 1000)
	url := serve(t, func(p *peer) error {
		request, err := p.accept("Sec-WebSocket-Extensions: permessage-deflate\r\n")
		if err != nil {
			return err
		}
		if offer := request.Header.Get("Sec-WebSocket-Extensions"); !strings.HasPrefix(offer, "permessage-deflate") {
			return fmt.Errorf("offered %q", offer)
		}
		op, payload, err := p.receive()
		if err != nil || op != compressed|opText || len(payload) > len(text)/10 {
			return fmt.Errorf("got frame %#x of %d bytes, %v", op, len(payload), err)
		}
		// The first message of a direction can be inflated by either side.
		if err := p.send(op, payload); err != nil {
			return err
		}
		return p.drain()
	})
	c := dial(t, url, &wsc.DialOptions{Compression: &wsc.Compression{}})
	write(t, c, text)
	if got := read(t, c); got != text {
		t.Errorf("got %d bytes, want %d", len(got), len(text))
	}
}

func TestMessageTypeIsChecked(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	wantStatus(t, c.Write(testContext(t), 7, nil), wsc.StatusInvalid, wsc.PhaseNone)
	if wsc.Text.String() != "text" || wsc.Binary.String() != "binary" {
		t.Error("names of the types")
	}
}

func TestReaderAndWriter(t *testing.T) {
	ctx := testContext(t)
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	w, err := c.Writer(ctx, wsc.Text)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 3; i++ {
		fmt.Fprintf(w, "part %d;", i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Close() == nil {
		t.Error("closed twice")
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("written after the close")
	}
	typ, r, err := c.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if typ != wsc.Text || string(data) != "part 0;part 1;part 2;" || err != nil {
		t.Errorf("got %v %q %v", typ, data, err)
	}
}

func TestHandshakeHeaders(t *testing.T) {
	requests := make(chan *http.Request, 1)
	url := serve(t, func(p *peer) error {
		request, err := p.accept("Sec-WebSocket-Protocol: chat.v2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n")
		requests <- request
		if err != nil {
			return err
		}
		return p.drain()
	})
	c, response, err := wsc.Dial(testContext(t), url+"/feed?x=1", &wsc.DialOptions{
		Header: http.Header{
			"Cookie": {"session=1"},
			"Host":   {"example.org"},
			"Origin": {"https://example.org"},
			"X-Two":  {"one", "two"},
		},
		Subprotocols: []string{"chat.v3", "chat.v2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()

	request := <-requests
	if request.URL.String() != "/feed?x=1" || request.Host != "example.org" {
		t.Errorf("asked for %v at %v", request.URL, request.Host)
	}
	for name, want := range map[string][]string{
		"Cookie":                 {"session=1"},
		"Origin":                 {"https://example.org"},
		"X-Two":                  {"one", "two"},
		"Sec-Websocket-Protocol": {"chat.v3, chat.v2"},
		"Sec-Websocket-Version":  {"13"},
	} {
		if got := request.Header[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if response.StatusCode != 101 || !reflect.DeepEqual(response.Header["Set-Cookie"], []string{"a=1", "b=2"}) {
		t.Errorf("response: %v", response)
	}
	if c.Subprotocol() != "chat.v2" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
}

func TestRefusal(t *testing.T) {
	body := strings.Repeat("sorry ", 1000)
	url := serve(t, func(p *peer) error {
		if _, err := http.ReadRequest(p.r); err != nil {
			return err
		}
		_, err := fmt.Fprintf(p, "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(body), body)
		return err
	})
	c, response, err := wsc.Dial(testContext(t), url, nil)
	if c != nil || response == nil {
		t.Fatalf("got %v, %v", c, response)
	}
	if response.StatusCode != 503 || response.Status != "503 Busy" || len(response.Header["Set-Cookie"]) != 2 {
		t.Errorf("response: %+v", response)
	}
	if got, err := io.ReadAll(response.Body); string(got) != body[:4096] || err != nil {
		t.Errorf("body of %d bytes, %v", len(got), err)
	}
	e := wantStatus(t, err, wsc.StatusHTTPStatus, wsc.PhaseUpgrade)
	if e.HTTPStatus != 503 || !strings.Contains(err.Error(), "503") || !errors.Is(err, wsc.StatusHTTPStatus) {
		t.Errorf("got %d, %v", e.HTTPStatus, err)
	}
	report := e.Report
	if report.HTTPStatus != 503 || report.Retry != wsc.RetryLater || report.RetryAfter != 3*time.Second ||
		report.Phase != wsc.PhaseUpgrade || report.Status != wsc.StatusHTTPStatus || report.Reason == "" ||
		len(report.Addresses) != 1 || "ws://"+report.Addresses[0] != url {
		report.Head, report.Body, report.Reason = nil, nil, ""
		t.Errorf("report: %+v", report)
	}
}

func TestReport(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	if report := c.Report(); report.Phase != wsc.PhaseOpen || report.HTTPStatus != 101 {
		t.Errorf("of an open connection: %+v", report)
	}
	if err := c.Close(wsc.CloseNormal, ""); err != nil {
		t.Fatal(err)
	}
	if report := c.Report(); report == nil || report.Status != 0 || report.HTTPStatus != 101 {
		t.Errorf("of a closed connection: %+v", report)
	}
	_, _, err := wsc.Dial(testContext(t), "ws://127.0.0.1:1/", nil)
	if e := wantStatus(t, err, wsc.StatusRefused, wsc.PhaseTCP); e.Report.OSError != syscall.ECONNREFUSED {
		t.Errorf("of a connection that was refused: %+v", e.Report)
	}
}

func TestBadAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		status wsc.Status
	}{
		"not HTTP":     {"SSH-2.0-OpenSSH_9\r\n\r\n", wsc.StatusHTTP},
		"wrong accept": {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", wsc.StatusAccept},
		"no upgrade":   {"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", wsc.StatusUpgrade},
		"nothing":      {"", wsc.StatusClosed},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(p *peer) error {
				if _, err := http.ReadRequest(p.r); err != nil {
					return err
				}
				_, err := io.WriteString(p, test.answer)
				return err
			})
			_, _, err := wsc.Dial(testContext(t), url, nil)
			wantStatus(t, err, test.status, wsc.PhaseUpgrade)
		})
	}
}

func TestDialArguments(t *testing.T) {
	for name, test := range map[string]struct {
		url    string
		opts   wsc.DialOptions
		status wsc.Status
	}{
		"url":          {"ws://", wsc.DialOptions{}, wsc.StatusURL},
		"NUL in url":   {"ws://127.0.0.1/a\x00b", wsc.DialOptions{}, wsc.StatusURL},
		"scheme":       {"http://127.0.0.1/", wsc.DialOptions{}, wsc.StatusURLScheme},
		"port":         {"ws://127.0.0.1:99999/", wsc.DialOptions{}, wsc.StatusURLPort},
		"header name":  {"ws://127.0.0.1/", wsc.DialOptions{Header: http.Header{"a b": {"x"}}}, wsc.StatusHeaderName},
		"own header":   {"ws://127.0.0.1/", wsc.DialOptions{Header: http.Header{"Upgrade": {"x"}}}, wsc.StatusHeaderName},
		"header value": {"ws://127.0.0.1/", wsc.DialOptions{Header: http.Header{"A": {"x\r\nB: y"}}}, wsc.StatusHeaderValue},
		"NUL in value": {"ws://127.0.0.1/", wsc.DialOptions{Header: http.Header{"A": {"x\x00y"}}}, wsc.StatusHeaderValue},
		"subprotocol":  {"ws://127.0.0.1/", wsc.DialOptions{Subprotocols: []string{"a", "a"}}, wsc.StatusSubprotocol},
		"read limit":   {"ws://127.0.0.1/", wsc.DialOptions{ReadLimit: -1}, wsc.StatusInvalid},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			c, response, err := wsc.Dial(testContext(t), test.url, &test.opts)
			if c != nil || response != nil {
				t.Errorf("got %v, %v", c, response)
			}
			wantStatus(t, err, test.status, wsc.PhaseNone)
		})
	}
}

func TestDialNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "ws://" + listener.Addr().String()
	listener.Close()
	_, _, err = wsc.Dial(testContext(t), url, nil)
	wantStatus(t, err, wsc.StatusRefused, wsc.PhaseTCP)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v is not ECONNREFUSED", err)
	}
	var network net.Error
	if !errors.As(err, &network) || network.Timeout() {
		t.Errorf("%v is no net.Error, or one of a timeout", err)
	}
}

func TestDialStalls(t *testing.T) {
	silent := func(p *peer) error {
		_, err := io.Copy(io.Discard, p)
		return ignoreEnd(err)
	}
	t.Run("timeout", func(t *testing.T) {
		_, _, err := wsc.Dial(testContext(t), serve(t, silent), &wsc.DialOptions{HandshakeTimeout: 20 * time.Millisecond})
		e := wantStatus(t, err, wsc.StatusTimeout, wsc.PhaseUpgrade)
		if !e.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v is no timeout", err)
		}
		var network net.Error
		if !errors.As(err, &network) || !network.Timeout() {
			t.Errorf("%v is no net.Error of a timeout", err)
		}
		if e.Report.Upgrade < 10*time.Millisecond {
			t.Errorf("report: %+v", e.Report)
		}
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		c, _, err := wsc.Dial(ctx, serve(t, silent), nil)
		if c != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v", c, err)
		}
	})
	t.Run("context done before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, err := wsc.Dial(ctx, "ws://127.0.0.1:1", nil)
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// Every byte comes alone, fragments and pings in between.
func TestSplitBytes(t *testing.T) {
	url := serve(t, func(p *peer) error {
		request, err := http.ReadRequest(p.r)
		if err != nil {
			return err
		}
		p.Conn.(*net.TCPConn).SetNoDelay(true)
		var stream []byte
		stream = append(stream, acceptance(request, "")...)
		stream = append(stream, frame(true, opText, []byte("whole"))...)
		stream = append(stream, frame(false, opText, []byte("in \xe4\xb8"))...)
		stream = append(stream, frame(true, opPing, []byte("p1"))...)
		stream = append(stream, frame(false, opContinuation, []byte("\x96 thr"))...)
		stream = append(stream, frame(true, opContinuation, []byte("ee"))...)
		stream = append(stream, frame(true, opBinary, bytes.Repeat([]byte{7}, 200))...)
		for i := range stream {
			if _, err := p.Write(stream[i : i+1]); err != nil {
				return err
			}
		}
		if err := p.expect(opPong, "p1"); err != nil {
			return err
		}
		return p.drain()
	})
	c := dial(t, url, nil)
	for _, want := range []string{"whole", "in 世 three", strings.Repeat("\x07", 200)} {
		if got := read(t, c); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What comes in one segment with the handshake is not lost.
func TestMessagesRightAfterHandshake(t *testing.T) {
	url := serve(t, func(p *peer) error {
		request, err := http.ReadRequest(p.r)
		if err != nil {
			return err
		}
		stream := []byte(acceptance(request, ""))
		for i := 0; i < 1000; i++ {
			stream = append(stream, frame(true, opText, []byte(fmt.Sprint(i)))...)
		}
		if _, err := p.Write(append(stream, closeFrame(1001, "done")...)); err != nil {
			return err
		}
		return p.drain()
	})
	c := dial(t, url, nil)
	for i := 0; i < 1000; i++ {
		if got := read(t, c); got != fmt.Sprint(i) {
			t.Fatalf("message %d: %q", i, got)
		}
	}
	_, _, err := c.Read(testContext(t))
	var closed *wsc.CloseError
	if !errors.As(err, &closed) || closed.Code != wsc.CloseGoingAway {
		t.Error(err)
	}
}

// Small messages of one batch share memory; it must not show.
func TestMessagesAreTheCallers(t *testing.T) {
	url := serveOpen(t, func(p *peer) error {
		var stream []byte
		for i := 0; i < 100; i++ {
			stream = append(stream, frame(true, opText, []byte(fmt.Sprintf("message %02d", i)))...)
		}
		if _, err := p.Write(stream); err != nil {
			return err
		}
		return p.drain()
	})
	c := dial(t, url, nil)
	for i := 0; i < 100; i++ {
		_, data, err := c.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if string(data) != fmt.Sprintf("message %02d", i) {
			t.Fatalf("message %d: %q", i, data)
		}
		for j := range data {
			data[j] = 'x'
		}
		_ = append(data, "overwrites the next one, if it can"...)
	}
}

func TestPeerCloses(t *testing.T) {
	for _, test := range []struct {
		frame  []byte
		code   wsc.CloseCode
		reason string
	}{
		{closeFrame(1000, ""), wsc.CloseNormal, ""},
		{closeFrame(1001, "restart"), wsc.CloseGoingAway, "restart"},
		{closeFrame(4999, "own"), 4999, "own"},
		{frame(true, opClose, nil), wsc.CloseNoStatus, ""},
	} {
		test := test
		t.Run(fmt.Sprint(test.code), func(t *testing.T) {
			url := serveOpen(t, func(p *peer) error {
				if _, err := p.Write(append(frame(true, opText, []byte("last words")), test.frame...)); err != nil {
					return err
				}
				op, _, err := p.receive()
				if err != nil || op != opClose {
					return fmt.Errorf("answer to close: %d, %v", op, err)
				}
				return nil
			})
			c := dial(t, url, nil)
			if got := read(t, c); got != "last words" {
				t.Errorf("got %q", got)
			}
			for i := 0; i < 2; i++ {
				_, _, err := c.Read(testContext(t))
				var closed *wsc.CloseError
				if !errors.As(err, &closed) || closed.Code != test.code || closed.Reason != test.reason {
					t.Errorf("got %v", err)
				}
			}
			var closed *wsc.CloseError
			if err := c.Write(testContext(t), wsc.Text, nil); !errors.As(err, &closed) {
				t.Errorf("write: %v", err)
			}
			if err := c.Ping(testContext(t)); !errors.As(err, &closed) {
				t.Errorf("ping: %v", err)
			}
			if err := c.Close(wsc.CloseNormal, ""); err != nil {
				t.Errorf("close after a close handshake: %v", err)
			}
		})
	}
}

func TestClose(t *testing.T) {
	url := serveOpen(t, func(p *peer) error {
		if err := p.expect(opText, "first"); err != nil {
			return err
		}
		if err := p.expect(opClose, "\x0f\xa0bye"); err != nil { // 4000
			return err
		}
		// Comes too late to be read.
		if err := p.send(opText, []byte("late")); err != nil {
			return err
		}
		_, err := p.Write(closeFrame(4000, ""))
		return err
	})
	c := dial(t, url, nil)
	waiting := make(chan error)
	go func() {
		_, _, err := c.Read(context.Background())
		waiting <- err
	}()
	write(t, c, "first")
	if err := c.Close(4000, "bye"); err != nil {
		t.Error(err)
	}
	if err := <-waiting; !errors.Is(err, wsc.ErrClosed) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("the read that waited: %v", err)
	}
	if err := c.Close(wsc.CloseNormal, "again"); err != nil {
		t.Error(err)
	}
	c.CloseNow()
	if _, _, err := c.Read(testContext(t)); !errors.Is(err, wsc.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if err := c.Write(testContext(t), wsc.Text, nil); !errors.Is(err, wsc.ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if err := c.Ping(testContext(t)); !errors.Is(err, wsc.ErrClosed) {
		t.Errorf("ping: %v", err)
	}
}

func TestCloseArguments(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	for _, test := range []struct {
		code   wsc.CloseCode
		reason string
		status wsc.Status
	}{
		{-1, "", wsc.StatusCloseCode},
		{1 << 16, "", wsc.StatusCloseCode},
		{wsc.CloseNoStatus, "", wsc.StatusCloseCode},
		{wsc.CloseNormal, strings.Repeat("x", 124), wsc.StatusCloseReason},
		{wsc.CloseNormal, "\xff", wsc.StatusCloseReason},
		{0, "x", wsc.StatusCloseReason},
	} {
		wantStatus(t, c.Close(test.code, test.reason), test.status, wsc.PhaseNone)
	}
	write(t, c, "still open")
	if got := read(t, c); got != "still open" {
		t.Errorf("got %q", got)
	}
	if err := c.Close(wsc.CloseNormal, strings.Repeat("x", 123)); err != nil {
		t.Error(err)
	}
}

func TestCloseUnanswered(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).drain), &wsc.DialOptions{CloseTimeout: 20 * time.Millisecond})
	wantStatus(t, c.Close(wsc.CloseNormal, ""), wsc.StatusTimeout, wsc.PhaseClosing)
}

func TestCloseWhileHeldUp(t *testing.T) {
	url := serveOpen(t, func(p *peer) error {
		sent := make(chan error, 1)
		go func() {
			message := frame(true, opBinary, make([]byte, 64<<10))
			for i := 0; i < 512; i++ {
				if _, err := p.Write(message); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		if err := p.expect(opClose, "\x03\xe8"); err != nil {
			return err
		}
		if err := <-sent; err != nil {
			return err
		}
		_, err := p.Write(closeFrame(1000, ""))
		return err
	})
	c := dial(t, url, nil)
	read(t, c)
	if err := c.Close(wsc.CloseNormal, ""); err != nil {
		t.Error(err)
	}
}

func TestCloseNow(t *testing.T) {
	ended := make(chan struct{})
	url := serveOpen(t, func(p *peer) error {
		defer close(ended)
		return p.drain()
	})
	c := dial(t, url, nil)
	waiting := make(chan error)
	go func() {
		_, _, err := c.Read(context.Background())
		waiting <- err
	}()
	c.CloseNow()
	if err := <-waiting; !errors.Is(err, wsc.ErrClosed) {
		t.Error(err)
	}
	<-ended
	c.CloseNow()
	if err := c.Close(wsc.CloseNormal, ""); !errors.Is(err, wsc.ErrClosed) {
		t.Error(err)
	}
	if err := c.Write(testContext(t), wsc.Text, nil); !errors.Is(err, wsc.ErrClosed) {
		t.Error(err)
	}
}

func TestPeerVanishes(t *testing.T) {
	url := serveOpen(t, func(p *peer) error { return p.send(opText, []byte("x")) })
	c := dial(t, url, nil)
	read(t, c)
	_, _, err := c.Read(testContext(t))
	wantStatus(t, err, wsc.StatusClosed, wsc.PhaseOpen)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v is not ErrUnexpectedEOF", err)
	}
	wantStatus(t, c.Write(testContext(t), wsc.Text, nil), wsc.StatusClosed, wsc.PhaseOpen)
	wantStatus(t, c.Close(wsc.CloseNormal, ""), wsc.StatusClosed, wsc.PhaseOpen)
}

func TestPeerBreaksTheProtocol(t *testing.T) {
	for name, test := range map[string]struct {
		frame  []byte
		status wsc.Status
		code   string
	}{
		"opcode": {frame(true, 3, nil), wsc.StatusProtocol, "\x03\xea"},
		"utf-8":  {frame(true, opText, []byte("\xff")), wsc.StatusPeerUTF8, "\x03\xef"},
		"size":   {frame(true, opBinary, make([]byte, 1001)), wsc.StatusMessageTooBig, "\x03\xf1"},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			url := serveOpen(t, func(p *peer) error {
				if _, err := p.Write(test.frame); err != nil {
					return err
				}
				op, payload, err := p.receive()
				if err != nil || op != opClose || !strings.HasPrefix(string(payload), test.code) {
					return fmt.Errorf("got %d %q %v", op, payload, err)
				}
				return nil
			})
			c := dial(t, url, &wsc.DialOptions{ReadLimit: 1000})
			_, _, err := c.Read(testContext(t))
			wantStatus(t, err, test.status, wsc.PhaseOpen)
		})
	}
}

// The report is whole when the connection has ended. An error that was returned before that
// stays as it is: who has it may be looking at it.
func TestErrorsOfAConnectionThatIsEnding(t *testing.T) {
	open, end := context.WithCancel(testContext(t))
	defer end()
	c := dial(t, serveOpen(t, func(p *peer) error {
		if _, err := p.Write(frame(true, 3, nil)); err != nil {
			return err
		}
		<-open.Done()
		return nil
	}), &wsc.DialOptions{CloseTimeout: patience})
	ctx := testContext(t)
	err := c.Write(ctx, wsc.Text, nil)
	for !errors.Is(err, wsc.StatusProtocol) && ctx.Err() == nil {
		runtime.Gosched()
		err = c.Write(ctx, wsc.Text, nil)
	}
	early := wantStatus(t, err, wsc.StatusProtocol, wsc.PhaseOpen)
	if early.Report != nil {
		t.Errorf("the connection has not ended, but its report is %+v", early.Report)
	}
	end()
	_, _, err = c.Read(ctx)
	if e := wantStatus(t, err, wsc.StatusProtocol, wsc.PhaseOpen); e.Report == nil || e.Report.Status != wsc.StatusProtocol {
		t.Errorf("the report is %+v", e.Report)
	}
	if early.Report != nil {
		t.Error("the error that Write returned has changed")
	}
}

// A limit of DialOptions is raised, lowered and taken away while the connection is open.
func TestReadLimit(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), &wsc.DialOptions{ReadLimit: 1000})
	for _, step := range []struct{ limit, size int }{
		{1000, 1000}, {10, 10}, {2000, 2000}, {-1, 3000}, {0, 4000}, {10, 4},
	} {
		c.SetReadLimit(int64(step.limit))
		write(t, c, strings.Repeat("x", step.size))
		if got := read(t, c); len(got) != step.size {
			t.Errorf("limit %d: got %d bytes", step.limit, len(got))
		}
	}
	write(t, c, "fits")
	write(t, c, strings.Repeat("x", 11))
	if got := read(t, c); got != "fits" {
		t.Errorf("got %q", got)
	}
	_, _, err := c.Read(testContext(t))
	wantStatus(t, err, wsc.StatusMessageTooBig, wsc.PhaseOpen)
}

// The peer learns why, whoever set the limit.
func TestReadLimitTellsThePeer(t *testing.T) {
	for name, opts := range map[string]*wsc.DialOptions{
		"ReadLimit":    {ReadLimit: 10},
		"SetReadLimit": nil,
	} {
		opts := opts
		t.Run(name, func(t *testing.T) {
			code := make(chan string, 1)
			c := dial(t, serveOpen(t, func(p *peer) error {
				if err := p.expect(opText, "go on"); err != nil {
					return err
				}
				if err := p.send(opText, make([]byte, 11)); err != nil {
					return err
				}
				op, payload, err := p.receive()
				code <- string(payload)
				if err != nil || op != opClose {
					return fmt.Errorf("got %d %v", op, err)
				}
				return nil
			}), opts)
			if opts == nil {
				c.SetReadLimit(10)
			}
			write(t, c, "go on")
			_, _, err := c.Read(testContext(t))
			wantStatus(t, err, wsc.StatusMessageTooBig, wsc.PhaseOpen)
			if got := <-code; !strings.HasPrefix(got, "\x03\xf1") {
				t.Errorf("got close payload %q", got)
			}
		})
	}
}

// The limit of what is read is none of what is written.
func TestReadLimitDoesNotLimitWrites(t *testing.T) {
	url := serveOpen(t, func(p *peer) error {
		if err := p.expect(opText, strings.Repeat("x", 2000)); err != nil {
			return err
		}
		return p.send(opText, []byte("ok"))
	})
	c := dial(t, url, &wsc.DialOptions{ReadLimit: 1000})
	write(t, c, strings.Repeat("x", 2000))
	read(t, c)
}

func TestWriteUTF8(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	wantStatus(t, c.Write(testContext(t), wsc.Text, []byte("\xff")), wsc.StatusUTF8, wsc.PhaseNone)
	write(t, c, "fine")
	if got := read(t, c); got != "fine" {
		t.Errorf("got %q", got)
	}
}

func TestReadContext(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	for i := 0; i < 50; i++ {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*10*time.Microsecond)
		_, _, err := c.Read(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	// Messages that come while contexts expire are all read, in order.
	go func() {
		for i := 0; i < 500; i++ {
			if err := c.Write(context.Background(), wsc.Text, []byte(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
	}()
	deadline := time.Now().Add(patience)
	for i := 0; i < 500 && time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Microsecond)
		_, data, err := c.Read(ctx)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
		case err != nil:
			t.Fatal(err)
		case string(data) != fmt.Sprint(i):
			t.Fatalf("got %q, want %d", data, i)
		default:
			i++
		}
	}
}

func TestContextDoneBefore(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, readErr := c.Read(ctx)
	_, _, readerErr := c.Reader(ctx)
	_, writerErr := c.Writer(ctx, wsc.Text)
	for name, err := range map[string]error{
		"Read": readErr, "Reader": readerErr, "Writer": writerErr,
		"Write": c.Write(ctx, wsc.Text, nil), "Ping": c.Ping(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, c, "still open")
	if got := read(t, c); got != "still open" {
		t.Errorf("got %q", got)
	}
}

func TestPing(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	var pings sync.WaitGroup
	for i := 0; i < 10; i++ {
		pings.Add(1)
		go func() {
			defer pings.Done()
			if err := c.Ping(testContext(t)); err != nil {
				t.Error(err)
			}
		}()
	}
	pings.Wait()
}

func TestPingUnanswered(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).drain), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	write(t, c, "still open")
}

// A pong for a ping that the library sends by itself is none for Ping.
func TestPingAmongOthers(t *testing.T) {
	url := serveOpen(t, func(p *peer) error {
		for {
			op, payload, err := p.receive()
			switch {
			case err != nil:
				return ignoreEnd(err)
			case op == opPing && !strings.HasPrefix(string(payload), "wsc ping "):
				err = p.send(opPong, payload)
			case op == opPing:
				err = p.send(opPong, []byte("another"))
			}
			if err != nil {
				return ignoreEnd(err)
			}
		}
	})
	c := dial(t, url, &wsc.DialOptions{PingInterval: time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestPongTimeout(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).drain), &wsc.DialOptions{
		PingInterval: 10 * time.Millisecond,
		PongTimeout:  10 * time.Millisecond,
	})
	_, _, err := c.Read(testContext(t))
	wantStatus(t, err, wsc.StatusTimeout, wsc.PhaseOpen)
}

// A server that sends more than is read is slowed down, and nothing gets lost.
func TestReadBackpressure(t *testing.T) {
	const count, size = 4096, 16 << 10
	var sent atomic.Int64
	url := serveOpen(t, func(p *peer) error {
		message := make([]byte, size)
		for i := 0; i < count; i++ {
			message[0], message[1] = byte(i>>8), byte(i)
			if err := p.send(opBinary, message); err != nil {
				return err
			}
			sent.Add(1)
		}
		return p.drain()
	})
	c := dial(t, url, nil)
	// Stands still for so long: the server is held up.
	for last, since := int64(-1), time.Now(); time.Since(since) < 200*time.Millisecond; time.Sleep(time.Millisecond) {
		if now := sent.Load(); now != last {
			last, since = now, time.Now()
		}
	}
	if sent := sent.Load(); sent == count {
		t.Error("the server was not held up")
	} else {
		t.Logf("held up after %d MiB", sent*size>>20)
	}
	for i := 0; i < count; i++ {
		_, data, err := c.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if len(data) != size || int(data[0])<<8|int(data[1]) != i {
			t.Fatalf("message %d: %d bytes, number %x", i, len(data), data[:2])
		}
	}
}

// A Write waits for a server that does not read; one that gives up has sent nothing.
func TestWriteBackpressure(t *testing.T) {
	const size = 64 << 10
	start := make(chan struct{})
	received := make(chan int)
	url := serveOpen(t, func(p *peer) error {
		<-start
		for i := 0; ; i++ {
			op, payload, err := p.receive()
			if err != nil {
				return err
			}
			if op == opClose {
				received <- i
				return p.send(opClose, payload)
			}
			if len(payload) != size || int(payload[0])<<8|int(payload[1]) != i {
				return fmt.Errorf("message %d: %d bytes, number %x", i, len(payload), payload[:2])
			}
		}
	})
	c := dial(t, url, &wsc.DialOptions{SendQueueLimit: 256 << 10})
	message := make([]byte, size)
	accepted := 0
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		message[0], message[1] = byte(accepted>>8), byte(accepted)
		err := c.Write(ctx, wsc.Binary, message)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++
		if accepted == 10000 {
			t.Fatal("no write waits")
		}
	}
	// Now one that waits long enough.
	waiting := make(chan error)
	message[0], message[1] = byte(accepted>>8), byte(accepted)
	go func() { waiting <- c.Write(testContext(t), wsc.Binary, message) }()
	close(start)
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
	accepted++
	result := make(chan error)
	go func() { result <- c.Close(wsc.CloseNormal, "") }()
	if got := <-received; got != accepted {
		t.Errorf("%d messages accepted, %d received", accepted, got)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// A Write that waits ends with its connection.
func TestCloseNowEndsWrite(t *testing.T) {
	stop := make(chan struct{})
	url := serveOpen(t, func(p *peer) error {
		<-stop
		return nil
	})
	defer close(stop)
	c := dial(t, url, nil)
	waiting := make(chan error)
	go func() {
		for {
			if err := c.Write(context.Background(), wsc.Binary, make([]byte, 1<<20)); err != nil {
				waiting <- err
				return
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	c.CloseNow()
	if err := <-waiting; !errors.Is(err, wsc.ErrClosed) {
		t.Error(err)
	}
}

func TestManyConnections(t *testing.T) {
	const conns, messages = 100, 50
	url := serveOpen(t, (*peer).echo)
	var all sync.WaitGroup
	for i := 0; i < conns; i++ {
		i := i
		all.Add(1)
		go func() {
			defer all.Done()
			ctx := testContext(t)
			c, _, err := wsc.Dial(ctx, url, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.CloseNow()
			go func() {
				for j := 0; j < messages; j++ {
					if err := c.Write(ctx, wsc.Text, []byte(fmt.Sprint(i, " ", j))); err != nil {
						t.Error(err)
					}
				}
			}()
			for j := 0; j < messages; j++ {
				_, data, err := c.Read(ctx)
				if err != nil || string(data) != fmt.Sprint(i, " ", j) {
					t.Errorf("connection %d, message %d: %q, %v", i, j, data, err)
					return
				}
			}
			if err := c.Close(wsc.CloseNormal, ""); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
}

// Readers that wait hold no thread.
func TestThreads(t *testing.T) {
	const conns = 300
	url := serveOpen(t, (*peer).echo)
	before := threads(t)
	var readers sync.WaitGroup
	t.Cleanup(readers.Wait) // after the connections were closed
	for i := 0; i < conns; i++ {
		c := dial(t, url, nil)
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				if _, _, err := c.Read(context.Background()); err != nil {
					return
				}
			}
		}()
		write(t, c, "x")
	}
	if after := threads(t); after > before+20 {
		t.Errorf("%d threads before, %d with %d connections", before, after, conns)
	}
}

func threads(t *testing.T) int {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip(err)
	}
	return len(tasks)
}

// All calls at once, while the connection ends in one way or the other.
func TestRaces(t *testing.T) {
	url := serveOpen(t, reassemble)
	for i := 0; i < 40; i++ {
		c := dial(t, url, nil)
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		each := func(n int, call func() error) {
			for i := 0; i < n; i++ {
				all.Add(1)
				go func() {
					defer all.Done()
					for call() == nil {
					}
				}()
			}
		}
		each(1, func() error { _, _, err := c.Read(ctx); return err })
		each(3, func() error { return c.Write(ctx, wsc.Text, []byte("x")) })
		each(2, func() error { return c.Ping(ctx) })
		each(1, func() error { c.SetReadLimit(1 << 20); c.Report(); return ctx.Err() })
		each(2, func() error {
			w, err := c.Writer(ctx, wsc.Text)
			if err == nil {
				w.Write(make([]byte, 40<<10))
				err = w.Close()
			}
			return err
		})
		time.Sleep(time.Duration(i%4) * time.Millisecond)
		switch i % 3 {
		case 0:
			each(3, func() error { c.Close(wsc.CloseNormal, ""); return io.EOF })
		case 1:
			each(3, func() error { c.CloseNow(); return io.EOF })
		case 2:
			each(2, func() error { c.Close(wsc.CloseNormal, ""); return io.EOF })
			each(2, func() error { c.CloseNow(); return io.EOF })
		}
		time.Sleep(time.Millisecond)
		cancel()
		all.Wait()
		c.CloseNow()
	}
}

func TestNothingIsLeft(t *testing.T) {
	wsc.CloseIdle()
	goroutines, files := runtime.NumGoroutine(), descriptors()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	for i := 0; i < 20; i++ {
		t.Run("", func(t *testing.T) {
			url := serveOpen(t, (*peer).echo)
			c := dial(t, url, nil)
			write(t, c, "x")
			read(t, c)
			wsc.CloseIdle() // does nothing while there is a connection
			if i%2 == 0 {
				if err := c.Close(wsc.CloseNormal, ""); err != nil {
					t.Error(err)
				}
			}
			c.CloseNow()
			if _, _, err := wsc.Dial(testContext(t), "ws://"+listener.Addr().String(), nil); err == nil {
				t.Error("nobody listens there")
			}
			if i%3 == 0 {
				wsc.CloseIdle()
			}
		})
	}
	wsc.CloseIdle()
	wsc.CloseIdle()
	if left := settle(files, descriptors); left > files {
		t.Errorf("%d descriptors before, %d after", files, left)
	}
	if left := settle(goroutines, runtime.NumGoroutine); left > goroutines {
		buffer := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", goroutines, left, buffer[:runtime.Stack(buffer, true)])
	}
}

// The memory of the library does not grow with connections that are gone.
func TestMemoryIsFreed(t *testing.T) {
	url := serveOpen(t, (*peer).echo)
	round := func(n int) {
		for i := 0; i < n; i++ {
			c, _, err := wsc.Dial(testContext(t), url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Write(context.Background(), wsc.Binary, make([]byte, 100<<10)); err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
		}
	}
	round(100)
	before := resident(t)
	round(1000)
	// 100 MB were sent; Go's own heap may move a little.
	if grown := resident(t) - before; grown > 30<<20 {
		t.Errorf("grew by %d MiB", grown>>20)
	}
}

func resident(t *testing.T) int {
	runtime.GC()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, pages int
	fmt.Sscan(string(data), &size, &pages)
	return pages * os.Getpagesize()
}
