package wsc

// #include "wsc.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Dial opens a connection to a ws://, wss://, ws+unix:// or wss+unix:// URL and returns
// when the handshake is complete. It waits until ctx is done, within the timeouts of
// opts; once it has returned, ctx means nothing to the connection. opts may be nil.
//
// The response is the server's answer. Where the server refused, which is an *Error with
// StatusHTTPStatus, its body is the first 4096 bytes of what the server sent; otherwise
// it is empty. The body need not be closed. Without an answer the response is nil.
//
// The [Report] in the *Error says more, such as which addresses were tried.
func Dial(ctx context.Context, url string, opts *DialOptions) (*Conn, *http.Response, error) {
	if opts != nil && opts.Proxy != nil {
		return dial(ctx, url, opts) // the caller's function may panic
	}
	// On a goroutine of its own, whose stack grows and is given back: that of the
	// caller, who may well go on to wait in Read, stays small.
	dialed := make(chan dialResult, 1)
	go func() {
		var result dialResult
		result.conn, result.response, result.err = dial(ctx, url, opts)
		dialed <- result
	}()
	result := <-dialed
	return result.conn, result.response, result.err
}

type dialResult struct {
	conn     *Conn
	response *http.Response
	err      error
}

func dial(ctx context.Context, url string, opts *DialOptions) (*Conn, *http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, failed("dial", err)
	}
	if opts == nil {
		opts = &DialOptions{}
	}
	c, err := newConn(url, opts)
	if err != nil {
		return nil, nil, failed("dial", err)
	}
	if err := c.loop.start(c); err != nil {
		c.CloseNow()
		return nil, nil, failed("dial", err)
	}
	response, err := c.open(ctx)
	if err != nil {
		c.CloseNow()
		return nil, response, failed("dial", err)
	}
	return c, response, nil
}

// open waits for the handshake.
func (c *Conn) open(ctx context.Context) (*http.Response, error) {
	c.mu.Lock()
	err := c.await(ctx, opening)
	head := c.head
	c.head = nil
	c.mu.Unlock()
	if err != nil {
		return c.refusal(err)
	}
	response, err := responseOf(head)
	if err != nil {
		return nil, err
	}
	c.subprotocol = response.Header.Get("Sec-WebSocket-Protocol")
	c.extensions = response.Header.Get("Sec-WebSocket-Extensions")
	return response, nil
}

// refusal adds to an error of Dial what is known of the attempt.
func (c *Conn) refusal(err error) (*http.Response, error) {
	var e *Error
	if errors.As(err, &e) && e.Report != nil {
		return e.Report.response(), err
	}
	if report := c.Report(); report != nil && report.Phase != PhaseNone {
		err = fmt.Errorf("%w (%s)", err, report.Phase)
	}
	return nil, err
}

func newConn(url string, opts *DialOptions) (*Conn, error) {
	l, err := useLoop()
	if err != nil {
		return nil, err
	}
	c := &Conn{loop: l, nextSkip: fewestSkipped, wake: make(chan struct{}, 1), done: make(chan struct{})}
	err = withString(url, StatusURL, func(url *C.char) C.wsc_status_t {
		return C.wsc_conn_new(l.native, url, &c.native)
	})
	if err != nil {
		l.leave()
		return nil, err
	}
	c.uses.Store(1)
	c.id = uint64(C.wsc_conn_id(c.native))
	if err := c.configure(url, opts); err != nil {
		c.CloseNow()
		return nil, err
	}
	return c, nil
}
