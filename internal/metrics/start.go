package metrics

import "github.com/prometheus/client_golang/prometheus"

// start makes the series of small closed sets appear with 0, so that the first event of a kind is an increase.
func (m *Metrics) start() {
	m.StartProtocol(ProtocolRTMP)
	m.Relays.WithLabelValues(RelayWorker, RelayPull)
	m.Streams.WithLabelValues(StreamOwner)
	m.Streams.WithLabelValues(StreamRelay)
	for _, action := range []string{AuthPublish, AuthPlay} {
		for _, result := range []string{AuthOK, AuthMissing, AuthExpired, AuthInvalid} {
			m.AuthRequests.WithLabelValues(action, result)
		}
	}
	m.FramesDropped.WithLabelValues(DropLag, FrameMixed)
	m.FramesDropped.WithLabelValues(DropNoKeyframe, FrameVideo)
	m.FramesDropped.WithLabelValues(DropNotActive, FrameMixed)
	for vec, values := range map[*prometheus.CounterVec][]string{
		m.Publishes: {PublishOK, PublishTaken, PublishBadName, PublishDenied, PublishBackoff, PublishZoneFull, PublishError},
		m.RelayReconnects: {
			ReconnectDial, ReconnectTimeout, ReconnectRefused, ReconnectGone, ReconnectEnded, ReconnectStale, ReconnectProtocol,
		},
		m.FramesReceived:   {FrameAudio, FrameVideo, FrameData},
		m.Discontinuities:  {DiscontinuityForward, DiscontinuityBackward, DiscontinuitySmall},
		m.LimitsHit:        {LimitGOP, LimitHeaderSize, LimitTracks, LimitControl, LimitAcceptRate, LimitClamped, LimitStreams},
		m.ZoneClaims:       {ClaimOK, ClaimTaken, ClaimFull, ClaimBucketFull, ClaimBadName, ClaimClosed, ClaimError},
		m.Takeovers:        {TakeoverOK, TakeoverTimeout, TakeoverFailed},
		m.CertificateLoads: {LoadOK, LoadError},
		m.WorkerRestarts:   {RestartExit, RestartError, RestartPanic, RestartKilled, RestartSignal, RestartStart},
	} {
		for _, v := range values {
			vec.WithLabelValues(v)
		}
	}
}

// StartProtocol makes the series of a protocol of publishers and players appear with 0. New has done it for RTMP; the
// others are not served everywhere.
func (m *Metrics) StartProtocol(protocol string) {
	for _, s := range []string{StateHandshake, StateConnected, StatePublishing, StatePlaying, StateWaiting} {
		m.Connections.WithLabelValues(protocol, s)
	}
	m.ConnectionsAccepted.WithLabelValues(protocol)
	for _, role := range []string{RoleNone, RolePublisher, RolePlayer, RoleRelay} {
		m.ReceivedBytes.WithLabelValues(protocol, role)
		m.SentBytes.WithLabelValues(protocol, role)
	}
	for _, result := range []string{PlayOK, PlayNotFound, PlayBadName, PlayDenied, PlayGone, PlayError} {
		m.Plays.WithLabelValues(protocol, result)
	}
	for _, source := range []string{SourceLocal, SourceWorker} {
		m.PlayJoin.WithLabelValues(protocol, source)
	}
	for _, reason := range []string{
		RejectAddressLimit, RejectGlobalLimit, RejectDescriptors, RejectShutdown,
	} {
		m.ConnectionsRejected.WithLabelValues(protocol, reason)
	}
	for _, reason := range []string{
		CloseGone, CloseLost, CloseHandshake, CloseTimeout, CloseProtocol, CloseRefused, CloseNotFound, CloseUnpublished, CloseStalled, CloseIdle,
		CloseTakenOver, CloseKicked, CloseShutdown, ClosePanic, CloseInternal,
	} {
		m.ConnectionsClosed.WithLabelValues(protocol, reason)
	}
}
