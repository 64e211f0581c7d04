package qaseapi

import "qaserelay/rules/event"

// knownCase is what is known of a test case.
type knownCase struct {
	title          string
	suite          int
	flaky, deleted bool
}

// knownSuite is what is known of a suite.
type knownSuite struct {
	title  string
	parent int
}

// Learn keeps what an event says of cases and suites. It asks nothing.
func (c *Client) Learn(ev *event.Event) {
}
