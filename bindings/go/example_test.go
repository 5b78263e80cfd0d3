package wsc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"libwsc/wsc"
)

func Example() {
	url, stop := echoServer()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, _, err := wsc.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()

	if err := c.Write(ctx, wsc.Text, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	typ, data, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", typ, data)
	fmt.Println(c.Close(wsc.CloseNormal, "bye"))
	// Output:
	// text: hello
	// <nil>
}

func ExampleDial() {
	url, stop := echoServer()
	defer stop()

	c, response, err := wsc.Dial(context.Background(), url, &wsc.DialOptions{
		Header:         http.Header{"Cookie": {"session=1"}},
		Subprotocols:   []string{"chat.v2"},
		PingInterval:   55 * time.Second,
		ConnectTimeout: 3 * time.Second,
		ReadLimit:      1 << 20,
	})
	var refused *wsc.Error
	switch {
	case errors.As(err, &refused) && refused.Status == wsc.StatusHTTPStatus:
		log.Fatalf("the server answered %d", refused.HTTPStatus)
	case err != nil:
		log.Fatal(err)
	}
	defer c.CloseNow()
	fmt.Println(response.StatusCode)
	// Output: 101
}

// A program that goes on over the ends of its connections.
func ExampleCloseError() {
	url, stop := echoServer()
	defer stop()

	c, _, err := wsc.Dial(context.Background(), url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(context.Background(), wsc.Text, []byte("close me")); err != nil {
		log.Fatal(err)
	}
	for {
		_, data, err := c.Read(context.Background())
		var closed *wsc.CloseError
		var failed *wsc.Error
		switch {
		case err == nil:
			fmt.Printf("%s\n", data)
			continue
		case errors.As(err, &closed):
			fmt.Println("closed by the server:", closed.Code, closed.Reason)
		case errors.As(err, &failed):
			fmt.Println("failed:", failed)
		case errors.Is(err, wsc.ErrClosed):
			fmt.Println("closed by this program")
		}
		return
	}
	// Output: closed by the server: 1001 going away
}

// A context that is done ends the call and not the connection.
func ExampleConn_Read() {
	url, stop := echoServer()
	defer stop()

	c, _, err := wsc.Dial(context.Background(), url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if _, _, err := c.Read(ctx); errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("nothing yet")
	}

	if err := c.Write(context.Background(), wsc.Text, []byte("now")); err != nil {
		log.Fatal(err)
	}
	_, data, err := c.Read(context.Background())
	fmt.Printf("%s %v\n", data, err)
	// Output:
	// nothing yet
	// now <nil>
}

// Reading a message that may be too large for the memory.
func ExampleConn_Reader() {
	url, stop := echoServer()
	defer stop()

	c, _, err := wsc.Dial(context.Background(), url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(10 << 30)
	if err := c.Write(context.Background(), wsc.Binary, make([]byte, 1<<20)); err != nil {
		log.Fatal(err)
	}

	_, r, err := c.Reader(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	fmt.Println(n, err)
	// Output: 1048576 <nil>
}

// A server with a certificate of one's own authority, which wants one of the client, too.
func ExampleTLS() {
	authority, err := os.ReadFile("ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	c, _, err := wsc.Dial(context.Background(), "wss://example.org/feed", &wsc.DialOptions{
		TLS: &wsc.TLS{
			RootCAs:         authority,
			NoSystemRoots:   true,
			CertificateFile: "client.pem",
			KeyFile:         "client-key.pem",
			MinVersion:      tls.VersionTLS13,
		},
	})
	switch {
	case errors.Is(err, wsc.StatusCertificateExpired):
		log.Fatal("renew the server's certificate: ", err)
	case err != nil:
		log.Fatal(err)
	}
	defer c.CloseNow()
	fmt.Println(c.Report().NegotiatedProtocol)
}

// The proxy of the environment (HTTPS_PROXY, NO_PROXY), or one by its URL.
func ExampleDialOptions_proxy() {
	c, _, err := wsc.Dial(context.Background(), "wss://example.org/feed", &wsc.DialOptions{
		Proxy: http.ProxyFromEnvironment,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()

	socks := &url.URL{Scheme: "socks5", Host: "127.0.0.1:1080", User: url.UserPassword("me", "secret")}
	c, _, err = wsc.Dial(context.Background(), "wss://example.org/feed", &wsc.DialOptions{
		Proxy: http.ProxyURL(socks),
	})
	var failed *wsc.Error
	if errors.As(err, &failed) && failed.Phase == wsc.PhaseProxy {
		log.Fatalf("the proxy answered %d", failed.Report.ProxyStatus)
	}
	if err == nil {
		c.CloseNow()
	}
}

// Writing the parts of a message as they come.
func ExampleConn_Writer() {
	url, stop := echoServer()
	defer stop()

	c, _, err := wsc.Dial(context.Background(), url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()

	w, err := c.Writer(context.Background(), wsc.Text)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(w, "%d green bottles", 10)
	if err := w.Close(); err != nil { // sends it
		log.Fatal(err)
	}
	_, data, err := c.Read(context.Background())
	fmt.Printf("%s %v\n", data, err)
	// Output: 10 green bottles <nil>
}
