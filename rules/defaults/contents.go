package defaults

import (
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// named returns a title of the thing, its id and what became of it, such as "Suite 7 created: Login". before stands before
// the id.
func named(thing, before, became string) func(*Facts) string {
	return func(f *Facts) string { return thing + f.numbered(before) + " " + became + f.titled() }
}

// by returns the project and who did it, the fields of most messages.
func by(did string) []field { return []field{{"Project", project}, {did + " by", who}} }

// created returns the message about a new thing, with fields of its own.
func created(thing string, own ...field) *writer {
	return &writer{level: message.Info, label: "CREATED", writeTitle: named(thing, " ", "created"),
		ofBody: slices.Concat(own, by("Created"))}
}

// updated returns the message about a thing that was changed.
func updated(thing string, own ...field) *writer {
	return &writer{level: message.Info, label: "UPDATED", writeTitle: named(thing, " ", "updated"),
		ofBody: slices.Concat(own, by("Updated"))}
}

// deleted returns the message about a thing that is gone.
func deleted(thing string, own ...field) *writer {
	return &writer{level: message.Warning, label: "DELETED", writeTitle: named(thing, " ", "deleted"),
		ofBody: slices.Concat(own, by("Deleted"))}
}

// described returns a message with the description of the thing as its body.
func described(m *writer) *writer {
	m.writeBody = quoting("description")
	return m
}

// titledBy returns a message with another title.
func titledBy(m *writer, title func(*Facts) string) *writer {
	m.writeTitle = title
	return m
}

// contents are the messages about test cases and what else a project holds.
func contents() map[string]*writer {
	ofCases := []field{fieldOf("Priority", "priority", "title"), fieldOf("Severity", "severity", "title"),
		fieldOf("Type", "type", "title"), fieldOf("Automation", "automation", "title")}
	ofPlan := field{"Cases", planCases}
	ofCustom := []field{fieldOf("Type", "type"), fieldOf("For", "entity"), {"Required", isRequired},
		{"Default", customDefault}}
	const step, custom = "Shared step", "Custom field"
	return map[string]*writer{
		"case.created": described(titledBy(created("Test case", ofCases...), ofCase("created"))),
		"case.updated": titledBy(updated("Test case"), ofCase("updated")),
		"case.cloned":  {level: message.Info, label: "COPIED", writeTitle: caseCloned, ofBody: by("Copied")},
		"case.deleted": titledBy(deleted("Test case"), ofCase("deleted")),

		"suite.created": described(created("Suite")),
		"suite.updated": updated("Suite"),
		"suite.cloned":  {level: message.Info, label: "COPIED", writeTitle: suiteCloned, ofBody: by("Copied")},
		"suite.deleted": deleted("Suite"),

		"plan.created": described(created("Test plan", ofPlan)),
		"plan.updated": updated("Test plan", ofPlan),
		"plan.deleted": deleted("Test plan"),

		"shared_step.created": titledBy(created(step), ofSharedStep("created")),
		"shared_step.updated": titledBy(updated(step), ofSharedStep("updated")),
		"shared_step.deleted": titledBy(deleted(step), ofSharedStep("deleted")),

		"milestone.created": described(created("Milestone")),
		"milestone.updated": updated("Milestone"),
		"milestone.deleted": deleted("Milestone"),

		"custom_field.created": created(custom, ofCustom...),
		"custom_field.updated": updated(custom, ofCustom...),
		"custom_field.deleted": deleted(custom, ofCustom...),
	}
}

// caseName returns such as "Test case WEB-25": cases are known by code and number.
func (f *Facts) caseName() string {
	if id := f.entity("id"); f.Event.Project != "" && given(id) {
		return "Test case " + value.OneLine(f.Event.Project) + "-" + plain(id)
	}
	return "Test case" + f.numbered(" ")
}

func ofCase(became string) func(*Facts) string {
	return func(f *Facts) string { return f.caseName() + " " + became + f.titled() }
}

func caseCloned(f *Facts) string {
	copied := ""
	if from := f.payload("from_id"); given(from) {
		copied = " as a copy of " + f.inProject(from)
	}
	return f.caseName() + " created" + copied + f.titled()
}

func suiteCloned(f *Facts) string {
	return "Suite" + f.numbered(" ") + " created" + prefixed(" as a copy of suite ", f.payload("from_id")) + f.titled()
}

// ofSharedStep returns a title of a shared step, which is known by its title or else by the beginning of its hash.
func ofSharedStep(became string) func(*Facts) string {
	return func(f *Facts) string {
		if !strings.HasPrefix(strings.ToLower(f.Title), "shared step") {
			return "Shared step " + became + ": " + f.thing()
		}
		hash, _ := beginning(value.PlainText(firstOf(f.entity("hash"), f.entity("id"))), 8)
		return "Shared step" + prefixed(" ", hash) + " " + became
	}
}

// planCases returns the number of cases of a plan, which are an object keyed by their ids.
func planCases(f *Facts) string {
	cases, isObject := f.payload("cases").(map[string]any)
	if !isObject {
		return ""
	}
	return strconv.Itoa(len(cases))
}

func isRequired(f *Facts) string {
	if given(f.payload("isRequired")) {
		return "yes"
	}
	return ""
}

func customDefault(f *Facts) string {
	if v := f.payload("default_value"); given(v) {
		return shortened(v)
	}
	return ""
}

// defects are the messages about defects.
func defects() map[string]*writer {
	severity := []field{{"Severity", func(f *Facts) string { return shown(f.entity("severity")) }}}
	of := func(did string) []field { return append(severity[:1:1], by(did)...) }
	return map[string]*writer{
		"defect.created": {writeLevel: defectLevel, writeLabel: defectLabel, writeTitle: defectCreated, writeBody: quoting("actual_result"),
			ofBody: of("Reported")},
		"defect.updated": {level: message.Info, label: "UPDATED", writeTitle: named("Defect", " #", "updated"),
			ofBody: of("Updated")},
		"defect.resolved": {level: message.Success, label: "RESOLVED", writeTitle: named("Defect", " #", "resolved"),
			ofBody: of("Resolved")},
		"defect.deleted": {level: message.Warning, label: "DELETED", writeTitle: named("Defect", " #", "deleted"),
			ofBody: of("Deleted")},
	}
}

// urgency returns the severity of a defect if it is a blocker or critical, else "".
func (f *Facts) urgency() string {
	severity := strings.ToLower(value.PlainText(f.payload("severity")))
	if severity == "blocker" || severity == "critical" {
		return severity
	}
	return ""
}

func defectLevel(f *Facts) string {
	if f.urgency() != "" {
		return message.Error
	}
	return message.Warning
}

func defectLabel(f *Facts, _ string) string {
	if urgency := f.urgency(); urgency != "" {
		return strings.ToUpper(urgency)
	}
	return "NEW DEFECT"
}

func defectCreated(f *Facts) string {
	title := "New "
	if urgency := f.urgency(); urgency != "" {
		title += urgency + " "
	}
	return title + "defect" + f.numbered(" #") + f.titled()
}

// results are the messages about single results.
func results() map[string]*writer {
	return map[string]*writer{
		"result.created": {level: message.Info, label: "NEW RESULT", writeTitle: ofResult("New result"), writeBody: listing,
			ofBody: by("Recorded")},
		"result.updated": {level: message.Info, label: "UPDATED", writeTitle: ofResult("Result changed"), writeBody: listing,
			ofBody: by("Updated")},
		"result.deleted": {level: message.Warning, label: "DELETED", writeTitle: ofResult("Result deleted"), writeBody: listing,
			ofBody: by("Deleted")},
	}
}

// ofResult returns a title of a result: for test case WEB-25 in run 7, as far as they are known.
func ofResult(became string) func(*Facts) string {
	return func(f *Facts) string {
		id := func(of string) any { return firstOf(f.payload(of+"_id"), member(f.payload(of), "id"), f.payload(of)) }
		title := became
		if one := id("case"); given(one) {
			title += " for test case " + f.inProject(one)
		}
		return title + prefixed(" in run ", id("run"))
	}
}

// inProject returns the id of a case behind the code of the project.
func (f *Facts) inProject(id any) string {
	if f.Event.Project == "" {
		return plain(id)
	}
	return value.OneLine(f.Event.Project) + "-" + plain(id)
}

// otherEvent is the message about any event without one of its own.
func otherEvent() *writer {
	return &writer{level: message.Info, writeLabel: actionLabel, writeTitle: otherTitle, writeBody: listing, ofBody: []field{
		{"Project", project}, {"By", who}}}
}

func (f *Facts) action() string { return strings.ReplaceAll(f.Event.Action(), "_", " ") }

func actionLabel(f *Facts, _ string) string {
	if f.action() == "" {
		return "EVENT"
	}
	label, _ := beginning(strings.ToUpper(f.action()), 40)
	return label
}

// otherTitle returns such as "Flaky test 7 “Login works”: found (flaky_test.found)".
func otherTitle(f *Facts) string {
	title := f.thing()
	if f.isTitled() {
		first, _ := beginning(f.kind(), 1)
		title = plain(strings.ToUpper(first)+f.kind()[len(first):]) + f.numbered(" ") + " “" + title + "”"
	}
	return title + prefixed(": ", f.action()) + " (" + plain(f.Event.Name) + ")"
}

// maxListed is how many fields of a payload are listed.
const maxListed = 20

// listing lists the payload of an event of which little is known, as far as it is text, numbers or booleans. The titles
// of results have the numbers of run and case.
func listing(f *Facts) string {
	var out strings.Builder
	n := 0
	for _, name := range value.SortedKeys(f.Event.Payload) {
		v, inTitle := f.payload(name), name == "run_id" || name == "run" || name == "case_id" || name == "case"
		if !isListed(v) || inTitle && f.Event.Type() == "result" {
			continue
		}
		if n++; n > maxListed {
			break
		}
		out.WriteString("- " + escaped(name) + ": " + shortened(v) + "\n")
	}
	return out.String()
}

func isListed(v any) bool {
	switch v := v.(type) {
	case nil, []any, map[string]any:
		return false
	case string:
		return v != ""
	}
	return true
}
