// Package rtmp speaks both ends of the Real-Time Messaging Protocol over any
// net.Conn: handshake, chunks, protocol control, commands, publish and play.
//
// The server end accepts a connection in steps, so that its user decides at
// each of them:
//
//	c, err := rtmp.Accept(ctx, nc, nil)     // handshake, `connect` is read
//	err = c.AcceptConnect()                 // or RejectConnect
//	for {
//		ev, err := c.Next()
//		switch ev.Kind {
//		case rtmp.EventPublish:             // AcceptPublish, or WriteStatus with an error
//		case rtmp.EventPlay:                // AcceptPlay, or WriteStatus with an error
//		case rtmp.EventMessage:             // audio, video, data of an accepted publish
//		case rtmp.EventCloseStream:         // the peer ended a publish or play
//		}
//	}
//
// The client end is made by [Dial] (rtmp:// or rtmps://) or [NewClient], then
// publishes with [ClientConn.Publish] and [ClientConn.WriteMessage], or plays with
// [ClientConn.Play] and [ClientConn.Next].
//
// Of either end, one goroutine reads: it alone calls Next and the methods that
// wait for the peer. Every writing method, Stats and Close may be called from
// any goroutine.
//
// The package trusts no peer. Memory grows with what a peer sent, never with
// what it claims; every wait for it is limited by a total deadline, and a
// publisher that falls silent by an idle timeout, if one is set; floods of
// commands and stray media end the connection. The limits are in [Config], and
// [Kind] names the reason of an error for a metric.
//
// It answers what real encoders and players need and ignores what none of them
// waits for. Media payloads are never looked into and pass byte for byte. The
// specification is Adobe's "Real Time Messaging Protocol, version 1.0", cited
// here as "RTMP 1.0 §…". Of Veovera's "Enhanced RTMP v2" the package knows what
// both ends announce in `connect` ([Capabilities]) and the request to reconnect
// ([ServerConn.WriteReconnectRequest]); the rest of it is payload.
package rtmp
