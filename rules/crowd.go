package rules

import (
	"fmt"
	"strconv"

	"qaserelay/rules/flow"
	"qaserelay/rules/value"
)

// maxOpenDigests is how many digests of one rule with group.by are open at a time. Messages with further values of by
// share a digest until some are sent.
const maxOpenDigests = 1000

// shared are the values of by of the digest that those messages share. No value of by is equal: it would be JSON.
func shared() byValues { return byValues{hashed: []string{flow.Other}, shown: []string{flow.Other}} }

// isCrowded reports whether the rule has so many open digests that no further one is opened.
func (p *passage) isCrowded() bool {
	open := 0
	for _, owner := range p.rule.owners() {
		open += readCount(p.get(flow.CountKey(p.state.Dry, owner)))
	}
	if open < maxOpenDigests {
		return false
	}
	p.noteOnce([]string{fmt.Sprintf("group: %s digests of the rule are open, so messages with further values of by share one, "+
		"until some are sent", value.Grouped(maxOpenDigests))})
	return true
}

// countDigest counts a digest that is opened.
func (p *passage) countDigest() {
	key := flow.CountKey(p.state.Dry, p.rule.Name)
	p.put(Change{Key: key, Value: strconv.AppendInt(nil, int64(readCount(p.get(key))+1), 10)})
}

// uncountDigest counts a digest that ends. Those of a rule that was removed have its name.
func (w *waking) uncountDigest(d *flow.DigestSlot) {
	if !d.Counted {
		return
	}
	c := Change{Key: flow.CountKey(w.name.Dry, w.name.Owner)}
	if open := readCount(w.state.get(c.Key)); open > 1 {
		c.Value = strconv.AppendInt(nil, int64(open-1), 10)
	}
	w.decision.Changes = append(w.decision.Changes, c)
}

// readCount reads a number of open digests. A value that cannot be read counts as none.
func readCount(data []byte) int {
	n, err := strconv.Atoi(string(data))
	if err != nil {
		return 0
	}
	return max(0, n)
}
