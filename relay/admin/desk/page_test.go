package desk

import (
	"strings"
	"testing"

	"qaserelay/relay/store"
)

func TestAPageOfLongEventsIsShorter(t *testing.T) {
	found := make([]store.StoredEvent, 5)
	for i := range found {
		found[i] = store.StoredEvent{ID: store.ID(100 + i), Body: []byte(`{}`)}
	}
	found[1].Body = []byte(`"` + strings.Repeat("x", maxExportBytes) + `"`)
	page, err := exportPage(t.Context(), nil, past{found, 500}, false)
	if err != nil || len(page.Events) != 2 || page.Next != found[1].ID.String() {
		t.Errorf("got %d events, next %s, %v", len(page.Events), page.Next, err)
	}
}
