// Package relay brings a stream from the worker that owns it to a worker where a player asked for it.
//
// A relay is an ordinary RTMP player on the owner's private socket: there is one per stream and worker, as long as somebody watches. It names
// the publication it wants, by the id of the zone's entry, so that an owner which lost the stream meanwhile refuses it rather than
// serve another. Only the owner answers a relay, and never with a stream that it relays itself: there is at most one hop, and no loop.
package relay
