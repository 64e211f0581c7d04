package memory

import (
	"cmp"
	"maps"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"

	"qaserelay/rules/event"
	"qaserelay/rules/value"
)

// finishedPrefix begins the keys of stored finished runs.
const finishedPrefix = "finished:"

// maxShortText is the most bytes that a text of a stored finished run has.
const maxShortText = 200

// FinishedKey returns the key of the last finished run of the same project, plan and environment; of a run without a
// plan, of the same title with digits taken out. It is "" for a run of which neither is known.
func FinishedKey(ev *event.Event, ofPlan, environment any, title string) string {
	plan, _ := ofPlan.(map[string]any)
	id := event.IDText(plan["id"])
	if id == "" && title == "" {
		return ""
	}
	parts := []string{ev.Source, ev.Project, id, value.PlainText(environment)}
	if id == "" {
		parts = append(parts, seriesTitle(title))
	}
	return finishedPrefix + event.JoinKey(parts...)
}

// FinishedKeyOf returns FinishedKey by the fields of the event, those that are stored of its entity, and fetched ones.
func FinishedKeyOf(ev *event.Event, stored, fetched map[string]any) string {
	field := func(name string) any {
		if v, given := ev.Payload[name]; given {
			return v
		}
		return cmp.Or(stored[name], fetched[name])
	}
	title, _ := field("title").(string)
	return FinishedKey(ev, field("plan"), field("environment"), title)
}

// TitledKeyOf returns FinishedKeyOf with the title of the environment, under which older versions have stored runs that
// they knew by the Qase API, or "" if there is no such key.
func TitledKeyOf(ev *event.Event, stored, fetched map[string]any) string {
	title, _ := cmp.Or(stored[environmentTitle], fetched[environmentTitle]).(string)
	if title == "" {
		return ""
	}
	titled := *ev
	titled.Payload = map[string]any{}
	maps.Copy(titled.Payload, ev.Payload)
	titled.Payload["environment"] = title
	key := FinishedKeyOf(&titled, stored, fetched)
	if key == FinishedKeyOf(ev, stored, fetched) {
		return ""
	}
	return key
}

// environmentTitle is the field of an entity with the title of its environment, by the Qase API. The field environment is
// its slug.
const environmentTitle = "environment_title"

// CasesKey returns the key of the history of the test cases of a series, by its FinishedKey.
func CasesKey(finished string) string { return "cases:" + strings.TrimPrefix(finished, finishedPrefix) }

// seriesTitle returns the title that runs of a series share: in lower case, without digits and the signs beside them.
// Nightly 2026-11-26 and nightly #5 are both nightly.
func seriesTitle(title string) string {
	var kept []string
	for word := range strings.FieldsSeq(strings.ToLower(title)) {
		if strings.ContainsFunc(word, unicode.IsDigit) {
			word = strings.TrimFunc(strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || unicode.IsMark(r) {
					return r
				}
				return -1
			}, word), func(r rune) bool { return !unicode.IsLetter(r) })
		}
		if word != "" {
			kept = append(kept, word)
		}
	}
	return strings.TrimRightFunc(strings.Join(kept, " "), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r)
	})
}

// SeriesKey returns a key that the messages about the end of all runs of a project, plan and environment share. A run
// without a known plan is in no series.
func SeriesKey(ev *event.Event, entity map[string]any) string {
	if ev.Name != "run.completed" && ev.Name != "run.aborted" {
		return ""
	}
	plan, _ := entity["plan"].(map[string]any)
	id := event.IDText(plan["id"])
	if id == "" {
		return ""
	}
	environment := value.PlainText(entity["environment"])
	return event.JoinKey(ev.Source, ev.Project, "plan", id, environment)
}

// before is the field of a stored finished run that holds the run that finished before it.
const before = "before"

// FinishedRuns are the last two runs of a series that finished, the last one first. Either may be nil.
type FinishedRuns [2]map[string]any

// DecodeRuns reads stored finished runs. Anything else is not a run.
func DecodeRuns(data []byte) (runs FinishedRuns) {
	last, err := value.DecodeObject(data)
	if err != nil || len(data) == 0 {
		return runs
	}
	runs[0] = last
	runs[1], _ = last[before].(map[string]any)
	delete(last, before)
	return runs
}

// Other returns the last run with another id, or nil.
func (r FinishedRuns) Other(id string) map[string]any {
	for _, run := range r {
		if run != nil && (id == "" || event.IDText(run["id"]) != id) {
			return run
		}
	}
	return nil
}

// Encode returns the stored form of the runs after the run of ev has finished.
func (r FinishedRuns) Encode(ev *event.Event, entity map[string]any) []byte {
	out := encodeRun(ev, entity)
	if other := r.Other(ev.EntityID()); other != nil {
		out = value.AppendJSON(append(out[:len(out)-1], `,"before":`...), other)
		out = append(out, '}')
	}
	return out
}

// encodeRun returns a finished run as it is stored for previous: its numbers and short texts.
func encodeRun(ev *event.Event, entity map[string]any) []byte {
	out := strconv.AppendInt(append(make([]byte, 0, 256), `{"finished_at":`...), ev.Timestamp, 10)
	var buffer [24]string
	for _, key := range value.AppendSortedKeys(buffer[:0], entity) {
		field := entity[key]
		switch v := field.(type) {
		case int, float64, bool, *big.Int:
		case string:
			if len(v) > maxShortText {
				continue
			}
		default:
			continue
		}
		out = append(value.AppendJSONString(append(out, ','), key), ':')
		out = value.AppendJSON(out, field)
	}
	return append(out, '}')
}

// Previous returns the variable previous, nil for no run.
func Previous(run map[string]any, location *time.Location) map[string]any {
	if t, ok := run["finished_at"].(int); ok {
		run["finished_at"] = time.Unix(int64(t), 0).In(location)
	}
	return run
}
