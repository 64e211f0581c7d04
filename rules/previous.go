package rules

import (
	"math/big"
	"strconv"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/value"
)

// finishedPrefix begins the keys of stored finished runs.
const finishedPrefix = "finished:"

// maxShortText is the most bytes that a text of a stored finished run has.
const maxShortText = 200

// finishedKey returns the key of the last finished run of the same project, plan and environment.
func finishedKey(ev *event.Event, entity map[string]any) string {
	plan, _ := entity["plan"].(map[string]any)
	environment := value.PlainText(entity["environment"])
	return finishedPrefix + event.JoinKey(ev.Source, ev.Project, event.IDText(plan["id"]), environment)
}

// seriesKey returns a key that the messages about the end of all runs of a project, plan and environment share. A run
// without a known plan is in no series.
func seriesKey(ev *event.Event, entity map[string]any) string {
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

// decodeRun reads the output of encodeRun. It returns nil for anything else.
func decodeRun(data []byte, location *time.Location) any {
	v, err := value.DecodeJSON(data)
	run, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	if t, ok := run["finished_at"].(int); ok {
		run["finished_at"] = time.Unix(int64(t), 0).In(location)
	}
	return run
}
