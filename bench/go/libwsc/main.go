// libwsc through its Go package.
package main

import (
	"context"

	"libwsc/bench"
	"libwsc/wsc"
)

type conn struct {
	*wsc.Conn
	messageType wsc.MessageType
}

func (c conn) Receive(take func(message []byte) bool) error {
	var buffer []byte
	return bench.ReceiveAll(func() (message []byte, err error) {
		_, buffer, err = c.ReadInto(context.Background(), buffer)
		return buffer, err
	}, take)
}

func (c conn) Send(payload []byte) error {
	return c.Write(context.Background(), c.messageType, payload)
}

func main() {
	bench.Run(func(b *bench.Bench) (bench.Conn, error) {
		options := &wsc.DialOptions{}
		messageType := wsc.Binary
		if b.Deflate {
			options.Compression = &wsc.Compression{}
			messageType = wsc.Text
		}
		c, _, err := wsc.Dial(context.Background(), b.URL, options)
		return conn{c, messageType}, err
	})
}
