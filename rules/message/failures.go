package message

// MaxFailures is how many failing tests a message has at most, and the most that failures.most of a rule can be. By itself
// HTTP shows all of them, email 50, PagerDuty 20, ntfy 5 and each other channel 10, and the reply in a thread of Slack 50.
// Each channel shows fewer if it has no room for more.
const MaxFailures = 200

// Failures are the tests that failed in a run, as a message with the default body names them. They belong to the body,
// below it and above the fields. All texts are plain text in one line, which each channel escapes; addresses lead into
// Qase and hold nothing from outside. A channel that cannot show them in a form of its own shows Markdown.
type Failures struct {
	// Items are the first failing tests: new ones first. A channel shows as many as it has room for, at most Most, then
	// how many of Total are left.
	Items []Failure `json:"items,omitempty"`
	// Total counts all failing tests, New those that did not fail in the run before.
	Total int `json:"total"`
	New   int `json:"new"`
	// Most is how many tests the rule wants to see, 0 for as many as the channel shows by itself.
	Most int `json:"most,omitempty"`
	// Groups are reasons that most of many failures share: they are shown in place of the items that have them.
	Groups []FailureGroup `json:"groups,omitempty"`
	// Flaky are tests that failed first and passed on a later attempt: they are no failures.
	Flaky []Failure `json:"flaky,omitempty"`
	// Fixed are tests that failed in the run before and passed in this one: at most 10 of FixedTotal, by code and title.
	Fixed      []Failure `json:"fixed,omitempty"`
	FixedTotal int       `json:"fixed_total,omitempty"`
	// Muted counts failing tests that Qase leaves out of the result of the run.
	Muted int `json:"muted,omitempty"`
	// Note is a sentence about what is not known: "5 of 12 are known so far." It may be empty.
	Note string `json:"note,omitempty"`
	// Trend is the course of the pass rates of the series as blocks, "▇▇▆▇▅", and Before that of the run before in words,
	// "before 79%". Either may be empty. Channels show them below the list, so the body does not repeat them.
	Trend  string `json:"trend,omitempty"`
	Before string `json:"before,omitempty"`
	// Owners are the people of the failing tests by name, at most 5.
	Owners []string `json:"owners,omitempty"`
	// Markdown shows all of this as a list of at most 10 tests, or of Most.
	Markdown string `json:"markdown,omitempty"`
}

// Failure is one test that failed.
type Failure struct {
	Code  string `json:"code,omitempty"`  // WEB-25; empty for a result without a case
	Title string `json:"title,omitempty"` // Login works; equal to Code if it is not known
	URL   string `json:"url,omitempty"`   // of the test within the run
	Suite string `json:"suite,omitempty"` // Shop / Auth
	// Reason is the first line of what the test said, at most 200 characters.
	Reason string `json:"reason,omitempty"`
	Status string `json:"status,omitempty"` // if it is another one than failed
	New    bool   `json:"new,omitempty"`
	// Since says in words how long the test has failed: "4 runs, since Mon 08:00", "never passed here".
	Since string `json:"since,omitempty"`
	// Rate says how often a flaky test fails: "flaky, 6 of 10".
	Rate   string `json:"rate,omitempty"`
	Defect string `json:"defect,omitempty"`     // defect 12
	Link   string `json:"defect_url,omitempty"` // of the defect
	Owner  string `json:"owner,omitempty"`      // Ana López
	Times  int    `json:"times,omitempty"`      // results of a case with parameters, if more than one
}

// FailureGroup is a reason that several tests have.
type FailureGroup struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	// Examples are the first of its tests, at most 5.
	Examples []Failure `json:"examples,omitempty"`
}

// Shown returns how many tests a channel shows that by itself shows so many.
func (f *Failures) Shown(byItself int) int {
	if f.Most > 0 {
		byItself = f.Most
	}
	return min(byItself, len(f.Items))
}
