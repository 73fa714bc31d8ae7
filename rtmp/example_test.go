package rtmp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"

	"github.com/rtmp-edge/rtmp-edge/rtmp"
)

// A server that accepts any publish and says what arrives, and a client that
// publishes one message to it.
func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- publish("rtmp://" + l.Addr().String() + "/live/camera?token=secret") }()

	nc, err := l.Accept()
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(serve(nc), <-done, l.Close()); err != nil {
		log.Fatal(err)
	}

	// Output:
	// publish: live camera token=secret
	// video 40 5
	// unpublish
}

func serve(nc net.Conn) error {
	c, err := rtmp.Accept(context.Background(), nc, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.AcceptConnect(); err != nil {
		return err
	}
	for {
		ev, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch ev.Kind {
		case rtmp.EventPublish:
			fmt.Println("publish:", c.ConnectRequest().App, ev.Publish.Name, ev.Publish.Query)
			if err := c.AcceptPublish(ev.StreamID); err != nil {
				return err
			}
		case rtmp.EventMessage:
			fmt.Println(ev.Message.Type, ev.Message.Timestamp, len(ev.Message.Payload))
		case rtmp.EventCloseStream:
			fmt.Println("unpublish")
		}
	}
}

func publish(url string) error {
	ctx := context.Background()
	c, name, err := rtmp.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	id, err := c.Publish(ctx, name)
	if err != nil {
		return err
	}
	m := rtmp.Message{Type: rtmp.TypeVideo, StreamID: id, Timestamp: 40, Payload: []byte("video")}
	return errors.Join(c.WriteMessage(&m), c.Unpublish(id))
}
