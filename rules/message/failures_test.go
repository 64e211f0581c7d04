package message

import "testing"

func TestTheFullBodyHasTheFailingTestsAboveTheFields(t *testing.T) {
	m := Message{Body: "3 failed", Fields: []Field{{"Plan", "Smoke"}, {"By", "Ana"}}}
	if got := m.FullBody(); got != "3 failed\n\nPlan: Smoke · By: Ana" {
		t.Errorf("without: %q", got)
	}
	m.Failures = &Failures{Markdown: "- WEB-25"}
	if got := m.FullBody(); got != "3 failed\n\n- WEB-25\n\nPlan: Smoke · By: Ana" {
		t.Errorf("with: %q", got)
	}
	m.Body, m.Fields = "", nil
	if got := m.FullBody(); got != "- WEB-25" {
		t.Errorf("alone: %q", got)
	}
}

func TestARuleSaysHowManyFailingTestsAreShown(t *testing.T) {
	f := Failures{Items: make([]Failure, 20)}
	for _, c := range [][3]int{{0, 10, 10}, {5, 10, 5}, {15, 10, 15}, {30, 10, 20}, {0, 50, 20}} {
		if f.Most = c[0]; f.Shown(c[1]) != c[2] {
			t.Errorf("most %d of a channel with %d: %d", c[0], c[1], f.Shown(c[1]))
		}
	}
}
