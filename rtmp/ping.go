package rtmp

// Ping sends a PingRequest (RTMP 1.0 §7.1.7), which the peer answers with the same number.
func (c *ClientConn) Ping(number uint32) error { return c.send(userControl(userPingRequest, number)) }

// OnPong has f called by the goroutine that calls Next with the number of each PingResponse. That goroutine sets it.
func (c *ClientConn) OnPong(f func(number uint32)) { c.pong = f }
