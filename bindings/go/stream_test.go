package wsc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"libwsc/wsc"
)

// shortContext is done soon.
func shortContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func reader(t testing.TB, c *wsc.Conn) io.Reader {
	t.Helper()
	_, r, err := c.Reader(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readExactly(t testing.TB, r io.Reader, n int) string {
	t.Helper()
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// steps sends each piece when the client asks for it.
func steps(pieces ...[]byte) func(*peer) error {
	return func(p *peer) error {
		for _, piece := range pieces {
			if _, err := p.Write(piece); err != nil {
				return err
			}
			if _, _, err := p.receive(); err != nil {
				return ignoreEnd(err)
			}
		}
		return p.drain()
	}
}

// A reader gives what has come of a message before the rest is sent.
func TestReaderStreams(t *testing.T) {
	c := dial(t, serveOpen(t, steps(
		frame(false, opText, []byte("one ")),
		frame(false, opContinuation, []byte("two ")),
		frame(true, opContinuation, []byte("three")),
	)), nil)
	typ, r, err := c.Reader(testContext(t))
	if err != nil || typ != wsc.Text {
		t.Fatal(typ, err)
	}
	for _, want := range []string{"one ", "two "} {
		if got := readExactly(t, r, len(want)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		write(t, c, "go on")
	}
	if rest, err := io.ReadAll(r); string(rest) != "three" || err != nil {
		t.Errorf("got %q, %v", rest, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("a read of nothing: %d, %v", n, err)
	}
}

// The parts of one frame that is larger than any buffer are given as they come.
func TestReaderOfLargeFrame(t *testing.T) {
	const size = 8 << 20
	whole := frame(true, opBinary, bytes.Repeat([]byte("0123456789abcdef"), size/16))
	c := dial(t, serveOpen(t, steps(whole[:len(whole)/2], whole[len(whole)/2:])), nil)
	r := reader(t, c)
	got := readExactly(t, r, size/4)
	write(t, c, "go on")
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if got += string(rest); got != string(whole[len(whole)-size:]) {
		t.Errorf("got %d bytes, want %d", len(got), size)
	}
}

// What is left of a message is dropped by whoever asks for the next.
func TestReaderIsLeft(t *testing.T) {
	c := dial(t, serveOpen(t, steps(
		append(frame(true, opText, []byte("first")), frame(false, opText, []byte("second "))...),
		append(frame(true, opContinuation, []byte("end")), frame(true, opText, []byte("third"))...),
		append(frame(false, opText, []byte("fourth")), frame(true, opContinuation, nil)...),
	)), nil)
	first := reader(t, c)
	second := reader(t, c)
	if _, err := first.Read(make([]byte, 1)); err != nil {
		t.Errorf("a message that is there whole: %v", err)
	}
	if got := readExactly(t, second, 3); got != "sec" {
		t.Errorf("got %q", got)
	}
	write(t, c, "go on")
	if got := read(t, c); got != "third" {
		t.Errorf("got %q", got)
	}
	if rest, err := io.ReadAll(second); err == nil {
		t.Errorf("the reader that was left gave %q", rest)
	}
	write(t, c, "go on")
	if got := read(t, c); got != "fourth" {
		t.Errorf("got %q", got)
	}
}

// What Read returned stays as it is, and ReadInto takes the memory it is given, whatever
// size the messages have and whether they come whole.
func TestReadInto(t *testing.T) {
	var sent []string
	var burst []byte
	for i := 0; i < 300; i++ {
		sent = append(sent, strings.Repeat(string(rune('a'+i%26)), i*i%7000))
		if i%10 == 9 {
			half := len(sent[i]) / 2
			burst = append(burst, frame(false, opText, []byte(sent[i][:half]))...)
			burst = append(burst, frame(true, opContinuation, []byte(sent[i][half:]))...)
		} else {
			burst = append(burst, frame(true, opText, []byte(sent[i]))...)
		}
	}
	c := dial(t, serveOpen(t, steps(burst, burst)), nil)
	buf := make([]byte, 0, 7000)
	var kept []string
	var keptBytes [][]byte
	for round := 0; round < 2; round++ {
		for i, want := range sent {
			if i%3 == 0 {
				_, data, err := c.Read(testContext(t))
				if err != nil {
					t.Fatal(err)
				}
				kept, keptBytes = append(kept, want), append(keptBytes, data)
				continue
			}
			_, data, err := c.ReadInto(testContext(t), buf)
			if err != nil || string(data) != want {
				t.Fatalf("message %d: %d bytes, %v", i, len(data), err)
			}
			if len(data) > 0 && &data[0] != &buf[:1][0] {
				t.Fatalf("message %d is not in the memory that was given", i)
			}
		}
		write(t, c, "go on")
	}
	for i, want := range kept {
		if string(keptBytes[i]) != want {
			t.Errorf("message %d has changed", i)
		}
	}
	if _, data, err := c.ReadInto(shortContext(t), buf); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %q %v", data, err)
	}
}

// Without memory that suffices ReadInto makes some.
func TestReadIntoGrows(t *testing.T) {
	c := dial(t, serveOpen(t, steps(frame(true, opText, []byte("hello")))), nil)
	_, data, err := c.ReadInto(testContext(t), make([]byte, 2))
	if err != nil || string(data) != "hello" {
		t.Errorf("got %q %v", data, err)
	}
}

// A message that comes in many parts is put together in the memory that ReadInto was given;
// one that is too large for it, or for what the last one took, elsewhere.
func TestReadIntoOfLargeMessages(t *testing.T) {
	sizes := []int{1 << 20, 1 << 20, 300_000, 1 << 20, 3 << 20, 100, 1 << 20}
	var all [][]byte
	for i, size := range sizes {
		payload := make([]byte, size)
		for j := range payload {
			payload[j] = byte(i + j*j>>8)
		}
		all = append(all, payload)
	}
	c := dial(t, serveOpen(t, func(p *peer) error {
		for _, payload := range all {
			if err := p.send(opBinary, payload); err != nil {
				return err
			}
		}
		return p.drain()
	}), nil)
	buf := make([]byte, 1<<20)
	for i, want := range all {
		_, data, err := c.ReadInto(testContext(t), buf)
		if err != nil || !bytes.Equal(data, want) {
			t.Fatalf("message %d: %d bytes, %v", i, len(data), err)
		}
		if isGiven := &data[0] == &buf[0]; isGiven != (len(want) <= len(buf)) {
			t.Errorf("message %d is in the memory that was given: %t", i, isGiven)
		}
	}
}

// Memory that was lent for a message that did not come in time is the caller's again.
func TestReadIntoGivesMemoryBack(t *testing.T) {
	c := dial(t, serveOpen(t, steps(
		nil,
		frame(false, opText, []byte("one ")),
		frame(true, opContinuation, []byte("two")),
	)), nil)
	buf := make([]byte, 0, 100)
	write(t, c, "go on")
	for i := 0; i < 3; i++ {
		if _, _, err := c.ReadInto(shortContext(t), buf); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		copy(buf[:cap(buf)], "mine mine mine")
	}
	write(t, c, "go on")
	if got := read(t, c); got != "one two" {
		t.Errorf("got %q", got)
	}
	if got := string(buf[:14]); got != "mine mine mine" {
		t.Errorf("the memory holds %q", got)
	}
}

// A lateContext is done as soon as a call begins to wait for it, but not before something
// else has happened.
type lateContext struct {
	context.Context
	before func()
	done   chan struct{}
}

func (ctx *lateContext) Done() <-chan struct{} {
	if ctx.before != nil {
		before := ctx.before
		ctx.before = nil
		before()
		close(ctx.done)
	}
	return ctx.done
}

func (ctx *lateContext) Err() error {
	select {
	case <-ctx.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// The same where the message comes in time, but the call sees first that its context is
// done: either may be what it returns.
func TestReadIntoGivesMemoryBackOfWholeMessage(t *testing.T) {
	pieces := [][]byte{frame(false, opText, []byte("one ")), frame(true, opContinuation, []byte("two"))}
	c := dial(t, serveOpen(t, func(p *peer) error {
		for n := 0; ; n++ {
			op, payload, err := p.receive()
			if err != nil || op != opPing {
				return ignoreEnd(err)
			}
			if _, err := p.Write(pieces[n%2]); err != nil {
				return ignoreEnd(err)
			}
			// Who has the pong has the piece.
			if err := p.send(opPong, payload); err != nil {
				return ignoreEnd(err)
			}
		}
	}), &wsc.DialOptions{PingInterval: -1})
	buf := make([]byte, 100)
	for expired, round := 0, 0; expired < 3; round++ {
		if round == 100 {
			t.Fatalf("%d calls of %d have expired", expired, round)
		}
		ctx := &lateContext{Context: context.Background(), done: make(chan struct{}), before: func() {
			for range pieces {
				if err := c.Ping(testContext(t)); err != nil {
					t.Error(err)
				}
			}
		}}
		_, data, err := c.ReadInto(ctx, buf)
		if errors.Is(err, context.DeadlineExceeded) {
			expired++
			copy(buf, "mine mine mine")
			_, data, err = c.Read(testContext(t))
		}
		if err != nil || string(data) != "one two" {
			t.Fatalf("got %q %v", data, err)
		}
	}
}

// A context that is done in the middle of a message loses nothing of it for Read, and
// leaves the connection usable for Reader.
func TestContextEndsWithinMessage(t *testing.T) {
	c := dial(t, serveOpen(t, steps(
		frame(false, opText, []byte("one ")),
		frame(true, opContinuation, []byte("two")),
		frame(false, opText, []byte("three ")),
		append(frame(true, opContinuation, []byte("four")), frame(true, opText, []byte("five"))...),
	)), nil)
	for i := 0; i < 3; i++ {
		if _, _, err := c.Read(shortContext(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	write(t, c, "go on")
	if got := read(t, c); got != "one two" {
		t.Errorf("got %q", got)
	}
	write(t, c, "go on")
	ctx, cancel := context.WithCancel(context.Background())
	_, r, err := c.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	readExactly(t, r, 6)
	cancel()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	write(t, c, "go on")
	if got := read(t, c); got != "five" {
		t.Errorf("got %q", got)
	}
}

// Parts count for the limit, and what was read before it is kept.
func TestReadLimitOfParts(t *testing.T) {
	for name, opts := range map[string]*wsc.DialOptions{
		"ReadLimit":    {ReadLimit: 10},
		"SetReadLimit": nil,
	} {
		opts := opts
		t.Run(name, func(t *testing.T) {
			c := dial(t, serveOpen(t, steps(
				frame(true, opText, []byte("first")),
				frame(false, opText, []byte("123456")),
				frame(true, opContinuation, []byte("78901")),
			)), opts)
			if opts == nil {
				c.SetReadLimit(10)
			}
			read(t, c)
			write(t, c, "go on")
			r := reader(t, c)
			readExactly(t, r, 6)
			write(t, c, "go on")
			_, err := io.ReadAll(r)
			wantStatus(t, err, wsc.StatusMessageTooBig, wsc.PhaseOpen)
		})
	}
}

// The limit of the default can be raised, and taken away.
func TestReadLimitIsRaised(t *testing.T) {
	const size = 16<<20 + 1
	url := serveOpen(t, func(p *peer) error {
		if err := p.send(opBinary, make([]byte, size)); err != nil {
			return ignoreEnd(err)
		}
		return p.drain()
	})
	c := dial(t, url, nil)
	_, _, err := c.Read(testContext(t))
	wantStatus(t, err, wsc.StatusMessageTooBig, wsc.PhaseOpen)

	url = serveOpen(t, func(p *peer) error {
		if err := p.expect(opText, "limit is set"); err != nil {
			return err
		}
		if err := p.send(opBinary, make([]byte, size)); err != nil {
			return err
		}
		return p.drain()
	})
	for _, limit := range []int64{size, -1} {
		c := dial(t, url, nil)
		c.SetReadLimit(limit)
		write(t, c, "limit is set")
		if got := read(t, c); len(got) != size {
			t.Errorf("got %d bytes", len(got))
		}
	}
}

// The first part of a message is out before the writer is closed.
func TestWriterStreams(t *testing.T) {
	const size = 1 << 20
	begun := make(chan struct{})
	url := serveOpen(t, func(p *peer) error {
		var message []byte
		for parts := 0; ; parts++ {
			fin, op, payload, err := p.receivePart()
			switch {
			case err != nil:
				return err
			case parts == 0 && (op != opText || fin):
				return fmt.Errorf("first part: %v, %d", fin, op)
			case parts > 0 && op != opContinuation:
				return fmt.Errorf("part %d: %d", parts, op)
			case parts == 0:
				close(begun)
			}
			message = append(message, payload...)
			if fin {
				break
			}
		}
		return p.send(opText, message)
	})
	c := dial(t, url, nil)
	w, err := c.Writer(testContext(t), wsc.Text)
	if err != nil {
		t.Fatal(err)
	}
	// Characters of three bytes, so that parts do not end where the buffer does.
	want := strings.Repeat("世", size/3)
	if n, err := io.WriteString(w, want[:size/2]); n != size/2 || err != nil {
		t.Fatal(n, err)
	}
	<-begun
	if n, err := io.WriteString(w, want[size/2:]); n != len(want)-size/2 || err != nil {
		t.Fatal(n, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

// A message that fits goes out as one frame; receive fails for a fragment.
func TestWriterOfSmallMessages(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), nil)
	for _, want := range []string{"", "x", strings.Repeat("x", 30000)} {
		w, err := c.Writer(testContext(t), wsc.Binary)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, want)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c); got != want {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
	}
}

// reassemble reads messages that may be fragmented and sends them back.
func reassemble(p *peer) error {
	var message []byte
	var first byte
	for {
		fin, op, payload, err := p.receivePart()
		if err != nil {
			return ignoreEnd(err)
		}
		switch op {
		case opPing:
			if err := p.send(opPong, payload); err != nil {
				return ignoreEnd(err)
			}
			continue
		case opClose:
			p.send(opClose, payload)
			return nil
		case opText, opBinary:
			first = op
		}
		message = append(message, payload...)
		if !fin {
			continue
		}
		if err := p.send(first, message); err != nil {
			return ignoreEnd(err)
		}
		message = nil
	}
}

// Others wait for the end of a message that has begun, within their contexts.
func TestWriteWaitsForWriter(t *testing.T) {
	c := dial(t, serveOpen(t, reassemble), nil)
	w, err := c.Writer(testContext(t), wsc.Binary)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c, "nothing is out yet")
	if got := read(t, c); got != "nothing is out yet" {
		t.Errorf("got %q", got)
	}
	big := bytes.Repeat([]byte("x"), 100<<10)
	if _, err := w.Write(big); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(shortContext(t), wsc.Text, []byte("no")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a Write did not wait: %v", err)
	}
	if _, err := c.Writer(shortContext(t), wsc.Text); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a Writer did not wait: %v", err)
	}
	if err := c.Ping(testContext(t)); err != nil {
		t.Errorf("a ping between parts: %v", err)
	}
	waiting := make(chan error)
	for i := 0; i < 3; i++ {
		go func() { waiting <- c.Write(testContext(t), wsc.Text, []byte("after")) }()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); got != string(big) {
		t.Errorf("got %d bytes", len(got))
	}
	for i := 0; i < 3; i++ {
		if err := <-waiting; err != nil {
			t.Error(err)
		}
		if got := read(t, c); got != "after" {
			t.Errorf("got %q", got)
		}
	}
}

// A message that was given up before a part was out leaves no trace.
func TestWriterGivenUp(t *testing.T) {
	c := dial(t, serveOpen(t, reassemble), nil)
	ctx, cancel := context.WithCancel(context.Background())
	w, err := c.Writer(ctx, wsc.Text)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "never sent")
	cancel()
	if err := w.Close(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w, err = c.Writer(testContext(t), wsc.Text)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "never sent \xff")
	if err := w.Close(); !errors.Is(err, wsc.StatusUTF8) {
		t.Error(err)
	}
	write(t, c, "sent")
	if got := read(t, c); got != "sent" {
		t.Errorf("got %q", got)
	}
}

// One that has begun cannot be taken back.
func TestWriterFails(t *testing.T) {
	for name, spoil := range map[string]func(w io.Writer, cancel func()){
		"context": func(w io.Writer, cancel func()) { cancel() },
		"text":    func(w io.Writer, cancel func()) { io.WriteString(w, "\xff") },
	} {
		spoil := spoil
		t.Run(name, func(t *testing.T) {
			c := dial(t, serveOpen(t, reassemble), nil)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			w, err := c.Writer(ctx, wsc.Text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(bytes.Repeat([]byte("x"), 40<<10)); err != nil {
				t.Fatal(err)
			}
			spoil(w, cancel)
			if err := w.Close(); err == nil {
				t.Error("no error")
			}
			if err := c.Write(testContext(t), wsc.Text, nil); !errors.Is(err, wsc.ErrClosed) {
				t.Error(err)
			}
		})
	}
}
