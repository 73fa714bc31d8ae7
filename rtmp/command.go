package rtmp

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rtmp-edge/rtmp-edge/rtmp/amf0"
)

// A command is a command message (RTMP 1.0 §7.1.1): a name, a transaction id,
// a command object that is null in most, and arguments. The arguments are
// decoded when they are asked for, so that commands nobody knows cost nothing.
type command struct {
	name        string
	transaction float64
	streamID    uint32 // message stream it came on
	rest        *amf0.Decoder
}

// parseCommand reads a command's name and transaction id. A transaction id
// that is missing or no number is 0: the sender expects no answer. Any number
// goes back as it came, NaN as well: what it means is the sender's business.
func parseCommand(m *Message, l amf0.Limits) (*command, error) {
	cmd := &command{streamID: m.StreamID, rest: amf0.NewDecoder(m.Payload, l)}
	name, err := cmd.arg()
	if err != nil {
		return nil, err
	}
	var ok bool
	if cmd.name, ok = name.(string); !ok {
		return nil, fmt.Errorf("%w: name is a %T", ErrCommand, name)
	}
	transaction, err := cmd.arg()
	if err != nil {
		return nil, err
	}
	cmd.transaction, _ = transaction.(float64)
	return cmd, nil
}

// arg returns the next value; nil at the end.
func (c *command) arg() (any, error) {
	v, err := c.rest.Decode()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", err, ErrCommand) // amf0's Kind says more
	}
	return v, nil
}

// args returns the next values; nil for those after the end.
func (c *command) args(values ...*any) error {
	for _, v := range values {
		var err error
		if *v, err = c.arg(); err != nil {
			return err
		}
	}
	return nil
}

// newCommand makes a command message.
func newCommand(csid, streamID uint32, name string, transaction float64, values ...any) (outgoing, error) {
	payload, err := amf0.Append(nil, name)
	if err == nil {
		payload, err = amf0.Append(payload, transaction)
	}
	for _, v := range values {
		if err != nil {
			break
		}
		payload, err = amf0.Append(payload, v)
	}
	if err == nil && len(payload) > maxPayload {
		err = ErrTooLong
	}
	if err != nil {
		return outgoing{}, fmt.Errorf("rtmp: encode %s: %w", name, err)
	}
	return outgoing{csid, Message{Type: TypeCommand, StreamID: streamID, Payload: payload}}, nil
}

// newStatus makes an onStatus for a message stream.
func newStatus(streamID uint32, s Status) (outgoing, error) {
	return newCommand(CSIDStatus, streamID, "onStatus", 0, amf0.Null{}, s.object())
}

// cutQuery splits "name?query".
func cutQuery(s string) (name, query string) {
	name, query, _ = strings.Cut(s, "?")
	return name, query
}
