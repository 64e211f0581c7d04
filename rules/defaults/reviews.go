package defaults

import (
	"strings"

	"qaserelay/rules/message"
)

// reviews are the messages about reviews of test cases.
func reviews() map[string]*writer {
	return map[string]*writer{
		"review.created": {level: message.Info, label: "REVIEW REQUESTED", writeTitle: reviewCreated, ofBody: ofReview()},
		"review.reviewer_added": {level: message.Info, label: "REVIEW REQUESTED", writeTitle: reviewerAdded,
			ofBody: ofReview(field{"Requested by", who})},
		"review.reviewer_removed": {level: message.Info, label: "REVIEWER REMOVED", writeTitle: reviewerRemoved,
			ofBody: ofReview(field{"Removed by", who})},
		"review.approval_status_changed": {writeLevel: approvalLevel, writeLabel: approvalLabel, writeTitle: approvalTitle,
			ofBody: ofReview()},
		"review.commented": {level: message.Info, label: "COMMENTED", writeTitle: onReview("commented on"),
			writeBody: quoting("comment"), ofBody: ofReview()},
		"review.updated": {level: message.Info, label: "UPDATED", writeTitle: onReview("updated"),
			writeBody: quoting("data", "description"), ofBody: ofReview()},
		"review.reopened": {level: message.Info, label: "REOPENED", writeTitle: onReview("reopened"),
			writeBody: quoting("data", "description"), ofBody: ofReview()},
		"review.declined": {level: message.Warning, label: "DECLINED", writeTitle: onReviewed("declined"), ofBody: ofReview()},
		"review.merged":   {level: message.Success, label: "MERGED", writeTitle: onReviewed("merged"), ofBody: ofReview()},
		"review.deleted":  {level: message.Warning, label: "DELETED", writeTitle: onReview("deleted"), ofBody: ofReview()},
	}
}

// ofReview returns the fields of a review and further ones.
func ofReview(more ...field) []field {
	return append([]field{
		{"Review", func(f *Facts) string { return escaped(f.id()) }},
		{"Test case", func(f *Facts) string {
			if f.Event.Project == "" || !given(f.entity("case_id")) {
				return ""
			}
			return escaped(f.Event.Project) + "-" + escaped(f.entity("case_id"))
		}},
		{"Reviewers", reviewers},
		{"Project", project},
	}, more...)
}

func reviewers(f *Facts) string {
	names := make([]string, 0, len(f.Entity.Reviewers))
	for _, one := range f.Entity.Reviewers {
		names = append(names, escaped(firstOf(f.People.NameOf(one), "unknown")))
	}
	return strings.Join(names, ", ")
}

// reviewed returns the reviewed thing if its title is known, such as “Login works”, else such as review 2.
func (f *Facts) reviewed() string {
	if f.isTitled() {
		return "“" + f.thing() + "”"
	}
	return plain(strings.ToLower(f.Title))
}

// review returns such as "the review of “Login works”" or "review 2".
func (f *Facts) review() string {
	if f.isTitled() {
		return "the review of " + f.reviewed()
	}
	return f.reviewed()
}

// onReview returns a writeTitle: what the actor did with the review.
func onReview(did string) func(*Facts) string {
	return func(f *Facts) string { return f.actor() + " " + did + " " + f.review() }
}

// onReviewed returns a writeTitle: what the actor did with the reviewed thing.
func onReviewed(did string) func(*Facts) string {
	return func(f *Facts) string { return f.actor() + " " + did + " " + f.reviewed() }
}

func reviewCreated(f *Facts) string {
	if f.isTitled() {
		return f.actor() + " requested a review of " + f.reviewed()
	}
	return f.actor() + " opened " + f.reviewed()
}

func reviewerAdded(f *Facts) string {
	from := prefixed(" from ", f.People.NameOf(f.payload("reviewer")))
	if f.isTitled() {
		return "Review requested" + from + ": “" + f.thing() + "”"
	}
	return f.thing() + " requested" + from
}

func reviewerRemoved(f *Facts) string {
	name := firstOf(f.People.NameOf(f.payload("reviewer")), "A reviewer")
	return plain(name) + " was removed as reviewer of " + f.reviewed()
}

// The states of a review.
const (
	approved         = "approved"
	unapproved       = "unapproved"
	changesRequested = "request changes"
)

func approvalLevel(f *Facts) string {
	switch f.payload("status") {
	case approved:
		return message.Success
	case changesRequested:
		return message.Warning
	}
	return message.Info
}

func approvalLabel(f *Facts, _ string) string {
	switch f.payload("status") {
	case approved:
		return "APPROVED"
	case changesRequested:
		return "CHANGES REQUESTED"
	case unapproved:
		return "APPROVAL WITHDRAWN"
	}
	return "UPDATED"
}

func approvalTitle(f *Facts) string {
	switch f.payload("status") {
	case approved:
		return f.actor() + " approved " + f.reviewed()
	case changesRequested:
		return f.actor() + " requested changes to " + f.reviewed()
	case unapproved:
		return f.actor() + " withdrew the approval of " + f.reviewed()
	}
	title := f.actor() + " changed the approval of " + f.reviewed()
	if status := f.payload("status"); given(status) {
		title += " to “" + plain(status) + "”"
	}
	return title
}
