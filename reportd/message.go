package reportd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tahoe"
)

// maxID bounds the id that a client chooses for an operation.
const maxID = 128

// op names what a client asks for in a message.
type op string

const (
	opAuth      op = "auth"
	opQuery     op = "query"
	opSubscribe op = "subscribe"
	opReports   op = "reports"
	opCredit    op = "credit"
	opCancel    op = "cancel"
	opPing      op = "ping"
)

// message is what a client sends: one JSON object a text frame.
type message struct {
	Op     op                     `json:"op"`
	ID     string                 `json:"id,omitempty"`
	Token  string                 `json:"token,omitempty"`
	TDQL   string                 `json:"tdql,omitempty"`
	Params map[string]tahoe.Value `json:"params,omitempty"`
	Redo   *bool                  `json:"redo,omitempty"` // false: an equal report of the same clock hour will do
	Report string                 `json:"report,omitempty"`
	After  uint64                 `json:"after,omitempty"`
	Credit *uint64                `json:"credit,omitempty"` // rows welcome from the start; nil is no limit
	N      uint64                 `json:"n,omitempty"`
}

// decodeMessage reads one message. It is strict: a member that the protocol does not know is an error, because to
// ignore it would be to answer something else than what was asked.
func decodeMessage(data []byte) (message, error) {
	if !utf8.Valid(data) {
		return message{}, errors.New("message is not UTF-8")
	}
	var m message
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return message{}, fmt.Errorf("message is not a JSON object of the protocol: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return message{}, errors.New("message has something after its JSON object")
	}
	return m, m.validate()
}

// validate says whether the message has what its operation needs.
func (m message) validate() error {
	if len(m.ID) > maxID {
		return fmt.Errorf("id is longer than %d bytes", maxID)
	}
	switch m.Op {
	case opAuth:
		return need(m.Token != "", m.Op, "token")
	case opQuery:
		return need(m.ID != "", m.Op, "id") // an empty query is a fault of the query, not of the message
	case opSubscribe:
		return errors.Join(need(m.ID != "", m.Op, "id"), need(m.Report != "", m.Op, "report"))
	case opReports, opCancel:
		return need(m.ID != "", m.Op, "id")
	case opCredit:
		return errors.Join(need(m.ID != "", m.Op, "id"), need(m.N > 0, m.Op, "n"))
	case opPing:
		return nil
	}
	return fmt.Errorf("unknown op %q", m.Op)
}

func need(has bool, o op, member string) error {
	if has {
		return nil
	}
	return fmt.Errorf("%s needs %q", o, member)
}
