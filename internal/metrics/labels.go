package metrics

import "errors"

// The values of the label protocol: what a session speaks.
const (
	ProtocolRTMP    = "rtmp"
	ProtocolRTMPS   = "rtmps" // RTMP over TLS
	ProtocolHTTPFLV = "http_flv"
	ProtocolWSFLV   = "ws_flv"
	ProtocolFMP4    = "http_fmp4"
)

// The values of the label state of connections.
const (
	StateHandshake  = "handshake"  // up to the end of the RTMP handshake (RTMP 1.0 §5.2)
	StateConnected  = "connected"  // neither publishes nor plays
	StatePublishing = "publishing" // owns a stream
	StatePlaying    = "playing"    // gets media
	StateWaiting    = "waiting"    // asked to play what nobody publishes
)

// The values of the label role of byte counters: what the session at the other end is.
const (
	RoleNone      = "none"      // neither published nor played
	RolePublisher = "publisher" // sends us a stream
	RolePlayer    = "player"    // a viewer
	RoleRelay     = "relay"     // a sibling worker, whichever of the two pulls
)

// The values of the label role of streams.
const (
	StreamOwner = "owner"
	StreamRelay = "relay"
)

// The values of the label reason of connections_rejected_total: refused before anything was read.
const (
	RejectAddressLimit = "address_limit" // too many from one address
	RejectGlobalLimit  = "global_limit"  // too many in all
	RejectDescriptors  = "descriptors"   // EMFILE, ENFILE
	RejectShutdown     = "shutdown"
)

// The values of the label reason of connections_closed_total.
const (
	CloseGone        = "gone"        // the peer left, or its connection broke
	CloseHandshake   = "handshake"   // not RTMP
	CloseTimeout     = "timeout"     // did not get to the point in time
	CloseProtocol    = "protocol"    // broke the protocol or a limit; see protocol_errors_total
	CloseLost        = "lost"        // its network went silent: TCP keepalive or user timeout
	CloseRefused     = "refused"     // its connect, publish or play was refused
	CloseNotFound    = "not_found"   // waited for a publisher in vain
	CloseUnpublished = "unpublished" // its stream ended and did not come back
	CloseStalled     = "stalled"     // took no bytes for too long
	CloseIdle        = "idle"        // published, and sent no media for too long
	CloseTakenOver   = "taken_over"  // another publisher took its stream over
	CloseKicked      = "kicked"      // an operator ended it
	CloseShutdown    = "shutdown"    // the server stops
	ClosePanic       = "panic"       // a bug of ours
	CloseInternal    = "internal"    // another failure of ours
)

// The values of the label result of publishes_total.
const (
	PublishOK       = "ok"
	PublishTaken    = "taken"    // somebody publishes it already
	PublishBadName  = "bad_name" // empty, too long, or not allowed in a name
	PublishDenied   = "denied"
	PublishBackoff  = "backoff" // the name is published too often
	PublishZoneFull = "zone_full"
	PublishError    = "error"
)

// The values of the label result of plays_total.
const (
	PlayOK       = "ok"        // media was sent
	PlayNotFound = "not_found" // nobody published it in time
	PlayBadName  = "bad_name"
	PlayDenied   = "denied"
	PlayGone     = "gone" // left before any media
	PlayError    = "error"
)

// The values of the label source of play_join_seconds.
const (
	SourceLocal  = "local"  // the publisher is on this worker
	SourceWorker = "worker" // relayed from a sibling
	SourceOrigin = "origin" // relayed from another server
)

// The values of the labels kind and direction of relays.
const (
	RelayWorker = "worker" // the other end is a sibling
	RelayOrigin = "origin" // the other end is another server
	RelayPull   = "pull"   // we play from there
	RelayPush   = "push"   // we publish to there
)

// The values of the label reason of relay_reconnects_total.
const (
	ReconnectDial     = "dial"     // no connection
	ReconnectTimeout  = "timeout"  // no answer
	ReconnectRefused  = "refused"  // answered with a refusal
	ReconnectGone     = "gone"     // the connection broke
	ReconnectEnded    = "ended"    // the publisher went
	ReconnectStale    = "stale"    // the stream has another owner by now
	ReconnectProtocol = "protocol" // the other end broke the protocol
)

// The values of the label type of frame counters.
const (
	FrameAudio = "audio"
	FrameVideo = "video"
	FrameData  = "data"
	FrameMixed = "mixed" // counted together
)

// The values of the label reason of frames_dropped_total.
const (
	DropLag        = "lag"         // the player was too far behind
	DropNoKeyframe = "no_keyframe" // nothing to decode it from
	DropNotActive  = "not_active"  // sent outside a publish
)

// The values of the label result of zone_claims_total.
const (
	ClaimOK         = "ok"
	ClaimTaken      = "taken"
	ClaimFull       = "full"        // no room for another stream
	ClaimBucketFull = "bucket_full" // no room for another with its hash
	ClaimBadName    = "bad_name"
	ClaimClosed     = "closed" // the slot is no longer this worker's
	ClaimError      = "error"
)

// The values of the label kind of timestamp_discontinuities_total.
const (
	DiscontinuityForward  = "forward"  // a jump ahead
	DiscontinuityBackward = "backward" // a jump back: a restart, a wrap
	DiscontinuitySmall    = "small"    // a small step back within audio, video or data
)

// The values of the label limit of limits_hit_total: limits that cost no connection.
const (
	LimitGOP        = "gop"             // the log lost its only keyframe: players that come wait for the next
	LimitHeaderSize = "header_size"     // metadata or a sequence header was too large to be kept for new players
	LimitTracks     = "tracks"          // more tracks than headers are kept of
	LimitControl    = "control_backlog" // a player did not take control messages
	LimitAcceptRate = "accept_rate"     // accepting paused
	LimitClamped    = "clamped"         // a chunk size or window of the peer was clamped
	LimitStreams    = "message_streams" // a peer wanted more message streams
)

// The values of the labels of auth_requests_total: what a signed URL was asked for, and how that went.
const (
	AuthPublish = "publish"
	AuthPlay    = "play"

	AuthOK      = "ok"
	AuthMissing = "missing" // no signature
	AuthExpired = "expired"
	AuthInvalid = "invalid" // not signed with our secret, or for something else
)

// The values of the label result of takeovers_total.
const (
	TakeoverOK      = "ok"
	TakeoverTimeout = "timeout" // the old publisher's worker did not give the stream up in time
	TakeoverFailed  = "failed"
)

// The values of the label result of tls_certificate_loads_total.
const (
	LoadOK    = "ok"
	LoadError = "error" // the one in use, if any, stays
)

// The values of the label reason of worker_restarts_total: how a worker's process ended that was replaced.
const (
	RestartExit   = "exit"   // with status 0, though the server went on: somebody sent SIGTERM to it alone
	RestartError  = "error"  // by itself, with another status: it logged why
	RestartPanic  = "panic"  // with status 2: the Go runtime gave up, and wrote why
	RestartKilled = "killed" // by SIGKILL: the kernel was out of memory, or somebody sent it
	RestartSignal = "signal" // by another signal
	RestartStart  = "start"  // it could not be started
)

// RestartReason returns a reason that the master gives as the label; RestartError for one that it should not.
func RestartReason(reason string) string {
	switch reason {
	case RestartExit, RestartError, RestartPanic, RestartKilled, RestartSignal, RestartStart:
		return reason
	}
	return RestartError
}

// kindOther stands for an error that names no kind.
const kindOther = "other"

// ErrorKind is the value of the label kind of protocol_errors_total for err: what the first error in its chain with a
// method Kind, as those of package rtmp have, says of itself.
func ErrorKind(err error) string {
	var kinded interface{ Kind() string }
	if !errors.As(err, &kinded) {
		return kindOther
	}
	return word(kinded.Kind())
}

// word returns a value of a closed set as it is, and kindOther for what can't be one.
func word(s string) string {
	if s == "" || len(s) > 40 {
		return kindOther
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return kindOther
		}
	}
	return s
}
