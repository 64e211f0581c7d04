package catalog

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Suggest returns the known event that an unknown name most likely stands for, or "". It knows misspellings, synonyms
// ("test_run.finished") and the labels on the settings page of Qase ("Complete test run").
func Suggest(name string) string {
	if e := byLabel(name); e != "" {
		return e
	}
	if e := bySynonym(name); e != "" {
		return e
	}
	return Nearest(normalize(name), names())
}

// Hint returns Suggest as advice for the author of the name, or "".
func Hint(name string) string {
	event := Suggest(name)
	_, action := split(name)
	switch {
	case event == "" || event == name:
		return ""
	case event == "run.completed" && (action == "failed" || action == "passed"):
		return failedHint[action]
	}
	return `did you mean "` + event + `"?`
}

var failedHint = map[string]string{
	"failed": `a failed run is "run.completed" with payload.failed > 0`,
	"passed": `a run that passed is "run.completed" with payload.failed == 0`,
}

// Nearest returns the candidate with the fewest edits from word, or "" if none is near enough: it may have one edit for
// each three letters. An edit adds, drops or changes a letter, or swaps two neighbors. The first of two equals wins.
func Nearest(word string, candidates []string) string {
	best, least := "", (len(word)+2)/3+1
	for _, w := range candidates {
		if abs(len(w)-len(word)) >= least {
			continue
		}
		if n := edits(strings.ToLower(word), strings.ToLower(w)); n < least {
			best, least = w, n
		}
	}
	return best
}

// DidYouMean returns the hint [Similar], or else the hint [Available], or "".
func DidYouMean(word string, candidates []string) string {
	return cmp.Or(Similar(word, candidates), Available(candidates))
}

// Similar returns `did you mean "x"?` for the candidate nearest to word, or "".
func Similar(word string, candidates []string) string {
	if best := Nearest(word, slices.Sorted(slices.Values(candidates))); best != "" {
		return `did you mean "` + best + `"?`
	}
	return ""
}

// Available returns a hint that lists the candidates, or "" if they are none or more than 20.
func Available(candidates []string) string {
	if n := len(candidates); n == 0 || n > 20 {
		return ""
	}
	return "available: " + strings.Join(slices.Sorted(slices.Values(candidates)), ", ")
}

func names() []string {
	var all []string
	for _, e := range load().Events {
		all = append(all, e.Name)
	}
	return all
}

func byLabel(label string) string {
	for _, e := range load().Events {
		if e.Label != "" && strings.EqualFold(e.Label, strings.TrimSpace(label)) {
			return e.Name
		}
	}
	return ""
}

func bySynonym(name string) string {
	entity, action := split(name)
	if other := sameEntity[entity]; other != "" {
		entity = other
	}
	for _, try := range append([]string{action}, sameAction[action]...) {
		if _, ok := Lookup(entity + "." + try); ok {
			return entity + "." + try
		}
	}
	return ""
}

// split normalizes a name and cuts it at its dot, or behind the name of an entity.
func split(name string) (entity, action string) {
	name = normalize(name)
	if entity, action, ok := strings.Cut(name, "."); ok {
		return entity, action
	}
	for _, e := range load().Events {
		if action, ok := strings.CutPrefix(name, e.Entity+"_"); ok {
			return e.Entity, action
		}
	}
	return name, ""
}

// normalize returns the spelling of Qase: runCompleted, Run-Completed and "run completed" become run_completed.
func normalize(name string) string {
	var b strings.Builder
	last := '_'
	for _, r := range strings.TrimSpace(name) {
		switch {
		case r == '.' || r == ':' || r == '/':
			r = '.'
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = '_'
		case unicode.IsUpper(r) && unicode.IsLower(last):
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
		last = r
	}
	return b.String()
}

func plainPath(path string) string { return strings.ReplaceAll(path, "[]", "") }

// sameEntity and sameAction map the words of people and other tools to those of Qase.
var sameEntity = map[string]string{
	"test_run": "run", "testrun": "run", "runs": "run", "launch": "run",
	"test_case": "case", "testcase": "case", "cases": "case", "test": "case",
	"test_suite": "suite", "testsuite": "suite", "test_plan": "plan", "testplan": "plan",
	"test_result": "result", "results": "result", "run_result": "result",
	"bug": "defect", "issue": "defect", "defects": "defect",
	"test_review": "review", "case_review": "review", "reviews": "review",
	"step": "shared_step", "sharedstep": "shared_step", "shared_steps": "shared_step",
	"field": "custom_field", "customfield": "custom_field", "custom_fields": "custom_field",
	"milestones": "milestone", "release": "milestone",
}

var sameAction = map[string][]string{
	"complete": {"completed"}, "finished": {"completed"}, "finish": {"completed"}, "done": {"completed"},
	"ended": {"completed"}, "failed": {"completed"}, "passed": {"completed"}, "fail": {"completed"},
	"start": {"started"}, "begun": {"started"}, "launched": {"started"},
	"abort": {"aborted"}, "stopped": {"aborted"}, "cancelled": {"aborted"}, "canceled": {"aborted"},
	"create": {"created", "started"}, "created": {"started"}, "opened": {"created"},
	"added": {"created", "started"}, "new": {"created", "started"},
	"update": {"updated"}, "changed": {"updated"}, "edited": {"updated"}, "modified": {"updated"},
	"cases_added": {"updated"}, "delete": {"deleted"}, "removed": {"deleted"},
	"clone": {"cloned"}, "copied": {"cloned"}, "duplicated": {"cloned"},
	"resolve": {"resolved"}, "closed": {"resolved", "completed"}, "fixed": {"resolved"},
	"approved": {"approval_status_changed"}, "status_changed": {"approval_status_changed"},
	"changes_requested": {"approval_status_changed"}, "comment": {"commented"}, "comment_added": {"commented"},
	"rejected": {"declined"}, "merge": {"merged"}, "reopen": {"reopened"},
	"requested": {"reviewer_added"}, "assigned": {"reviewer_added"},
	"published": {"report_changed"}, "shared": {"report_changed"},
}

// edits is the restricted Damerau-Levenshtein distance in bytes: names of events and fields are ASCII.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func abs(n int) int { return max(n, -n) }
