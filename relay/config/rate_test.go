package config

import (
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
)

func TestAnAccountIsKeptAsADigest(t *testing.T) {
	account := accountOf(notifiers.Kind{Type: "slack", Account: func(any) string { return "xoxb-secret" }}, nil)
	if !strings.HasPrefix(account, "slack#") || len(account) != len("slack#")+32 ||
		strings.Contains(account, "secret") {
		t.Errorf("got %q", account)
	}
	for name, of := range map[string]func(any) string{"none": nil, "an unset one": func(any) string { return "" }} {
		if account := accountOf(notifiers.Kind{Type: "slack", Account: of}, nil); account != "" {
			t.Errorf("%s: got %q, which notifiers would share", name, account)
		}
	}
}

func TestEveryRateHasWords(t *testing.T) {
	words := map[string]string{}
	for _, k := range builtin.Kinds() {
		n := Notifier{Kind: k}
		text, each := n.RateText()
		if (text != "") != (k.Rate.Messages > 0) || each != (k.Target != nil && text != "") {
			t.Errorf("%s: %q, each %v", k.Type, text, each)
		}
		words[k.Type] = text
	}
	if words["discord"] != "150/m" || words["ntfy"] != "12/m" || words["slack"] != "1/s" || words["http"] != "" {
		t.Errorf("got %v", words)
	}
}
