package memory

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"qaserelay/rules/event"
)

// Limits of the list of a project's series.
const (
	maxSeries      = 200 // over it, those whose last run ended longest ago are left out
	maxSeriesTitle = 100 // bytes
)

// Series is a series of runs of a project: those of one plan and environment.
type Series struct {
	Key         string `json:"key"`            // of the history of its test cases
	Plan        string `json:"plan,omitempty"` // its id; empty for runs of one title
	Title       string `json:"title,omitempty"`
	Environment string `json:"environment,omitempty"`
	Day         int64  `json:"day"` // when a run ended last, in days since 1970
	Was         string `json:"-"`   // another key that it was stored under before, or empty
}

// SeriesListKey returns the key of the list of the series of a project.
func SeriesListKey(source, project string) string { return "series:" + event.JoinKey(source, project) }

// ReadSeries reads the list of the series of a project. Anything else is an empty list.
func ReadSeries(list []byte) (all []Series) {
	if json.Unmarshal(list, &all) != nil {
		return nil
	}
	return all
}

// AddSeries adds a series to a list, without those whose last run ended before a day. It returns nil if the list stays as
// it is.
func AddSeries(list []byte, s Series, since int64) []byte {
	if len(s.Title) > maxSeriesTitle {
		s.Title = strings.ToValidUTF8(s.Title[:maxSeriesTitle], "")
	}
	entry, err := json.Marshal(s)
	if err != nil || bytes.Contains(list, entry) {
		return nil
	}
	all := slices.DeleteFunc(ReadSeries(list), func(old Series) bool {
		return old.Key == s.Key || old.Key == s.Was || old.Day < since
	})
	all = append(all, s)
	slices.SortStableFunc(all, func(a, b Series) int { return int(b.Day - a.Day) })
	out, err := json.Marshal(all[:min(len(all), maxSeries)])
	if err != nil {
		return nil
	}
	return out
}
