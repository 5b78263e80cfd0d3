package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"libwsc/wsc"
)

func main() {
	url := "ws://127.0.0.1:1234"
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	if err := run(url); err != nil {
		log.Fatal(err)
	}
}

func run(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	c, _, err := wsc.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()

	if err := c.Write(ctx, wsc.Text, []byte("hello")); err != nil {
		return err
	}
	typ, data, err := c.Read(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("recv: %s %s\n", typ, data)

	return c.Close(wsc.CloseNormal, "bye")
}
