package main

import (
	"slices"
	"strings"
	"testing"

	"qaserelay/relay/admin/access"
)

// TestTheTokensOfThePageAreRead reads the file of tokens that the page of the admin address shows.
func TestTheTokensOfThePageAreRead(t *testing.T) {
	for _, p := range allPages(t) {
		for _, b := range p.blocks {
			if b.marks["test"] != t.Name() {
				continue
			}
			tokens, err := access.ParseTokens(strings.NewReader(b.text))
			if err != nil || !slices.ContainsFunc(tokens, func(one access.Token) bool { return one.Role == access.Read }) {
				t.Errorf("%s:%d: %v, %v", b.page, b.line, tokens, err)
			}
			return
		}
	}
	t.Error("no page shows a file of tokens")
}
