package notifiers

import "encoding/json"

// Key names messages that belong together, such as those of one thread. It is a text, or an object with the text and
// across: projects. A text holds within the source and the project of the event.
type Key struct {
	Text   string `json:"key"`
	Across string `json:"across,omitempty"` // AcrossProjects or empty
}

// AcrossProjects makes a key hold for the events of all projects.
const AcrossProjects = "projects"

// UnmarshalJSON implements [json.Unmarshaler].
func (k *Key) UnmarshalJSON(b []byte) error {
	*k = Key{}
	if len(b) > 0 && b[0] == '{' {
		type plain Key
		return json.Unmarshal(b, (*plain)(k))
	}
	return json.Unmarshal(b, &k.Text)
}

// MarshalJSON implements [json.Marshaler].
func (k Key) MarshalJSON() ([]byte, error) {
	if k.Across == "" {
		return json.Marshal(k.Text)
	}
	type plain Key
	return json.Marshal(plain(k))
}

// Of returns the key of a message, or "" without a text. The messages of older relays have no scope.
func (k Key) Of(m *Message) string {
	text := OneLine(k.Text)
	if text == "" || k.Across == AcrossProjects || m.Scope == "" {
		return text
	}
	return m.Scope + "/" + text
}
