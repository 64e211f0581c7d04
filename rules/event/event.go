package event

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/value"
)

// Event is one webhook call from Qase. It is not changed after ParseEvent.
type Event struct {
	Source      string         // the source it came in by
	Name        string         // event_name, such as run.completed
	Timestamp   int64          // Unix seconds, as Qase says; when it does not, those of ReceivedAt
	Payload     map[string]any // whole numbers are int, others float64; numbers that came as text are numbers where they should be
	MemberID    int            // team_member_id; 0 is automation if MemberKnown
	MemberKnown bool           // team_member_id was a number
	Project     string         // project_code
	Body        []byte         // as Qase sent it
	ReceivedAt  time.Time
}

// Type returns the part of the name before the dot: run.
func (e *Event) Type() string { t, _, _ := strings.Cut(e.Name, "."); return t }

// Action returns the part of the name after the dot: completed.
func (e *Event) Action() string { _, a, _ := strings.Cut(e.Name, "."); return a }

// Time returns when Qase says the event happened, in UTC.
func (e *Event) Time() time.Time { return time.Unix(e.Timestamp, 0).UTC() }

// EntityID returns the id of the thing the event is about as text: its hash for shared steps, its id for all else,
// or "" if it has none.
func (e *Event) EntityID() string {
	if e.Type() == "shared_step" {
		if id := IDText(e.Payload["hash"]); id != "" {
			return id
		}
	}
	return IDText(e.Payload["id"])
}

// EntityKey returns source/project/type/id of the thing the event is about, or "" if it has no id. Slashes and
// percent signs within the parts are escaped, so that two things never share a key.
func (e *Event) EntityKey() string {
	id := e.EntityID()
	if id == "" {
		return ""
	}
	return EscapeKey(e.Source) + "/" + EscapeKey(e.Project) + "/" + EscapeKey(e.Type()) + "/" + EscapeKey(id)
}

func EscapeKey(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	if !strings.ContainsAny(s, "/%") {
		return s
	}
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(s)
}

func IDText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// ParseEvent reads the body of a webhook call. Its errors are for the sender: they say what is wrong with the body.
// Names and fields that Qase has not documented are fine, and so are wrong types of everything that the relay can do
// without: it refuses only what is not JSON, has no event_name, or whose payload is not an object.
func Parse(source string, body []byte, receivedAt time.Time) (*Event, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF")) // some programs put it in front of what they write; it is no JSON
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
	ev.MemberID, ev.MemberKnown = wholeNumber(envelope["team_member_id"])
	correctTypes(ev)
	ev.Timestamp = receivedAt.Unix()
	if t := Int(envelope["timestamp"]); t > 0 {
		ev.Timestamp = int64(t)
	}
	return ev, nil
}

// wholeNumber reads a number, or text that is one.
func wholeNumber(v any) (n int, ok bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case float64:
		return int(max(math.MinInt32, min(v, math.MaxInt32))), true
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}

func Int(v any) int { n, _ := wholeNumber(v); return n }
