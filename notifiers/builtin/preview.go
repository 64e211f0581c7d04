package builtin

import (
	"encoding/json"
	"fmt"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
)

// Preview returns the data that a notifier of this kind would send for m, without a network: the JSON of a chat's
// message, an email (RFC 5322), or the body of an HTTP request. defaults are the notifier's own message options, or
// nil. The settings, such as the sender of an email, are those of the kind's sample.
func Preview(kind string, m *notifiers.Message, defaults json.RawMessage) ([]byte, error) {
	for _, k := range Kinds() {
		if k.Type != kind {
			continue
		}
		n, err := k.New(k.Sample(), defaults)
		if err != nil {
			return nil, err
		}
		return n.(preview.Previewer).Preview(m)
	}
	return nil, fmt.Errorf("no notifier type %q", kind)
}
