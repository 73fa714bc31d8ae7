// Package transport is what stands between the kernel's accept and package rtmp: socket options, the PROXY header, and TLS.
//
//	rtmp: reads, writes          live: a player's writes
//	          │                             │
//	     ┌────▼────┐                ┌───────▼───────┐
//	     │  Conn   ├──── Sink() ───►│   live.Sink   │
//	     └─┬─────┬─┘                └──┬─────────┬──┘
//	 plain │     │ secure       secure │         │ plain
//	       │  ┌──▼─────────────────────▼──┐      │
//	       │  │ tls.Conn: encrypts        │      │
//	       │  ├───────────────────────────┤      │
//	       │  │ wire: holds what is left  │      │
//	       │  └─────────────┬─────────────┘      │
//	     ┌─▼────────────────▼────────────────────▼─┐
//	     │ socket: TCP or unix, options by Wrap    │
//	     └─────────────────────────────────────────┘
//
// A connection begins with these bytes, each part read by the one above it and not a byte further:
//
//	PROXY header   from trusted proxies only, and required from them; read by Conn.Peer, in clear
//	TLS            on secure listeners; the handshake is part of the first Read
//	RTMP
//
// # PROXY header
//
// A proxy in front of us tells the real client's address in a header, version 1 (a line) or 2 (binary). Who may send one is a list of
// prefixes. Those who may, must: otherwise a client that reaches the proxy's port in another way would be taken for the proxy itself. What
// anybody else sends is never looked at: it goes to the handshake, which refuses it.
//
// # TLS and players
//
// One goroutine writes to all players of a stream, so none of its writes may wait, but a [tls.Conn] does: what it encrypted must be written
// whole. So once the handshake is done, what tls.Conn writes stops at the wire below it, which gives the socket what it takes and holds the
// rest, bounded. Who may wait, waits above the TLS layer: [Conn.Write] until the wire is empty, and a player in its own goroutine. Therefore
// nothing that tls.Conn writes by itself (an alert, the answer to a key update) can block either, nor can Close.
//
// # Waiting
//
// Most connections are players', which say next to nothing. So a Conn is a [chunk.PatientReader]: who reads waits for the socket, with no buffer
// in hand, and only then has tls.Conn read, which must not wait: below it the wire tells it that there is nothing yet.
//
// # Certificates
//
// A [Certificate] is read again when its files change, without a restart. It is looked at during handshakes only, at most once a second.
package transport
