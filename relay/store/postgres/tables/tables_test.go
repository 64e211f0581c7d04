package tables

import (
	"fmt"
	"strings"
	"testing"

	"qaserelay/relay/store"
)

func TestTheDeliveriesThatAnEventKeepsIDsForAreNotApart(t *testing.T) {
	near := fmt.Sprint("BETWEEN 1 AND ", store.NearIDs)
	if !strings.Contains(apart, near) || !strings.Contains(DeliveriesOf("SELECT 1"), fmt.Sprint("event + ", store.NearIDs, " ")) {
		t.Errorf("want %s, have %s and %s", near, apart, DeliveriesOf("SELECT 1"))
	}
}
