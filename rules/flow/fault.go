package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxFault is how many bytes of an error are kept.
const maxFault = 500

// Fault is the last failure to decide about a slot. It stands in the value of the slot, where people see it, under
// "fault". A decision that succeeds writes the value without it.
type Fault struct {
	Tries int    `json:"tries"`
	Error string `json:"error"`
}

// Pause returns how long after the fault the slot is tried again: 1, 2, 4 … 60 minutes.
func (f Fault) Pause() time.Duration {
	const most = time.Hour
	if f.Tries > 6 {
		return most
	}
	return min(most, time.Minute<<max(0, f.Tries-1))
}

// ErrUnreadable says that the value of a slot is not a JSON object.
var ErrUnreadable = errors.New("the slot cannot be read")

// Check returns ErrUnreadable for a value that no decision has written.
func Check(value []byte) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil || fields == nil {
		return ErrUnreadable
	}
	return nil
}

// WithFault adds one more fault to the value of a slot.
func WithFault(value []byte, reason string) ([]byte, Fault, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(value, &fields) != nil || fields == nil {
		return nil, Fault{}, ErrUnreadable
	}
	var f Fault
	_ = json.Unmarshal(fields["fault"], &f) // one that cannot be read counts as none
	if f.Tries, f.Error = max(0, f.Tries)+1, reason; len(reason) > maxFault {
		f.Error = strings.ToValidUTF8(reason[:maxFault], "") + "…"
	}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, f, fmt.Errorf("keeping a fault: %w", err)
	}
	fields["fault"] = text
	value, err = json.Marshal(fields)
	return value, f, err
}
