// Package event reads the webhook calls of Qase: the event, the key and the page of its entity, and its differences
// from the catalog.
package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/value"
)

// Event is one webhook call of Qase. It does not change after Parse.
type Event struct {
	Source        string         // the name of the source that received it
	Name          string         // event_name, such as run.completed
	Timestamp     int64          // Unix seconds, from the event or else from ReceivedAt
	Payload       map[string]any // whole numbers are int, others float64; see correctTypes
	MemberID      int            // team_member_id; 0 means automation if MemberKnown
	MemberKnown   bool           // team_member_id was a number
	MemberAssumed bool           // MemberID is that of an example, so it does not tell who acted; no event from outside has it
	Project       string         // project_code
	Body          []byte         // the request body
	ReceivedAt    time.Time
	// Facts are what else is known of it, as they are stored with it: JSON, or nil.
	Facts []byte
	// Trace is the W3C traceparent of the call that brought it, or "".
	Trace string
}

// Type returns the part of the name before the dot: run.
func (e *Event) Type() string { t, _, _ := strings.Cut(e.Name, "."); return t }

// Action returns the part of the name after the dot: completed.
func (e *Event) Action() string { _, a, _ := strings.Cut(e.Name, "."); return a }

// Time returns the Timestamp in UTC.
func (e *Event) Time() time.Time { return time.Unix(e.Timestamp, 0).UTC() }

// EntityID returns the id of the entity as text: the hash of a shared step, the id of anything else, or "" without one.
func (e *Event) EntityID() string {
	if e.Type() == "shared_step" {
		if id := IDText(e.Payload["hash"]); id != "" {
			return id
		}
	}
	return IDText(e.Payload["id"])
}

// EntityKey returns source/project/type/id of the entity, or "" if it has no id. The parts are escaped, so that two
// entities never share a key.
func (e *Event) EntityKey() string { return e.PrefixedKey("") }

// PrefixedKey returns EntityKey behind a prefix, or "" if the entity has no id.
func (e *Event) PrefixedKey(prefix string) string {
	id := e.EntityID()
	if id == "" {
		return ""
	}
	var most [160]byte
	return string(AppendKey(append(most[:0], prefix...), e.Source, e.Project, e.Type(), id))
}

// JoinKey joins parts with slashes to a key, each part escaped.
func JoinKey(parts ...string) string {
	var most [160]byte // of nearly all keys
	return string(AppendKey(most[:0], parts...))
}

// AppendKey appends such a key.
func AppendKey(out []byte, parts ...string) []byte {
	for i, part := range parts {
		if i > 0 {
			out = append(out, '/')
		}
		out = append(out, escapeKey(part)...)
	}
	return out
}

// SplitKey returns the parts that [JoinKey] has joined; a part that was shortened stays so.
func SplitKey(key string) []string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = strings.NewReplacer("%2F", "/", "%25", "%").Replace(part)
	}
	return parts
}

// maxKeyPart is the length of the longest part of a key in bytes, so that a key fits into the indexes of a database.
const maxKeyPart = 200

// escapeKey escapes the slashes and percent signs of a part of a key, and shortens a long part.
func escapeKey(part string) string {
	if strings.ContainsAny(part, "/%") {
		part = strings.NewReplacer("%", "%25", "/", "%2F").Replace(part)
	}
	return value.ShortName(part, maxKeyPart)
}

// IDText returns an id as text, or "" if v is neither a text nor a number.
func IDText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case *big.Int:
		return v.String()
	}
	return ""
}

// Parse reads the body of a webhook call. Its errors are for the sender. It accepts undocumented names and fields, and
// wrong types of optional fields: it refuses only a body that is not JSON, has no event_name, or has no object as
// payload.
func Parse(source string, body []byte, receivedAt time.Time) (*Event, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF")) // the byte order mark that some programs write is not JSON
	if encoding := otherUnicode(body); encoding != "" {
		return nil, errors.New("the body is " + encoding + "; JSON has to be UTF-8")
	}
	envelope, err := value.DecodeObject(body)
	if err != nil {
		return nil, err
	}
	name, _ := envelope["event_name"].(string)
	if strings.TrimSpace(name) == "" {
		return nil, errors.New(`"event_name" is missing, empty or not a string`)
	}
	payload, ok := envelope["payload"].(map[string]any)
	if !ok {
		return nil, errors.New(`"payload" is missing or not an object`)
	}
	ev := &Event{Source: source, Name: name, Payload: payload, Body: body, ReceivedAt: receivedAt}
	ev.Project = IDText(envelope["project_code"])
	if err := checkLength(name, ev.Project); err != nil {
		return nil, err
	}
	ev.MemberID, ev.MemberKnown = wholeNumber(envelope["team_member_id"])
	correctTypes(ev)
	ev.Timestamp = receivedAt.Unix()
	if t := timestamp(envelope["timestamp"]); t > 0 {
		ev.Timestamp = t
	}
	return ev, nil
}

// ParseStored reads an event that was stored, with the facts that are stored with it.
func ParseStored(source string, body, facts []byte, receivedAt time.Time) (*Event, error) {
	ev, err := Parse(source, body, receivedAt)
	if err == nil {
		ev.Facts, ev.Trace = facts, traceOf(facts)
	}
	return ev, err
}

// traceOf returns the traceparent that is kept with the facts of an event, or "".
func traceOf(facts []byte) string {
	if !bytes.Contains(facts, []byte(`"trace":"`)) {
		return ""
	}
	var kept struct {
		Trace string `json:"trace"`
	}
	_ = json.Unmarshal(facts, &kept) // facts that cannot be read have none
	return kept.Trace
}

// RelayPrefix and SummaryPrefix begin the names of events that the relay makes itself.
const (
	RelayPrefix   = "relay."
	SummaryPrefix = "summary."
)

// IsSummary reports whether this is an event of summaries, which goes only where their entry sends it.
func (e *Event) IsSummary() bool { return strings.HasPrefix(e.Name, SummaryPrefix) }

// CheckOutside returns an error for an event that only the relay itself makes.
func CheckOutside(ev *Event) error {
	if strings.HasPrefix(ev.Name, RelayPrefix) || ev.IsSummary() {
		return fmt.Errorf("%q is an event of the relay itself, which is not accepted from outside", value.Shorten(ev.Name, 60))
	}
	return nil
}

// timestamp reads Unix seconds or milliseconds, or a date, and returns seconds; 0 for anything else.
func timestamp(v any) int64 {
	if n, isNumber := wholeNumber(v); isNumber {
		v = n
	}
	t, isTime := value.Time(v)
	if !isTime {
		return 0
	}
	return t.Unix()
}

// otherUnicode returns the encoding of a text that is not UTF-8 but UTF-16 or UTF-32, by its first character: a mark of
// the byte order, or the brace of an object.
func otherUnicode(body []byte) string {
	if len(body) < 2 || body[0] == '{' && body[1] != 0 {
		return ""
	}
	for _, e := range []struct{ start, name string }{
		{"\xFF\xFE\x00\x00", "UTF-32"}, {"\x00\x00\xFE\xFF", "UTF-32"}, {"{\x00\x00\x00", "UTF-32"},
		{"\x00\x00\x00{", "UTF-32"}, {"\xFF\xFE", "UTF-16"}, {"\xFE\xFF", "UTF-16"}, {"{\x00", "UTF-16"},
		{"\x00{", "UTF-16"},
	} {
		if bytes.HasPrefix(body, []byte(e.start)) {
			return e.name
		}
	}
	return ""
}

// maxName is the length of the longest event_name and project_code in bytes.
const maxName = 1024

func checkLength(name, project string) error {
	switch {
	case nameLength(name) > maxName:
		return fmt.Errorf(`"event_name" has more than %d bytes`, maxName)
	case nameLength(project) > maxName:
		return fmt.Errorf(`"project_code" has more than %d bytes`, maxName)
	}
	return nil
}

// nameLength returns the length of a name as a database keeps it: as U+FFFD where it cannot keep a character.
func nameLength(name string) int { return len(name) + 2*strings.Count(name, "\x00") }

// wholeNumber reads a number, or a text with a whole number.
func wholeNumber(v any) (n int, ok bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case float64:
		return int(max(math.MinInt32, min(v, math.MaxInt32))), true
	case *big.Int:
		return math.MaxInt32 * v.Sign(), true
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}

// Int returns v as a whole number, or 0.
func Int(v any) int { n, _ := wholeNumber(v); return n }
